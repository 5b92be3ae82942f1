import { parseDecimal } from "../../market/decimal.ts";
import type { EpochMs } from "../../market/epoch.ts";
import type { TradeRow } from "../../market/table.ts";
import { DecimalSum, quotient } from "../../query/decimal_product.ts";
import type { WindowLength } from "../../query/market_query.ts";
import type { DirtyMinute, MarketStore, StoredWindow } from "../store/market_store.ts";

/** Lengths in ms. */
export const WINDOW_MS: Readonly<Record<WindowLength, number>> = {
  "1s": 1000,
  "1m": 60_000,
  "5m": 300_000,
  "1h": 3_600_000,
};

/** Options of {@linkcode recomputeWindows}. */
export type RecomputeOptions = {
  /** Minutes, and trades that are read, at most in one step. */
  maxMinutes: number;
  maxTrades: number;
  /** Whose minutes are computed; all symbols' without it. */
  owns?: (symbol: string) => boolean;
};

/**
 * One bounded step: computes the windows of marked minutes again from the stored trades, and unmarks them. Never
 * incremented, so that late, repeated and deleted trades need no special case (I2): whatever the order of events, the
 * windows follow from the trades that are stored. Answers with what was computed.
 *
 * - 1 s: from the second's trades. Its realised variance is the sum of squared log returns of consecutive trades.
 * - 1 m: sums of its seconds; realised variance = sum of squared log returns of the consecutive closes of its seconds
 *   (a second without a trade has no close). The return across the minute's border belongs to neither minute.
 * - 5 m and 1 h: sums of their minutes, the variance too.
 */
export async function recomputeWindows(
  store: MarketStore,
  options: RecomputeOptions,
): Promise<{ windows: StoredWindow[]; minutes: number; more: boolean }> {
  const marked = await store.dirtyMinutes(options.maxMinutes, { owns: options.owns });
  const done: DirtyMinute[] = [];
  const fresh = new Map<string, StoredWindow>();
  const windows: StoredWindow[] = [];
  let trades = 0;
  for (const dirty of marked) {
    if (trades >= options.maxTrades) break;
    const rows = await store.minuteTrades(dirty.symbol, dirty.minute);
    trades += rows.length;
    const computed = minuteWindows(dirty.symbol, dirty.minute, rows);
    windows.push(...computed.seconds, computed.minute);
    fresh.set(`${dirty.symbol} ${dirty.minute}`, computed.minute);
    done.push(dirty);
  }
  const hours = new Map(done.map(({ symbol, minute }) => {
    const hour = floor(minute, WINDOW_MS["1h"]);
    return [`${symbol} ${hour}`, { symbol, hour }];
  }));
  for (const { symbol, hour } of hours.values()) {
    const stored = await store.storedWindows(symbol, "1m", hour, hour + WINDOW_MS["1h"] as EpochMs);
    const minutes = new Map(stored.map((row) => [row.open_time, row]));
    const fives = new Set<EpochMs>();
    for (const { symbol: of, minute } of done) {
      if (of !== symbol || floor(minute, WINDOW_MS["1h"]) !== hour) continue;
      minutes.set(minute, fresh.get(`${symbol} ${minute}`)!);
      fives.add(floor(minute, WINDOW_MS["5m"]));
    }
    const ordered = [...minutes.values()].filter((row) => row.trade_count > 0)
      .sort((a, b) => a.open_time - b.open_time);
    for (const five of fives) {
      const within = ordered.filter((row) => floor(row.open_time, WINDOW_MS["5m"]) === five);
      windows.push(sumWindows(symbol, "5m", five, within));
    }
    windows.push(sumWindows(symbol, "1h", hour, ordered));
  }
  if (done.length > 0) await store.writeWindows(windows, done);
  const more = done.length < marked.length || marked.length === options.maxMinutes;
  return { windows, minutes: done.length, more };
}

/** The windows of one minute from its trades in id order. */
export function minuteWindows(
  symbol: string,
  minute: EpochMs,
  trades: TradeRow[],
): { seconds: StoredWindow[]; minute: StoredWindow } {
  const groups = new Map<EpochMs, TradeRow[]>();
  for (const trade of trades) {
    const second = floor(trade.trade_time, 1000);
    const group = groups.get(second);
    if (group === undefined) groups.set(second, [trade]);
    else group.push(trade);
  }
  const ordered = [...groups].sort(([a], [b]) => a - b);
  const seconds = ordered.map(([second, group]) => secondWindow(symbol, second, group));
  const total = sumWindows(symbol, "1m", minute, seconds);
  if (seconds.length > 0) {
    total.realised_variance = squaredReturns(ordered.map(([, group]) => group[group.length - 1]!.price));
  }
  return { seconds, minute: total };
}

function secondWindow(symbol: string, second: EpochMs, trades: TradeRow[]): StoredWindow {
  const volume = new DecimalSum();
  const quoteVolume = new DecimalSum(16);
  for (const { price, quantity } of trades) {
    const p = parseDecimal(price)!;
    const q = parseDecimal(quantity)!;
    volume.add(q.units, q.scale);
    quoteVolume.add(p.units * q.units, p.scale + q.scale);
  }
  return {
    symbol,
    window: "1s",
    open_time: second,
    trade_count: trades.length,
    ...money(volume, quoteVolume),
    realised_variance: squaredReturns(trades.map(({ price }) => price)),
    first_trade_id: trades[0]!.trade_id,
    last_trade_id: trades[trades.length - 1]!.trade_id,
  };
}

/** A longer window from the shorter ones within it, in time order. */
export function sumWindows(
  symbol: string,
  window: WindowLength,
  open_time: EpochMs,
  parts: StoredWindow[],
): StoredWindow {
  const volume = new DecimalSum();
  const quoteVolume = new DecimalSum(16);
  let trade_count = 0;
  let realised_variance: number | null = null;
  let first_trade_id = -1;
  let last_trade_id = -1;
  for (const part of parts) {
    const v = parseDecimal(part.volume)!;
    const q = parseDecimal(part.quote_volume)!;
    volume.add(v.units, v.scale);
    quoteVolume.add(q.units, q.scale);
    trade_count += part.trade_count;
    realised_variance = (realised_variance ?? 0) + (part.realised_variance ?? 0);
    if (first_trade_id < 0 || part.first_trade_id < first_trade_id) first_trade_id = part.first_trade_id;
    if (part.last_trade_id > last_trade_id) last_trade_id = part.last_trade_id;
  }
  return {
    symbol,
    window,
    open_time,
    trade_count,
    ...money(volume, quoteVolume),
    realised_variance,
    first_trade_id,
    last_trade_id,
  };
}

function money(volume: DecimalSum, quoteVolume: DecimalSum) {
  return {
    volume: volume.toString(),
    quote_volume: quoteVolume.toString(),
    vwap: volume.value.units === 0n ? null : quotient(quoteVolume.value, volume.value),
  };
}

/** A statistic, so a float: the sum of (ln pᵢ − ln pᵢ₋₁)², in order. */
function squaredReturns(prices: string[]): number {
  let sum = 0;
  let last = NaN;
  for (const text of prices) {
    const log = Math.log(Number(text));
    const step = log - last;
    if (Number.isFinite(step)) sum += step * step;
    last = log;
  }
  return sum;
}

function floor(time: number, by: number): EpochMs {
  return Math.floor(time / by) * by as EpochMs;
}
