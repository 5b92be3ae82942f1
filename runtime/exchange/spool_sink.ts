import type { EpochMs } from "../market/epoch.ts";
import type { EventFeed, FeedSink } from "./feed.ts";
import type { ExchangeEvent } from "./market.ts";
import { levelTexts, type SymbolSpool } from "./spool_symbol.ts";

/**
 * Takes a feed's events into what is kept of each symbol, and tells them to `events()`; while that is undefined, the
 * past is told again and nobody hears it.
 */
export function spoolSink(
  feed: EventFeed,
  kept: readonly SymbolSpool[],
  events: () => ExchangeEvent[] | undefined,
): FeedSink {
  return {
    trade: (index, id, price, quantity, time, isBuyerMaker, takerOrder) => {
      const spool = kept[index]!;
      spool.candles.add(time, price, quantity, isBuyerMaker, id);
      spool.tickers.add(spool.trades.length, price, quantity);
      const aggregateId = spool.trades.append(id, price, quantity, time, isBuyerMaker, takerOrder);
      events()?.push({
        type: "trade",
        symbol: spool.symbol,
        tradeId: id,
        price: spool.price.of(price),
        quantity: spool.quantity.of(quantity),
        time: time as EpochMs,
        isBuyerMaker,
        takerOrderId: takerOrder < 0 ? null : takerOrder,
        aggregateId,
      });
    },
    depth: (index, firstUpdateId, finalUpdateId, time, bids, asks) => {
      const spool = kept[index]!;
      if (spool.books.wantsSnapshot) spool.books.appendSnapshot(feed.book(index, Infinity));
      else spool.books.appendDepth(finalUpdateId, bids, asks);
      events()?.push({
        type: "depth",
        symbol: spool.symbol,
        firstUpdateId,
        finalUpdateId,
        time: time as EpochMs,
        bids: levelTexts(bids, spool),
        asks: levelTexts(asks, spool),
      });
    },
    bookTicker: (index, updateId, time, bid, bidQuantity, ask, askQuantity) => {
      const spool = kept[index]!;
      spool.books.appendBest(updateId, time, bid, bidQuantity, ask, askQuantity);
      spool.best = {
        type: "bookTicker",
        symbol: spool.symbol,
        updateId,
        time: time as EpochMs,
        bid: spool.price.of(bid),
        bidQuantity: spool.quantity.of(bidQuantity),
        ask: spool.price.of(ask),
        askQuantity: spool.quantity.of(askQuantity),
      };
      events()?.push(spool.best);
    },
  };
}
