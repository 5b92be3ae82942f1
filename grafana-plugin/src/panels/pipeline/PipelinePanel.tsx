import React, { useMemo, useRef } from 'react';
import { css } from '@emotion/css';
import type { DataFrame, PanelProps } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { framesWith } from '../frame_reader';
import { PanelMessage } from '../PanelMessage';
import { PanelState } from '../PanelState';
import { FlowView } from './FlowView';
import { EDGE_NEEDS, STAGE_NEEDS, flowOfFrames } from './model';
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
  // A live channel sends one frame at a time: the last stages and the last edges are kept until the next ones.
  const last = useRef<{ stages?: DataFrame; edges?: DataFrame }>({});
  const flow = useMemo(() => {
    const stages = framesWith(data.series, STAGE_NEEDS)[0] ?? last.current.stages;
    const edges = framesWith(data.series, EDGE_NEEDS)[0] ?? last.current.edges;
    last.current = { stages, edges };
    const known = [stages, edges].filter((frame) => frame !== undefined);
    return flowOfFrames(known.length > 0 ? known : data.series);
  }, [data]);
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
