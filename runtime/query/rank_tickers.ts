import { compareDecimals } from "../market/decimal.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import type { MarketQuery, Page, Ticker } from "./market_query.ts";

type Ranked = { symbol: string; value: string | null };

/**
 * A page of tickers in an order: by value, the highest first and what has none last, or by symbol. Symbols settle ties,
 * so the order is total and a cursor names one place in it.
 */
export function rankTickers(tickers: Ticker[], options: Parameters<MarketQuery["tickers"]>[0]): Page<Ticker> {
  const { orderBy, limit, cursor } = options;
  const ranked = tickers.map((ticker) => ({
    ticker,
    symbol: ticker.symbol,
    value: orderBy === "symbol" ? null : ticker[orderBy],
  })).sort(compare);
  const kind = `tickers:${orderBy}`;
  const after = decodeCursor(kind, ["string", "string"], cursor) as [string, string] | undefined;
  const start = after === undefined
    ? 0
    : ranked.findIndex((entry) =>
      compare(entry, { value: after[0] === "" ? null : after[0], symbol: after[1] }) > 0
    );
  if (start < 0) return { rows: [], next: null };
  const page = ranked.slice(start, start + limit);
  const last = page[page.length - 1];
  const more = last !== undefined && start + limit < ranked.length;
  return {
    rows: page.map(({ ticker }) => ticker),
    next: more ? encodeCursor(kind, [last.value ?? "", last.symbol]) : null,
  };
}

function compare(a: Ranked, b: Ranked): number {
  if (a.value !== null && b.value !== null) {
    const order = compareDecimals(b.value, a.value);
    if (order !== 0) return order;
  } else if (a.value !== b.value) return a.value === null ? 1 : -1;
  return a.symbol < b.symbol ? -1 : a.symbol > b.symbol ? 1 : 0;
}
