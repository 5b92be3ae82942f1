import { css } from '@emotion/css';
import React, { useState, type KeyboardEvent, type PointerEvent, type ReactNode } from 'react';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import type { Tick } from '../../model/scale';
import { stepKey } from '../../model/step_key';

/** Where the plot ends and where its ticks are, px. */
export type ChartAxes = {
  plotWidth: number;
  plotHeight: number;
  values: ReadonlyArray<Tick & { y: number }>;
  times: ReadonlyArray<Tick & { x: number }>;
};

/** Half of a time's label: one that is nearer to the left edge would be cut. */
const HALF_LABEL_PX = 18;

/** Height of the time axis, px. */
export const TIME_AXIS_PX = 20;

/**
 * The frame of a chart over time: axes, and above them a line that tells of one of the things drawn, the newest unless pointer or
 * arrow keys choose another. What is chosen is held by its time, so that it stays when newer ones come.
 */
export function TimeChart(props: {
  /** Of the whole frame, to learn its width. */
  place: (element: HTMLElement | null) => void;
  width: number;
  height: number;
  axes: ChartAxes;
  label: string;
  /** Times of the things drawn, oldest first. */
  times: readonly number[];
  /** Which of them is at `x`, px. */
  indexAt: (x: number) => number | undefined;
  /** The line above the chart, and the same in words for screen readers. */
  legend: (index: number) => readonly ReactNode[];
  words: (index: number) => string;
  /** The drawing; `chosen` is undefined while none is chosen. */
  children: (chosen: number | undefined) => ReactNode;
}) {
  const { place, width, height, axes, label, times, indexAt, legend, words, children } = props;
  const styles = useStyles2(getStyles);
  const [chosenTime, setChosenTime] = useState<number>();
  const found = chosenTime === undefined ? -1 : times.indexOf(chosenTime);
  const chosen = found < 0 ? undefined : found;
  const index = chosen ?? times.length - 1;
  const choose = (at: number | null | undefined) => setChosenTime(at === null || at === undefined ? undefined : times[at]);
  const point = (event: PointerEvent<SVGSVGElement>) => choose(indexAt(event.clientX - event.currentTarget.getBoundingClientRect().left));
  const key = (event: KeyboardEvent) => {
    const next = stepKey(event.key, index, times.length);
    if (next !== undefined) {
      event.preventDefault();
      choose(next);
    }
  };
  return (
    <div ref={place} className={styles.frame}>
      <div className={styles.legend} aria-live={chosen === undefined ? 'off' : 'polite'}>
        {index >= 0 && legend(index).map((part, at) => <span key={at}>{part}</span>)}
      </div>
      <svg
        width={width}
        height={height}
        className={styles.chart}
        role="slider"
        tabIndex={0}
        aria-label={`${label}: choose by the arrow keys`}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, times.length - 1)}
        aria-valuenow={Math.max(0, index)}
        aria-valuetext={index < 0 ? 'Nothing to show' : words(index)}
        onPointerMove={point}
        onPointerLeave={() => choose(undefined)}
        onKeyDown={key}
      >
        {axes.values.map((tick) => (
          <g key={tick.value}>
            <line className={styles.grid} x1={0} x2={axes.plotWidth} y1={tick.y} y2={tick.y} />
            <text className={styles.tick} x={axes.plotWidth + 6} y={tick.y + 4}>
              {tick.label}
            </text>
          </g>
        ))}
        {axes.times.map((tick) => (
          <g key={tick.value}>
            <line className={styles.grid} x1={tick.x} x2={tick.x} y1={0} y2={axes.plotHeight} />
            <text className={styles.tick} x={tick.x} y={height - 5} textAnchor={tick.x < HALF_LABEL_PX ? 'start' : 'middle'}>
              {tick.label}
            </text>
          </g>
        ))}
        {children(chosen)}
      </svg>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  frame: css({ minWidth: 0, width: '100%' }),
  legend: css({
    display: 'flex',
    flexWrap: 'wrap',
    gap: theme.spacing(0, 1.5),
    minHeight: theme.spacing(2.5),
    fontSize: theme.typography.bodySmall.fontSize,
    color: theme.colors.text.secondary,
    fontVariantNumeric: 'tabular-nums',
  }),
  chart: css({ display: 'block', touchAction: 'pan-y', '&:focus-visible': { outline: `2px solid ${theme.colors.primary.main}` } }),
  grid: css({ stroke: theme.colors.border.weak }),
  tick: css({ fill: theme.colors.text.secondary, fontSize: 11 }),
});
