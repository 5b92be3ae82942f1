import React, { useMemo, useState } from 'react';
import { css } from '@emotion/css';
import type { PanelProps } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { PanelMessage } from '../PanelMessage';
import { PanelState } from '../PanelState';
import { FlowView } from './FlowView';
import { FlowMemory } from './flow_memory';
import type { PipelineOptions } from './options';

/** The panel: frames to the flow. */
export function PipelinePanel(props: PanelProps<PipelineOptions>) {
  return (
    <PanelState data={props.data} advice="Choose the kind “pipeline” in the query; it needs the control API’s address in the data source.">
      <Flow {...props} />
    </PanelState>
  );
}

function Flow({ data, options, width, height }: PanelProps<PipelineOptions>) {
  const styles = useStyles2(getStyles);
  const [memory] = useState(() => new FlowMemory());
  const flow = useMemo(() => memory.of(data), [data, memory]);
  if ('problem' in flow) {
    return (
      <PanelMessage kind="error" title="No pipeline in this data">
        {flow.problem}
      </PanelMessage>
    );
  }
  return (
    <div className={styles.scroll} style={{ width, height }} tabIndex={0} role="region" aria-label="Pipeline">
      <FlowView
        key={options.show}
        flow={flow}
        width={width - 12}
        height={height}
        show={options.show}
        limits={{ warnSeconds: options.lagWarnSeconds, badSeconds: options.lagBadSeconds }}
      />
    </div>
  );
}

const getStyles = () => ({ scroll: css({ overflow: 'auto' }) });
