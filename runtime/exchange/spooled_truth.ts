import type { ExchangeTruth } from "./market.ts";
import type { SymbolSpool } from "./spool_symbol.ts";

/** What really happened, from what is kept of each symbol. */
export function truthOf(kept: (symbol: string) => SymbolSpool | undefined): ExchangeTruth {
  return {
    tradeRange(symbol) {
      const trades = kept(symbol)?.trades;
      if (trades === undefined || trades.length === 0) return undefined;
      const count = trades.length;
      return {
        first: trades.firstId,
        last: trades.idOf(count - 1),
        count,
        ...trades.first > 0 && { kept: trades.idOf(trades.first) },
      };
    },
    missingTradeIds: (symbol) => kept(symbol)?.trades.missing() ?? [],
    bookAt: (symbol, updateId) => kept(symbol)?.books.bookAt(updateId),
    bookTickerAt: (symbol, updateId) => kept(symbol)?.books.bestAt(updateId),
  };
}
