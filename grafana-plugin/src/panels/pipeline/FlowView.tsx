import React, { useMemo, useState } from 'react';
import { css, cx } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, useStyles2 } from '@grafana/ui';
import { PanelMessage } from '../PanelMessage';
import { SimulatedMark } from '../SimulatedMark';
import { FlowStageBox } from './FlowStageBox';
import { FlowTable } from './FlowTable';
import { flowPlaces } from './flow_place';
import { edgeText, stageTone, type FlowModel, type LagLimits } from './model';
import { StageDetail } from './StageDetail';

export type FlowViewProps = {
  flow: FlowModel;
  /** px; the height follows from it, and boxes are lower where that is more than `height`. */
  width: number;
  height?: number;
  limits?: LagLimits;
  /** Default `flow`; the reader can change it. */
  show?: 'flow' | 'table';
  /** The selected stage's id, when the owner holds it; else the view does. Null: none. */
  selected?: string | null;
  onSelect?: (id: string | null) => void;
};

const HEAD_PX = 24;
const GAP_PX = 8;

/** The way of the data from source to store with live rates; a stage opens its detail. Plain props: the panel and the app's page use it. */
export function FlowView(props: FlowViewProps) {
  const { flow, width, limits, onSelect } = props;
  const styles = useStyles2(getStyles);
  const [own, setOwn] = useState<string | null>(null);
  const [table, setTable] = useState(props.show === 'table');
  const room = (props.height ?? Infinity) - HEAD_PX - GAP_PX;
  const places = useMemo(() => flowPlaces(flow.stages.length, Math.max(140, width), room), [flow.stages.length, width, room]);
  const selected = props.selected === undefined ? own : props.selected;
  const select = (id: string | null) => {
    setOwn(id);
    onSelect?.(id);
  };
  if (flow.stages.length === 0) {
    return (
      <PanelMessage kind="empty" title="No stages">
        The control API told of no stage; look whether the pipeline has started.
      </PanelMessage>
    );
  }
  const stage = flow.stages.find(({ id }) => id === selected);
  return (
    <section
      className={styles.view}
      aria-label="Pipeline"
      onKeyDown={(event) => {
        if (event.key === 'Escape' && stage !== undefined) {
          event.stopPropagation();
          select(null);
        }
      }}
    >
      <div className={styles.head}>
        <SimulatedMark simulated={flow.simulated} label={flow.originLabel} />
        <Button
          className={styles.switch}
          size="sm"
          variant="secondary"
          fill="text"
          icon={table ? 'sitemap' : 'table'}
          onClick={() => setTable(!table)}
        >
          {table ? 'Show as flow' : 'Show as table'}
        </Button>
      </div>
      {table ? (
        <FlowTable stages={flow.stages} />
      ) : (
        <svg width={places.width} height={places.height} className={styles.flow} role="group" aria-label="Stages of the pipeline, in order">
          {places.arrows.map((arrow, at) => {
            const [from, to] = [flow.stages[at], flow.stages[at + 1]];
            const edge = flow.edges.find((one) => one.from === from.id && one.to === to.id);
            const moving = (edge?.rate ?? 0) > 0;
            return (
              <g key={to.id} className={cx(styles.arrow, moving && styles.moving)} aria-hidden="true">
                <title>{`${from.title} → ${to.title}${edge === undefined ? '' : `: ${edgeText(edge)}, ${edge.unit}`}`}</title>
                <path d={arrow.path} className="wire" />
                <path d={arrow.tip} className="tip" />
                <text x={arrow.label.x} y={arrow.label.y} textAnchor={arrow.label.anchor}>
                  {edge === undefined ? '' : edgeText(edge)}
                </text>
              </g>
            );
          })}
          {flow.stages.map((one, at) => (
            <FlowStageBox
              key={one.id}
              stage={one}
              tone={stageTone(one, limits)}
              place={places.boxes[at]}
              selected={one.id === selected}
              onSelect={() => select(one.id === selected ? null : one.id)}
            />
          ))}
        </svg>
      )}
      {stage !== undefined && !table && <StageDetail stage={stage} onClose={() => select(null)} />}
    </section>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  view: css({ display: 'flex', flexDirection: 'column', gap: GAP_PX }),
  head: css({ alignItems: 'center', display: 'flex', height: HEAD_PX }),
  switch: css({ marginLeft: 'auto' }),
  flow: css({ display: 'block', flexShrink: 0, overflow: 'visible' }),
  arrow: css({
    '& .wire': { fill: 'none', stroke: theme.colors.border.strong, strokeWidth: 1.5 },
    '& .tip': { fill: theme.colors.text.disabled },
    '& text': { fill: theme.colors.text.secondary, fontSize: 12, fontVariantNumeric: 'tabular-nums' },
  }),
  moving: css({
    '& .wire': { stroke: theme.colors.success.border },
    '& .tip': { fill: theme.colors.success.border },
    '& text': { fill: theme.colors.text.primary },
    [theme.transitions.handleMotion('no-preference')]: {
      '& .wire': {
        animation: 'candlewire-flow 0.8s linear infinite',
        strokeDasharray: '4 4',
      },
    },
    '@keyframes candlewire-flow': { from: { strokeDashoffset: 8 }, to: { strokeDashoffset: 0 } },
  }),
});
