import React, { type ReactNode } from 'react';
import { LoadingState, type PanelData } from '@grafana/data';
import { PanelMessage } from './PanelMessage';

/**
 * A panel's states before its drawing: an error of the query, waiting for the first answer, no data. A panel that has data
 * goes on showing it while the next answer is on its way.
 * @param props.advice what to do when there is no data
 */
export function PanelState(props: { data: PanelData; advice: string; children: ReactNode }) {
  const { data, advice, children } = props;
  // A data source that throws comes as `error` alone: Grafana fills `errors` only from answers that hold them.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  const problem = data.errors?.[0] ?? data.error;
  const none = data.series.length === 0;
  if (problem !== undefined && (none || data.state === LoadingState.Error)) {
    return (
      <PanelMessage kind="error" title="The query failed">
        {problem.data?.message ?? problem.message ?? 'The data source gave no reason; see the query inspector.'}
      </PanelMessage>
    );
  }
  if (none && data.state === LoadingState.Loading) {
    return <PanelMessage kind="loading" title="Loading…" />;
  }
  if (none) {
    return (
      <PanelMessage kind="empty" title="No data">
        {advice}
      </PanelMessage>
    );
  }
  return <>{children}</>;
}
