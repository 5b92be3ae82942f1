import type { EpochMs } from "../../market/epoch.ts";
import type { KlineRow, StatsRow, TradeRow } from "../../market/table.ts";

/** A diff of an order book, quantities absolute, 0 deletes a level. */
export type DepthDiff = {
  symbol: string;
  firstUpdateId: number;
  finalUpdateId: number;
  eventTime: EpochMs;
  bids: [string, string][];
  asks: [string, string][];
};

/** A whole book at an update id, as far as the exchange shows it. */
export type DepthSnapshot = {
  symbol: string;
  lastUpdateId: number;
  bids: [string, string][];
  asks: [string, string][];
};

/** What a source tells; decoded, checked, still in the exchange's words and texts. */
export type MarketEvent =
  | { kind: "trade"; trade: TradeRow; eventTime: EpochMs }
  | { kind: "depth"; diff: DepthDiff }
  | { kind: "kline"; kline: KlineRow; eventTime: EpochMs }
  | { kind: "stats"; stats: StatsRow; eventTime: EpochMs }
  /**
   * The stream broke or (re)started for these symbols (absent: for all): books must be rebuilt, trade ids checked
   * for gaps.
   */
  | { kind: "disconnected"; cause: string; at: EpochMs; symbols?: string[] }
  | { kind: "connected"; at: EpochMs; symbols?: string[] };

/**
 * A venue's market data. Adapters: `binance` (live or our exchange), `memory` (tests). `events` yields until the
 * signal aborts, reconnecting by itself with backoff and jitter; while the reader does not pull, the source stops
 * reading its sockets (back-pressure), and nothing is buffered without bound (I10). REST methods respect the venue's
 * weights and reject with a typed error that says when to come back.
 */
export interface MarketSource extends AsyncDisposable {
  /** Symbols that trade, with their assets and 24 h statistics; null for one that has none yet. */
  market(
    signal: AbortSignal,
  ): Promise<{ symbol: string; baseAsset: string; quoteAsset: string; stats: StatsRow | null }[]>;
  events(symbols: string[], signal: AbortSignal): AsyncIterable<MarketEvent[]>;
  snapshot(symbol: string, signal: AbortSignal): Promise<DepthSnapshot>;
  /** Trades with ids from `fromId`, ascending, at most `limit`. Empty when the exchange no longer keeps them. */
  trades(symbol: string, fromId: number, limit: number, signal: AbortSignal): Promise<TradeRow[]>;
  /** Closed one-minute candles with open time in [from, to). */
  klines(symbol: string, from: EpochMs, to: EpochMs, signal: AbortSignal): Promise<KlineRow[]>;
}
