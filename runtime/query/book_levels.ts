import { formatUnits, parseDecimal, unitsAt } from "../market/decimal.ts";
import { formatTrimmed, product } from "./decimal_product.ts";
import type { BookLevel } from "./market_query.ts";

/** What a book's best levels tell; null where a side is empty. */
export type BookTop = {
  best_bid: string | null;
  best_ask: string | null;
  spread: string | null;
  mid: string | null;
};

/** A side's JSON text `[["price","quantity"],…]`, best first, to pairs; else what is wrong with it. */
export function parseSide(text: string): [string, string][] | string {
  let side: unknown;
  try {
    side = JSON.parse(text);
  } catch (error) {
    return (error as Error).message;
  }
  if (!Array.isArray(side)) return "it is no list of levels";
  for (let at = 0; at < side.length; at++) {
    const level: unknown = side[at];
    if (
      !Array.isArray(level) || level.length !== 2 ||
      !level.every((value) => typeof value === "string" && parseDecimal(value) !== undefined)
    ) return `level ${at} is no [price, quantity] of decimal text`;
  }
  return side as [string, string][];
}

/** Both sides flattened to numbered levels (1 is the best), bids first, with price × quantity. */
export function flattenBook(bids: [string, string][], asks: [string, string][]): BookLevel[] {
  const side = (name: "bid" | "ask", levels: [string, string][]) =>
    levels.map(([price, quantity], at): BookLevel => ({
      side: name,
      level: at + 1,
      price,
      quantity,
      notional: product(price, quantity)!,
    }));
  return [...side("bid", bids), ...side("ask", asks)];
}

/** Best bid and ask, spread and mid, exact. */
export function topOfBook(bids: [string, string][], asks: [string, string][]): BookTop {
  const bid = bids[0]?.[0] ?? null;
  const ask = asks[0]?.[0] ?? null;
  if (bid === null || ask === null) return { best_bid: bid, best_ask: ask, spread: null, mid: null };
  const scale = Math.max(parseDecimal(bid)!.scale, parseDecimal(ask)!.scale);
  const low = unitsAt(bid, scale)!;
  const high = unitsAt(ask, scale)!;
  return {
    best_bid: bid,
    best_ask: ask,
    spread: formatUnits(high - low, scale),
    mid: formatTrimmed({ units: (low + high) * 5n, scale: scale + 1 }, scale),
  };
}
