import { css } from '@emotion/css';
import React, { memo, useMemo, useState, type KeyboardEvent, type PointerEvent } from 'react';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { count, utc } from '../../../../runtime/console/format.js';
import type { KlineRow } from '../../api/types';
import { candleGeometry, nearestIndex } from '../../model/candle_geometry';
import { useWidth } from '../App/hooks';
import { Decimal } from '../parts/Figures';

const HEIGHT = 300;
const AXIS = { axisWidth: 72, axisHeight: 20 };

/**
 * Candles of one minute with volume. The drawing is of doubles; the line above it tells the chosen candle's exact text (I9).
 * Pointer or arrow keys choose a candle, otherwise it is the newest.
 */
export const CandleChart = memo(function CandleChart({ candles, label }: { candles: readonly KlineRow[]; label: string }) {
  const styles = useStyles2(getStyles);
  const [place, width] = useWidth();
  const [chosenTime, setChosenTime] = useState<number>();
  const geometry = useMemo(() => candleGeometry(candles, { width, height: HEIGHT, ...AXIS }), [candles, width]);
  const found = chosenTime === undefined ? -1 : candles.findIndex((row) => row.open_time === chosenTime);
  const index = found < 0 ? candles.length - 1 : found;
  const row = candles[index];
  const point = (event: PointerEvent<SVGSVGElement>) => {
    const x = event.clientX - event.currentTarget.getBoundingClientRect().left;
    const nearest = nearestIndex(geometry.centers, x);
    setChosenTime(nearest === undefined ? undefined : candles[nearest].open_time);
  };
  const key = (event: KeyboardEvent) => {
    const steps: Record<string, number> = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: candles.length - 1 };
    const next = steps[event.key];
    if (next !== undefined) {
      event.preventDefault();
      setChosenTime(candles[Math.max(0, Math.min(candles.length - 1, next))]?.open_time);
    } else if (event.key === 'Escape') {
      setChosenTime(undefined);
    }
  };
  return (
    <div ref={place} className={styles.frame}>
      <div className={styles.legend} aria-live={found < 0 ? 'off' : 'polite'}>
        {row !== undefined && (
          <>
            <span>{utc(row.open_time, 'minute')} UTC</span>
            <span>
              O <Decimal text={row.open_price} />
            </span>
            <span>
              H <Decimal text={row.high_price} />
            </span>
            <span>
              L <Decimal text={row.low_price} />
            </span>
            <span>
              C <Decimal text={row.close_price} />
            </span>
            <span>
              Vol <Decimal text={row.volume} />
            </span>
            <span>{count(row.number_of_trades)} trades</span>
            <span>{[row.closed ? 'closed' : 'open', row.backfill ? 'backfilled' : ''].filter(Boolean).join(', ')}</span>
          </>
        )}
      </div>
      <svg
        width={width}
        height={HEIGHT}
        className={styles.chart}
        role="slider"
        tabIndex={0}
        aria-label={`${label}: choose a candle with the arrow keys`}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, candles.length - 1)}
        aria-valuenow={Math.max(0, index)}
        aria-valuetext={
          row === undefined ? 'No candle' : `${utc(row.open_time, 'minute')} UTC, close ${row.close_price}, high ${row.high_price}, low ${row.low_price}`
        }
        onPointerMove={point}
        onPointerLeave={() => setChosenTime(undefined)}
        onKeyDown={key}
      >
        {geometry.priceTicks.map((tick) => (
          <g key={tick.label}>
            <line className={styles.grid} x1={0} x2={geometry.plotWidth} y1={tick.y} y2={tick.y} />
            <text className={styles.tick} x={geometry.plotWidth + 6} y={tick.y + 4}>
              {tick.label}
            </text>
          </g>
        ))}
        {geometry.timeTicks.map((tick) => (
          <g key={tick.value}>
            <line className={styles.grid} x1={tick.x} x2={tick.x} y1={0} y2={geometry.plotHeight} />
            <text className={styles.tick} x={tick.x} y={HEIGHT - 5} textAnchor="middle">
              {tick.label}
            </text>
          </g>
        ))}
        {(['up', 'down'] as const).map((direction) => (
          <g key={direction} className={styles[direction]}>
            <path className={styles.volume} d={geometry.paths[direction].volumes} />
            <path className={styles.wick} d={geometry.paths[direction].wicks} />
            <path d={geometry.paths[direction].bodies} />
          </g>
        ))}
        {geometry.lastY !== undefined && (
          <line className={styles.last} x1={0} x2={geometry.plotWidth} y1={geometry.lastY} y2={geometry.lastY} />
        )}
        {found >= 0 && geometry.centers[index] !== undefined && (
          <line
            className={styles.cross}
            x1={geometry.centers[index]}
            x2={geometry.centers[index]}
            y1={0}
            y2={geometry.plotHeight}
          />
        )}
      </svg>
    </div>
  );
});

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
  up: css({ fill: theme.visualization.getColorByName('green'), stroke: theme.visualization.getColorByName('green') }),
  down: css({ fill: theme.visualization.getColorByName('red'), stroke: theme.visualization.getColorByName('red') }),
  wick: css({ fill: 'none' }),
  volume: css({ opacity: 0.35, stroke: 'none' }),
  last: css({ stroke: theme.colors.text.secondary, strokeDasharray: '2 3' }),
  cross: css({ stroke: theme.colors.text.primary, strokeDasharray: '3 3', opacity: 0.6 }),
});
