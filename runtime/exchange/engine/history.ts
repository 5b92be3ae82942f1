import type { FeedSink } from "../feed.ts";
import type { FairPrice } from "./fair_price.ts";
import type { Listing } from "./listing.ts";
import type { Random } from "./random.ts";

const MINUTE_MS = 60_000;

/** What happened before the market was watched. */
export type HistoryOptions = {
  listings: readonly Listing[];
  fair: FairPrice;
  random: Random;
  /** Its end, exclusive; the start of the market. */
  start: number;
  minutes: number;
  /** Trades per second of the market to come: coarse trades stand for that many, so that volumes fit. */
  ratePerSecond: number;
};

/**
 * A coarse past, oldest first for each market: a few trades a minute along a random walk that ends at the present
 * fair prices, so that 24 h statistics and candles are not empty at the start. `nextId` gives a market's trade ids.
 */
export function tellHistory(
  sink: FeedSink,
  options: HistoryOptions,
  nextId: (market: number) => number,
): void {
  const { listings, random, start, minutes } = options;
  const walks = new Map<string, Float64Array>();
  const factor = walk(minutes, 0.025 / Math.sqrt(1440), random);
  for (const { base, quote } of listings) {
    for (const asset of [base, quote]) {
      if (walks.has(asset.name)) continue;
      const own = walk(minutes, asset.dailyVolatility / Math.sqrt(1440), random);
      walks.set(asset.name, own.map((value, i) => value + asset.beta * factor[i]!));
    }
  }
  const total = listings.reduce((sum, listing) => sum + listing.weight, 0);
  listings.forEach((listing, market) => {
    const now = options.fair.ticks(market);
    const base = walks.get(listing.base.name)!;
    const quote = walks.get(listing.quote.name)!;
    const perMinute = options.ratePerSecond * 60 * listing.weight / total;
    const mean = 1 + Math.min(4, 20 * listing.weight / total);
    const lotsEach = perMinute / mean * 250 / options.fair.baseUsd(market) * 10 ** listing.quantityScale;
    for (let minute = minutes; minute > 0; minute--) {
      const count = 1 + random.integer(2 * mean - 1);
      for (let i = 0; i < count; i++) {
        const time = start - minute * MINUTE_MS + Math.floor((i + random.unit()) * MINUTE_MS / count);
        const ticks = now * Math.exp(base[minute]! - quote[minute]! + 0.0001 * random.normal());
        const lots = Math.max(1, Math.round(lotsEach * Math.exp(0.5 * random.normal())));
        const id = nextId(market);
        // Older than any order of the engine: their ids start at one order's capacity.
        sink.trade(market, id, Math.max(1, Math.round(ticks)), lots, time, random.integer(2) === 0, -1);
      }
    }
  });
}

/** A walk by minutes into the past: 0 at the present. */
function walk(minutes: number, step: number, random: Random): Float64Array {
  const out = new Float64Array(minutes + 1);
  for (let i = 1; i <= minutes; i++) out[i] = out[i - 1]! + step * random.normal();
  return out;
}
