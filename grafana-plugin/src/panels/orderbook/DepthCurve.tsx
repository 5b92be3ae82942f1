import React, { useMemo, useState, type KeyboardEvent } from 'react';
import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { paleZeros } from '../exact_text';
import { stepKey } from '../../model/step_key';
import { depthPaths, nearestStep, stepAt, stepX } from './depth_curve';
import type { BookColors } from './look';
import type { BookModel } from './model';

const AXIS_PX = 16;

/** What is read of the curve: the place under the pointer, or a level by the arrow keys, which follows the book. */
type Reading = { x: number } | { level: number };

/**
 * Cumulative depth as two staircases. The ladder beside it is its text; a pointer on it, or the arrow keys from level to level, read
 * a price and the total up to it.
 */
export function DepthCurve(props: { model: BookModel; width: number; height: number; colors: BookColors; label: string }) {
  const { model, width, height, colors, label } = props;
  const styles = useStyles2(getStyles);
  const [reading, setReading] = useState<Reading | undefined>(undefined);
  const plot = Math.max(10, height - AXIS_PX);
  const paths = useMemo(() => depthPaths(model.curve, { width, height: plot }), [model, width, plot]);
  if (paths === undefined) {
    return null;
  }
  const { curve } = model;
  // From the lowest bid to the highest ask, as the picture has them.
  const levels = curve.bids.length + curve.asks.length;
  const step = reading === undefined ? undefined : 'x' in reading ? nearestStep(curve, paths, reading.x) : stepAt(curve, reading.level);
  const x = reading === undefined ? undefined : 'x' in reading ? reading.x : step === undefined ? undefined : stepX(paths, step);
  const [middle] = paleZeros(model.mid ?? model.bestBid ?? model.bestAsk ?? '');
  // As many decimals as prices really have: the exchange's text ends in zeros.
  const digits = Math.max(...[model.bestBid, model.bestAsk].map((price) => decimalsOf(paleZeros(price ?? '')[0])));
  const text = step === undefined ? '' : `${shortNumber(step.total)} to ${step.price.toFixed(digits)}`;
  const key = (event: KeyboardEvent) => {
    // Outwards from the spread: the first key reads a best price.
    const from = reading !== undefined && 'level' in reading ? reading.level : curve.bids.length - (event.key === 'ArrowRight' ? 1 : 0);
    const next = stepKey(event.key, from, levels);
    if (next !== undefined) {
      event.preventDefault();
      setReading(next === null ? undefined : { level: next });
    }
  };
  return (
    <div className={styles.curve} style={{ width, height }}>
      <svg
        width={width}
        height={height}
        role="slider"
        tabIndex={0}
        aria-label={`${label}: cumulative depth, read it by the arrow keys`}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, levels - 1)}
        aria-valuenow={reading !== undefined && 'level' in reading ? Math.min(levels - 1, reading.level) : curve.bids.length}
        aria-valuetext={
          step === undefined
            ? `Best bid ${model.bestBid ?? 'none'}, best ask ${model.bestAsk ?? 'none'}`
            : `${step.side === 'bid' ? 'Bids' : 'Asks'}: ${text}`
        }
        onPointerMove={(event) => setReading({ x: event.clientX - event.currentTarget.getBoundingClientRect().left })}
        onPointerLeave={() => setReading(undefined)}
        onBlur={() => setReading(undefined)}
        onKeyDown={key}
      >
        <path d={paths.bids} fill={colors.bid.bar} stroke={colors.bid.line} />
        <path d={paths.asks} fill={colors.ask.bar} stroke={colors.ask.line} />
        <line x1={paths.midX} x2={paths.midX} y1={0} y2={plot} className={styles.mid} />
        {x !== undefined && <line x1={x} x2={x} y1={0} y2={plot} className={styles.pointer} />}
        <text x={2} y={height - 4} className={styles.tick}>
          {paths.low.toFixed(digits)}
        </text>
        <text x={width / 2} y={height - 4} textAnchor="middle" className={styles.tick}>
          {middle}
        </text>
        <text x={width - 2} y={height - 4} textAnchor="end" className={styles.tick}>
          {paths.high.toFixed(digits)}
        </text>
      </svg>
      {step !== undefined && (
        <div className={styles.readout} style={{ color: colors[step.side].text }}>
          {text}
        </div>
      )}
    </div>
  );
}

function decimalsOf(text: string): number {
  return text.split('.')[1]?.length ?? 0;
}

/** Six significant digits: a reading off a picture, not the exact total. */
function shortNumber(value: number): string {
  return String(Number(value.toPrecision(6)));
}

const getStyles = (theme: GrafanaTheme2) => ({
  curve: css({ position: 'relative', '& svg': { display: 'block', '&:focus-visible': { outline: `2px solid ${theme.colors.primary.main}`, outlineOffset: -2 } } }),
  mid: css({ stroke: theme.colors.text.secondary, strokeDasharray: '3 3' }),
  pointer: css({ stroke: theme.colors.text.primary, strokeWidth: 0.5 }),
  tick: css({ fill: theme.colors.text.secondary, fontSize: 11, fontVariantNumeric: 'tabular-nums' }),
  readout: css({
    background: theme.colors.background.elevated ?? theme.colors.background.secondary,
    border: `1px solid ${theme.colors.border.weak}`,
    borderRadius: theme.shape.radius.default,
    fontSize: theme.typography.bodySmall.fontSize,
    fontVariantNumeric: 'tabular-nums',
    left: '50%',
    padding: theme.spacing(0, 0.75),
    pointerEvents: 'none',
    position: 'absolute',
    top: 2,
    transform: 'translateX(-50%)',
    whiteSpace: 'nowrap',
  }),
});
