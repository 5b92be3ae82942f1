import React, { useMemo, useRef, useState } from 'react';
import { css } from '@emotion/css';
import type { DataFrame, PanelProps } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { framesWith } from '../frame_reader';
import { PanelMessage } from '../PanelMessage';
import { PanelState } from '../PanelState';
import { OriginMemory } from '../question';
import { FlowView } from './FlowView';
import { EDGE_NEEDS, FIGURE_NEEDS, STAGE_NEEDS, flowOfFrames } from './model';
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
  // Each frame has a live channel of its own: what one brought last is kept until its next.
  const [memory] = useState(() => new OriginMemory());
  const last = useRef<Array<DataFrame | undefined>>([]);
  const flow = useMemo(() => {
    last.current = [STAGE_NEEDS, EDGE_NEEDS, FIGURE_NEEDS].map((needs, at) => framesWith(data.series, needs)[0] ?? last.current[at]);
    const known = last.current.filter((frame) => frame !== undefined);
    const flow = flowOfFrames(known.length > 0 ? known : data.series);
    const origin = memory.of(data);
    return 'problem' in flow ? flow : { ...flow, simulated: flow.simulated || origin.simulated, originLabel: flow.originLabel ?? origin.label };
  }, [data, memory]);
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
        show={options.show}
        limits={{ warnSeconds: options.lagWarnSeconds, badSeconds: options.lagBadSeconds }}
      />
    </div>
  );
}

const getStyles = () => ({ scroll: css({ overflow: 'auto' }) });
