import type { KlineRow } from '../api/types';
import { linearScale, timeTicks, valueTicks, type Tick } from './scale.ts';

/** Where things of a candle chart are, px. Prices become doubles here, for drawing only (I9). */
export type CandleGeometry = {
  /** SVG paths by direction: bodies, wicks and volume columns of all candles at once. */
  paths: Record<'up' | 'down', { bodies: string; wicks: string; volumes: string }>;
  /** One a candle, in the rows' order. */
  centers: number[];
  /** Left edge of the plot's right axis. */
  plotWidth: number;
  /** Height of the plot without the time axis. */
  plotHeight: number;
  priceTicks: Array<Tick & { y: number }>;
  timeTicks: Array<Tick & { x: number }>;
  /** Of the last close; undefined without candles. */
  lastY: number | undefined;
  yOf: (price: number) => number;
};

export type ChartSize = { width: number; height: number; axisWidth: number; axisHeight: number };

const MINUTE_MS = 60_000;
/** The part of the height that volumes take. */
const VOLUME_SHARE = 0.18;

/**
 * Lays candles of one minute out on a time axis: a minute without a candle stays empty.
 * @param rows oldest first, each open time once
 */
export function candleGeometry(rows: readonly KlineRow[], size: ChartSize): CandleGeometry {
  const plotWidth = Math.max(0, size.width - size.axisWidth);
  const plotHeight = Math.max(0, size.height - size.axisHeight);
  const empty = () => ({ bodies: '', wicks: '', volumes: '' });
  const paths = { up: empty(), down: empty() };
  if (rows.length === 0 || plotWidth === 0 || plotHeight === 0) {
    return { paths, centers: [], plotWidth, plotHeight, priceTicks: [], timeTicks: [], lastY: undefined, yOf: () => 0 };
  }
  const from = rows[0].open_time;
  const until = rows[rows.length - 1].open_time + MINUTE_MS;
  const x = linearScale([from, until], [0, plotWidth]);
  const slot = (plotWidth * MINUTE_MS) / (until - from);
  const body = Math.max(1, Math.min(14, slot * 0.7));

  const lows = rows.map((row) => Number(row.low_price)).filter(Number.isFinite);
  const highs = rows.map((row) => Number(row.high_price)).filter(Number.isFinite);
  const low = Math.min(...lows);
  const high = Math.max(...highs);
  // A market that stood still still has a line in the middle.
  const margin = high > low ? (high - low) * 0.06 : Math.max(Math.abs(high) * 0.001, 1e-8);
  const domain: [number, number] = [low - margin, high + margin];
  const volumeTop = plotHeight * (1 - VOLUME_SHARE);
  const y = linearScale(domain, [volumeTop - 4, 4]);
  const mostVolume = Math.max(...rows.map((row) => Number(row.volume)).filter(Number.isFinite), Number.EPSILON);
  const volumeHeight = linearScale([0, mostVolume], [0, plotHeight - volumeTop]);

  const centers: number[] = [];
  for (const row of rows) {
    const [open, close] = [Number(row.open_price), Number(row.close_price)];
    const path = paths[close >= open ? 'up' : 'down'];
    const center = x(row.open_time + MINUTE_MS / 2);
    centers.push(center);
    const left = (center - body / 2).toFixed(1);
    const top = y(Math.max(open, close));
    const height = Math.max(1, y(Math.min(open, close)) - top);
    path.bodies += `M${left} ${top.toFixed(1)}h${body.toFixed(1)}v${height.toFixed(1)}h-${body.toFixed(1)}z`;
    path.wicks += `M${center.toFixed(1)} ${y(Number(row.high_price)).toFixed(1)}V${y(Number(row.low_price)).toFixed(1)}`;
    const column = volumeHeight(Number(row.volume) || 0);
    path.volumes += `M${left} ${plotHeight}h${body.toFixed(1)}v-${column.toFixed(1)}h-${body.toFixed(1)}z`;
  }
  return {
    paths,
    centers,
    plotWidth,
    plotHeight,
    priceTicks: valueTicks(domain[0], domain[1], Math.max(2, volumeTop / 32)).map((tick) => ({ ...tick, y: y(tick.value) })),
    timeTicks: timeTicks(from, until, Math.max(2, plotWidth / 90)).map((tick) => ({ ...tick, x: x(tick.value) })),
    lastY: y(Number(rows[rows.length - 1].close_price)),
    yOf: y,
  };
}

/** The index whose center is nearest to `x`; undefined when there is none. */
export function nearestIndex(centers: readonly number[], x: number): number | undefined {
  let nearest: number | undefined;
  centers.forEach((center, index) => {
    if (nearest === undefined || Math.abs(center - x) < Math.abs(centers[nearest] - x)) {
      nearest = index;
    }
  });
  return nearest;
}
