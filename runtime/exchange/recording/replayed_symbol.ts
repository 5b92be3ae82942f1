import type { FeedBook } from "../feed.ts";
import type { RecordedSymbol } from "./compiler.ts";
import { RecordedBook } from "./recorded_book.ts";

/** One symbol while its recording is told again. */
export type ReplayedSymbol = {
  book: RecordedBook;
  /** The book at the start, to which a new round returns. */
  start: FeedBook;
  /** What bookTicker frames told of later books before the start: update id, bid, quantity, ask, quantity. */
  ahead: number[][];
  /** To divide written integers by: the file's scale to the symbol's. */
  priceDivisor: number;
  quantityDivisor: number;
  /** By how much ids grow from round to round. */
  tradeSpan: number;
  updateSpan: number;
};

/** A symbol before its book is known. */
export function openReplayedSymbol(symbol: RecordedSymbol): ReplayedSymbol {
  return {
    book: new RecordedBook(),
    start: { updateId: 0, bids: [], asks: [] },
    ahead: [],
    priceDivisor: 10 ** (symbol.writtenPriceScale - symbol.priceScale),
    quantityDivisor: 10 ** (symbol.writtenQuantityScale - symbol.quantityScale),
    tradeSpan: 0,
    updateSpan: 0,
  };
}

/** Levels as written to the symbol's own scales: price, quantity, price, quantity, … */
export function scaleLevels(
  cells: ArrayLike<number>,
  at: number,
  length: number,
  recorded: ReplayedSymbol,
): number[] {
  const out = new Array<number>(length);
  for (let i = 0; i < length; i += 2) {
    out[i] = cells[at + i]! / recorded.priceDivisor;
    out[i + 1] = cells[at + i + 1]! / recorded.quantityDivisor;
  }
  return out;
}

/** A whole book as written to the symbol's own scales. */
export function scaledBook(recorded: ReplayedSymbol, book: FeedBook): FeedBook {
  return {
    updateId: book.updateId,
    bids: scaleLevels(book.bids, 0, book.bids.length, recorded),
    asks: scaleLevels(book.asks, 0, book.asks.length, recorded),
  };
}
