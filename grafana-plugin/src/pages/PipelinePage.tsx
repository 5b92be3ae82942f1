import React, { useCallback, useState } from 'react';
import { useLocation } from 'react-router';
import { LoadingPlaceholder } from '@grafana/ui';
import type { Pipeline } from '../api/types';
import { useApp } from '../components/App/AppContext';
import { useConnection, useLive, useReading, useStore, useWidth } from '../components/App/hooks';
import { PageFrame } from '../components/App/PageFrame';
import { ProblemAlert } from '../components/parts/ProblemAlert';
import { Section } from '../components/parts/Section';
import { Completeness } from '../components/pipeline/Completeness';
import { Lineage } from '../components/pipeline/Lineage';
import { PipelineTiles } from '../components/pipeline/PipelineTiles';
import { Readiness } from '../components/pipeline/Readiness';
import { StageTable } from '../components/pipeline/StageTable';
import { FlowView } from '../panels/pipeline/FlowView';
import { flowOfPipeline } from '../panels/pipeline/model';

/** The way of the data, stage by stage, and whether it is all there. */
export function PipelinePage() {
  return (
    <PageFrame subTitle="The way from the exchange to the store: what flows, how fast, and whether anything is missing">
      <PipelineParts />
    </PageFrame>
  );
}

function PipelineParts() {
  const { api, marked } = useApp();
  const mark = useStore(marked);
  const connection = useConnection();
  const [told, setTold] = useState<Pipeline>();
  // The stream tells each second; reading is for the start and for when the stream does not come about.
  const read = useCallback((signal: AbortSignal) => api.pipeline({ signal }), [api]);
  const reading = useReading(read, connection.state === 'live' ? undefined : 5000);
  useLive(['pipeline'], undefined, { onEvent: (event) => setTold(event.data as Pipeline), onGap: reading.reload });
  const [place, width] = useWidth();
  const { search } = useLocation();
  // Who came by a link to a trade sees its way first; looked up here, it stays where the form is.
  const [linked] = useState(() => new URLSearchParams(search).has('trade'));
  const pipeline = newer(told, reading.data);
  const origin = { simulated: mark?.simulated === true, label: mark?.origin?.label ?? null };
  return (
    <>
      {linked && <Lineage />}
      <ProblemAlert problem={reading.problem} onRetry={reading.reload} />
      {pipeline === undefined && reading.loading && <LoadingPlaceholder text="Reading the pipeline" />}
      {pipeline !== undefined && (
        <>
          <Readiness pipeline={pipeline} />
          <PipelineTiles pipeline={pipeline} />
          <Section title="Flow">
            <div ref={place} style={{ minWidth: 0, width: '100%' }}>
              {width > 0 && <FlowView flow={flowOfPipeline(pipeline, origin)} width={width} />}
            </div>
          </Section>
          <Section title="Stages">
            <StageTable stages={pipeline.stages} />
          </Section>
        </>
      )}
      <Completeness />
      {!linked && <Lineage />}
    </>
  );
}

/** The later of what the stream told and what was read. */
function newer(told: Pipeline | undefined, read: Pipeline | undefined): Pipeline | undefined {
  return told === undefined || (read !== undefined && read.at > told.at) ? read : told;
}
