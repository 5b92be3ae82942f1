import type { EpochMs } from "../market/epoch.ts";
import type { Origin } from "../market/origin.ts";

/** A symbol's rules as exchangeInfo tells them. Sizes are decimal text. */
export type SymbolInfo = {
  symbol: string;
  baseAsset: string;
  quoteAsset: string;
  tickSize: string;
  stepSize: string;
  minQty: string;
  maxQty: string;
  minNotional: string;
};

/** One match. Prices and quantities have the exchange's eight decimals. */
export type ExchangeTrade = {
  type: "trade";
  symbol: string;
  tradeId: number;
  price: string;
  quantity: string;
  /** Virtual time of the match, the wire's `T`; several may share one. */
  time: EpochMs;
  isBuyerMaker: boolean;
  /** Trades of one taker order share it; aggTrades are cut along it. Recordings lack it. */
  takerOrderId: number | null;
  /**
   * The aggTrade that it belongs to, contiguous per symbol: trades in sequence with one taker order (recordings: one
   * time and side) and one price. Both adapters tell it.
   */
  aggregateId?: number;
};

/** All changes of a book within 100 ms. `firstUpdateId` is the previous event's `finalUpdateId` + 1. */
export type ExchangeDepth = {
  type: "depth";
  symbol: string;
  firstUpdateId: number;
  finalUpdateId: number;
  time: EpochMs;
  bids: [string, string][];
  asks: [string, string][];
};

/** The best bid and ask after an update. */
export type ExchangeBookTicker = {
  type: "bookTicker";
  symbol: string;
  updateId: number;
  time: EpochMs;
  bid: string;
  bidQuantity: string;
  ask: string;
  askQuantity: string;
};

/** What happens on the exchange, in virtual-time order. */
export type ExchangeEvent = ExchangeTrade | ExchangeDepth | ExchangeBookTicker;

/** A candle from the trades since the market began; exact sums. `closed` once the virtual clock passed its end. */
export type Candle = {
  symbol: string;
  openTime: EpochMs;
  closeTime: EpochMs;
  open: string;
  high: string;
  low: string;
  close: string;
  volume: string;
  quoteVolume: string;
  takerBuyVolume: string;
  takerBuyQuoteVolume: string;
  trades: number;
  /** -1 when there was no trade. */
  firstTradeId: number;
  lastTradeId: number;
  closed: boolean;
};

/** Rolling statistics over a window (1 h, 4 h, 24 h), as the tickers tell them. */
export type TickerWindow = {
  symbol: string;
  openTime: EpochMs;
  closeTime: EpochMs;
  open: string;
  high: string;
  low: string;
  last: string;
  lastQuantity: string;
  /** Price before the window, the wire's `x`. */
  previousClose: string;
  volume: string;
  quoteVolume: string;
  weightedAverage: string;
  change: string;
  changePercent: string;
  firstTradeId: number;
  lastTradeId: number;
  trades: number;
  bid: string;
  bidQuantity: string;
  ask: string;
  askQuantity: string;
};

/** A whole book at an update id. */
export type BookAt = { lastUpdateId: number; bids: [string, string][]; asks: [string, string][] };

/**
 * The exchange without its network: what happened up to a virtual time, and everything that follows from it. Two
 * adapters of where events come from: the matching engine (`engine/`), and recordings (`recording/`). The server
 * pulls; nothing happens unless it does, so a slow reader slows the whole market down instead of being dropped.
 *
 * It knows the truth: every trade, candle and book is spooled under its folder (the oldest go at a limit), durable before it is told to anyone,
 * so that after `kill -9` it goes on with its ids and never tells two different things under one id.
 */
export interface ExchangeMarket extends AsyncDisposable {
  readonly origin: Origin;
  readonly symbols: readonly SymbolInfo[];
  /** For people, to be printed at start: by how much recorded times are shifted, what was set aside and why. */
  readonly notes?: readonly string[];
  /** Virtual time up to which events were taken. */
  readonly now: EpochMs;
  /** Virtual time of the next event; undefined when a recording without loop has ended. */
  nextTime(): EpochMs | undefined;
  /**
   * Takes events up to and including `until` in order, and updates all that follows. Stops at `limit` of them, except
   * that the events of one order are never torn apart: what was told and what the market knows always agree.
   */
  advance(until: EpochMs, limit: number): ExchangeEvent[];
  book(symbol: string, limit: number): BookAt | undefined;
  bookTicker(symbol: string): ExchangeBookTicker | undefined;
  /** Open time is the interval's grid in UTC (weeks begin on Monday). Candles without trades repeat the last close. */
  candle(symbol: string, interval: Interval): Candle | undefined;
  candles(
    symbol: string,
    interval: Interval,
    range: { from?: EpochMs; to?: EpochMs; limit: number },
  ): Candle[];
  ticker(symbol: string, window: "1h" | "4h" | "24h"): TickerWindow | undefined;
  /**
   * By id: `fromId` (or `fromAggregateId`, or `from`) ascending; without them the most recent, up to `to`. Always in
   * ascending order. Of those that are no longer kept (see `truth.tradeRange`) it answers with the oldest that is.
   */
  trades(
    symbol: string,
    query: { fromId?: number; fromAggregateId?: number; from?: EpochMs; to?: EpochMs; limit: number },
  ): ExchangeTrade[];
  /** What tests compare with. */
  truth: ExchangeTruth;
}

/** Binance's candle intervals that we serve. */
export const INTERVALS = [
  "1s",
  "1m",
  "3m",
  "5m",
  "15m",
  "30m",
  "1h",
  "2h",
  "4h",
  "6h",
  "8h",
  "12h",
  "1d",
  "3d",
  "1w",
] as const;
export type Interval = typeof INTERVALS[number];

/** Questions only tests ask. */
export interface ExchangeTruth {
  /**
   * Ids of the first and last trade that ever happened, and how many (gaps only in recordings), whatever is still kept;
   * `kept` is the oldest that is, the first when it is left out.
   */
  tradeRange(symbol: string): { first: number; last: number; count: number; kept?: number } | undefined;
  /** Ids between first and last that the recording itself lacks. */
  missingTradeIds(symbol: string): number[];
  /**
   * The whole book exactly at an update id that a depth event ended with, undefined for others and those no longer
   * kept; without an id, at the last depth event.
   */
  bookAt(symbol: string, updateId?: number): BookAt | undefined;
  /** Best bid and ask at an update id, for recordings and the engine; undefined when no longer kept. */
  bookTickerAt(symbol: string, updateId: number): ExchangeBookTicker | undefined;
}
