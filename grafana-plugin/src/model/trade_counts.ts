import type { KlineRow, WindowLength, WindowRow } from '../api/types';

/** Milliseconds of each window length. */
export const WINDOW_MS: Record<WindowLength, number> = { '1s': 1000, '1m': 60_000, '5m': 300_000, '1h': 3_600_000 };

/** One column of the trade count chart. */
export type CountBar = {
  openTime: number;
  count: number;
  /** Exact text (I9); null where nothing was traded. */
  volume: string | null;
  /** Volume-weighted average price; null where it is not known. */
  vwap: string | null;
  /** False for the window that is still open, and for those that began before the stream: some of their trades are not there. */
  whole: boolean;
};

/**
 * The last `most` windows up to the newest one. A window without trades has no row: it is a zero on the time line, not a gap
 * squeezed out of it.
 * @param rows of one length, oldest first
 * @param streamBegan from when on all trades are there; null when the oldest windows are complete too
 */
export function countBars(
  rows: readonly WindowRow[],
  options: { lengthMs: number; most: number; streamBegan: number | null }
): CountBar[] {
  const { lengthMs, most, streamBegan } = options;
  const newest = rows.at(-1);
  if (newest === undefined) {
    return [];
  }
  const byTime = new Map(rows.map((row) => [row.open_time as number, row]));
  const first = Math.max(rows[0].open_time, newest.open_time - (most - 1) * lengthMs);
  const bars: CountBar[] = [];
  for (let openTime = first; openTime <= newest.open_time; openTime += lengthMs) {
    const row = byTime.get(openTime);
    const whole = openTime !== newest.open_time && (streamBegan === null || openTime >= streamBegan);
    bars.push({ openTime, count: row?.trade_count ?? 0, volume: row?.volume ?? null, vwap: row?.vwap ?? null, whole });
  }
  return bars;
}

/**
 * Trades a minute by the candles, which count every trade, also of the time before the stream: the exchange's own figure.
 * @param candles oldest first
 */
export function countBarsOfCandles(candles: readonly KlineRow[], most: number): CountBar[] {
  return candles.slice(-most).map((candle) => ({
    openTime: candle.open_time,
    count: candle.number_of_trades,
    volume: candle.volume,
    vwap: null,
    whole: candle.closed,
  }));
}

/**
 * When the stream began: candles of before were fetched, and they are the oldest. The minute in which it began is the last
 * one that may lack trades. Null when the oldest came by stream.
 * @param candles oldest first
 */
export function streamBegan(candles: ReadonlyArray<Pick<KlineRow, 'open_time' | 'backfill'>>): number | null {
  if (candles[0]?.backfill !== true) {
    return null;
  }
  const streamed = candles.find((candle) => !candle.backfill);
  return streamed === undefined ? null : streamed.open_time + 60_000;
}
