import { css } from '@emotion/css';
import React, { memo, useMemo } from 'react';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { count, utc } from '../../../../runtime/console/format.js';
import type { KlineRow } from '../../api/types';
import { candleGeometry, nearestIndex } from '../../model/candle_geometry';
import { useWidth } from '../App/hooks';
import { Decimal } from '../parts/Figures';
import { TIME_AXIS_PX, TimeChart } from './TimeChart';

const HEIGHT = 300;
const AXIS = { axisWidth: 72, axisHeight: TIME_AXIS_PX };

/** Candles of one minute with volume. The drawing is of doubles; the line above it tells the chosen candle's exact text (I9). */
export const CandleChart = memo(function CandleChart({ candles, label }: { candles: readonly KlineRow[]; label: string }) {
  const styles = useStyles2(getStyles);
  const [place, width] = useWidth();
  const geometry = useMemo(() => candleGeometry(candles, { width, height: HEIGHT, ...AXIS }), [candles, width]);
  const { centers, paths, plotWidth, plotHeight, lastY } = geometry;
  const legend = (index: number) => {
    const row = candles[index];
    const prices = [
      ['O', row.open_price],
      ['H', row.high_price],
      ['L', row.low_price],
      ['C', row.close_price],
      ['Vol', row.volume],
    ] as const;
    return [
      `${utc(row.open_time, 'minute')} UTC`,
      ...prices.map(([name, text]) => (
        <>
          {name} <Decimal text={text} />
        </>
      )),
      `${count(row.number_of_trades)} trades`,
      [row.closed ? 'closed' : 'open', row.backfill ? 'backfilled' : ''].filter(Boolean).join(', '),
    ];
  };
  const words = (index: number) => {
    const row = candles[index];
    return `${utc(row.open_time, 'minute')} UTC, close ${row.close_price}, high ${row.high_price}, low ${row.low_price}`;
  };
  return (
    <TimeChart
      place={place}
      width={width}
      height={HEIGHT}
      axes={{ plotWidth, plotHeight, values: geometry.priceTicks, times: geometry.timeTicks }}
      label={label}
      times={candles.map((row) => row.open_time)}
      indexAt={(x) => nearestIndex(centers, x)}
      legend={legend}
      words={words}
    >
      {(chosen) => (
        <>
          {(['up', 'down'] as const).map((direction) => (
            <g key={direction} className={styles[direction]}>
              <path className={styles.volume} d={paths[direction].volumes} />
              <path className={styles.wick} d={paths[direction].wicks} />
              <path d={paths[direction].bodies} />
            </g>
          ))}
          {lastY !== undefined && <line className={styles.last} x1={0} x2={plotWidth} y1={lastY} y2={lastY} />}
          {chosen !== undefined && centers[chosen] !== undefined && (
            <line className={styles.cross} x1={centers[chosen]} x2={centers[chosen]} y1={0} y2={plotHeight} />
          )}
        </>
      )}
    </TimeChart>
  );
});

const getStyles = (theme: GrafanaTheme2) => ({
  up: css({ fill: theme.visualization.getColorByName('green'), stroke: theme.visualization.getColorByName('green') }),
  down: css({ fill: theme.visualization.getColorByName('red'), stroke: theme.visualization.getColorByName('red') }),
  wick: css({ fill: 'none' }),
  volume: css({ opacity: 0.35, stroke: 'none' }),
  last: css({ stroke: theme.colors.text.secondary, strokeDasharray: '2 3' }),
  cross: css({ stroke: theme.colors.text.primary, strokeDasharray: '3 3', opacity: 0.6 }),
});
