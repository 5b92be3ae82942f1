import type { Interval } from "./market.ts";

/** A second, a minute and an hour in ms. */
export const S = 1000;
export const M = 60 * S;
export const H = 60 * M;
const D = 24 * H;
/** Length of each interval in ms. */
export const INTERVAL_MS: Readonly<Record<Interval, number>> = {
  "1s": S,
  "1m": M,
  "3m": 3 * M,
  "5m": 5 * M,
  "15m": 15 * M,
  "30m": 30 * M,
  "1h": H,
  "2h": 2 * H,
  "4h": 4 * H,
  "6h": 6 * H,
  "8h": 8 * H,
  "12h": 12 * H,
  "1d": D,
  "3d": 3 * D,
  "1w": 7 * D,
};
/** 1970-01-05 was a Monday; all other grids start with the epoch. */
const MONDAY = 4 * D;

/** Open time of the candle that holds a time. */
export function openTimeOf(interval: Interval, time: number): number {
  const length = INTERVAL_MS[interval];
  const shift = interval === "1w" ? MONDAY : 0;
  return Math.floor((time - shift) / length) * length + shift;
}
