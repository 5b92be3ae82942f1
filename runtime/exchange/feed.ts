import type { SymbolInfo } from "./market.ts";
import type { StateReader, StateWriter } from "./state_bytes.ts";

/**
 * A symbol with the scales in which its feed counts: prices in ticks of 10^-`priceScale`, quantities in lots of
 * 10^-`quantityScale`. Integers only, so that nothing is ever rounded.
 */
export type FeedSymbol = { info: SymbolInfo; priceScale: number; quantityScale: number };

/** What takes a feed's events. Plain numbers and no objects: it is called for every event of the market. */
export interface FeedSink {
  /** `takerOrder` is -1 when unknown. */
  trade(
    symbol: number,
    id: number,
    price: number,
    quantity: number,
    time: number,
    isBuyerMaker: boolean,
    takerOrder: number,
  ): void;
  /** Sides are price, quantity, price, quantity, …; the arrays are valid only during the call. */
  depth(
    symbol: number,
    firstUpdateId: number,
    finalUpdateId: number,
    time: number,
    bids: number[],
    asks: number[],
  ): void;
  bookTicker(
    symbol: number,
    updateId: number,
    time: number,
    bid: number,
    bidQuantity: number,
    ask: number,
    askQuantity: number,
  ): void;
}

/** A whole book: price, quantity, price, quantity, …, best first. */
export type FeedBook = { updateId: number; bids: number[]; asks: number[] };

/**
 * Where a market's events come from: a deterministic sequence of steps, each of zero or more events. The state after
 * n steps depends on how the feed was made and on n alone, never on when or in what portions the steps were taken;
 * that is what lets a market that was killed go on without telling two things under one id.
 *
 * Call order: `begin()` or `restore()` once, then `step()` as long as `nextTime()` is finite. Not reentrant.
 */
export interface EventFeed {
  readonly symbols: readonly FeedSymbol[];
  /** Tells what happened before the first step (history), oldest first for each symbol. Returns the starting time. */
  begin(sink: FeedSink): number;
  /** Time of the next step, never decreasing; Infinity when the feed has ended. */
  nextTime(): number;
  step(sink: FeedSink): void;
  /** Moves all that is still to come by so many ms, whole and not negative: the market was closed. Saved with the state. */
  delay(ms: number): void;
  /** The book as of the last step; at most `limit` levels a side. */
  book(symbol: number, limit: number): FeedBook;
  /**
   * A number that differs, for all practical purposes, when two states differ in more than a delay. Guards the replay
   * after a restart.
   */
  fingerprint(): number;
  save(out: StateWriter): void;
  restore(state: StateReader): void;
  close(): void;
}
