import type { EpochMs } from "../../market/epoch.ts";
import type { WindowLength } from "../../query/market_query.ts";
import type { DirtyMinute, MarketStore, StoredWindow } from "../store/market_store.ts";
import { MinuteSum, sumWindows } from "./minute_sum.ts";

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
  /** How long further minutes are begun, ms; without end when left out. */
  maxMs?: number;
  /** Whose minutes are computed; all symbols' without it. */
  owns?: (symbol: string) => boolean;
  /** Kept from step to step; without it every minute is read as a whole. */
  running?: RunningMinutes;
};

/**
 * One bounded step: computes the windows of marked minutes again from the stored trades, and unmarks them. Answers with what
 * was computed. Whatever the order of events, the windows follow from the trades that are stored (I2): a minute in which a
 * trade was deleted, replaced or came late is read as a whole, and one that only grew at its end gives the same either way.
 * A trade keeps its time: one that a correction moved to another minute marks that one alone.
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
  const { running = new RunningMinutes(), maxMs = Infinity } = options;
  const begun = performance.now();
  const marked = await store.dirtyMinutes(options.maxMinutes, { owns: options.owns });
  const done: DirtyMinute[] = [];
  const fresh = new Map<string, StoredWindow>();
  const windows: StoredWindow[] = [];
  let trades = 0;
  for (const dirty of marked) {
    if (trades >= options.maxTrades || (done.length > 0 && performance.now() - begun > maxMs)) break;
    const { sum, read } = await running.sum(store, dirty);
    trades += read;
    const computed = sum.windows();
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

/** Minutes whose sums are kept (I10). */
const MOST_KEPT = 256;
/** Minutes with fewer trades are as soon read again. */
const FEWEST_TRADES = 100;

/**
 * The sums of busy minutes, so that of a minute that only grows the new trades alone are read: a minute is computed again each
 * second while it runs, and all of 60,000 trades would hold the consumer up for a third of a second each time. Of one store.
 */
export class RunningMinutes {
  readonly #sums = new Map<string, MinuteSum>();
  readonly #fewest: number;

  /** `fewest`: trades of a minute from which on its sums are kept. */
  constructor(fewest = FEWEST_TRADES) {
    this.#fewest = fewest;
  }

  /** A minute's sum as of the stored trades, and how many of them were read for it. */
  async sum(
    store: MarketStore,
    { symbol, minute, fromId }: DirtyMinute,
  ): Promise<{ sum: MinuteSum; read: number }> {
    const key = `${symbol} ${minute}`;
    const kept = this.#sums.get(key);
    // Put last again: the longest untouched is forgotten first. Should its windows not become durable, the store tells of a
    // change at or below its last id the next time, and it is read as a whole.
    this.#sums.delete(key);
    const grown = kept !== undefined && fromId !== undefined && fromId > kept.lastId;
    const trades = await store.minuteTrades(symbol, minute, grown ? fromId : undefined);
    const sum = grown ? kept : new MinuteSum(symbol, minute);
    sum.add(trades);
    if (sum.trades >= this.#fewest) this.#sums.set(key, sum);
    if (this.#sums.size > MOST_KEPT) this.#sums.delete(this.#sums.keys().next().value!);
    return { sum, read: trades.length };
  }
}

function floor(time: number, by: number): EpochMs {
  return Math.floor(time / by) * by as EpochMs;
}
