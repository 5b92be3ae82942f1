import React, { useMemo, useState } from 'react';
import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { depthPaths, nearestStep } from './depth_curve';
import type { BookColors } from './look';
import type { BookModel } from './model';

const AXIS_PX = 16;

/** Cumulative depth as two staircases. The ladder beside it is its text; a pointer on it reads a price and a total. */
export function DepthCurve(props: { model: BookModel; width: number; height: number; colors: BookColors; label: string }) {
  const { model, width, height, colors, label } = props;
  const styles = useStyles2(getStyles);
  const [pointer, setPointer] = useState<number | undefined>(undefined);
  const plot = Math.max(10, height - AXIS_PX);
  const paths = useMemo(() => depthPaths(model.curve, { width, height: plot }), [model, width, plot]);
  if (paths === undefined) {
    return null;
  }
  const step = pointer === undefined ? undefined : nearestStep(model.curve, paths, pointer);
  const middle = model.mid ?? model.bestBid ?? model.bestAsk ?? '';
  const digits = middle.split('.')[1]?.length ?? 0;
  return (
    <div className={styles.curve} style={{ width, height }}>
      <svg
        width={width}
        height={height}
        role="img"
        aria-label={`${label}: cumulative depth, best bid ${model.bestBid ?? 'none'}, best ask ${model.bestAsk ?? 'none'}`}
        onPointerMove={(event) => setPointer(event.clientX - event.currentTarget.getBoundingClientRect().left)}
        onPointerLeave={() => setPointer(undefined)}
      >
        <path d={paths.bids} fill={colors.bid.bar} stroke={colors.bid.line} />
        <path d={paths.asks} fill={colors.ask.bar} stroke={colors.ask.line} />
        <line x1={paths.midX} x2={paths.midX} y1={0} y2={plot} className={styles.mid} />
        {pointer !== undefined && <line x1={pointer} x2={pointer} y1={0} y2={plot} className={styles.pointer} />}
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
          {`${shortNumber(step.total)} to ${step.price.toFixed(digits)}`}
        </div>
      )}
    </div>
  );
}

/** Six significant digits: a reading off a picture, not the exact total. */
function shortNumber(value: number): string {
  return String(Number(value.toPrecision(6)));
}

const getStyles = (theme: GrafanaTheme2) => ({
  curve: css({ position: 'relative', '& svg': { display: 'block' } }),
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
