import type { EpochMs } from "../market/epoch.ts";
import type { Origin } from "../market/origin.ts";
import type { BookRow, CompletenessRow, KlineRow, PriceRow, StatsRow, TradeRow } from "../market/table.ts";

/** A page of rows, and the cursor of the next one; null when there is none. */
export type Page<Row> = { rows: Row[]; next: string | null };

/** A time range, `from` inclusive and `to` exclusive, and how many rows at most. */
export type RangeQuery = {
  symbol: string;
  from?: EpochMs;
  to?: EpochMs;
  limit: number;
  cursor?: string;
  order?: "asc" | "desc";
};

/** Rolling statistics with the quote volume in USDT, by which markets are ranked; null where no path to USDT is known. */
export type Ticker = StatsRow & { quote_volume_usdt: string | null };

/** Window lengths that `market/aggregates` knows. */
export const WINDOWS = ["1s", "1m", "5m", "1h"] as const;
export type WindowLength = typeof WINDOWS[number];

/** Statistics of the trades within one window of one symbol, recomputed from the stored trades. */
export type WindowRow = {
  symbol: string;
  window: WindowLength;
  open_time: EpochMs;
  trade_count: number;
  volume: string;
  quote_volume: string;
  /** quote_volume / volume, rounded half up to 8 decimals; null when no trade. */
  vwap: string | null;
  /** Square root of the summed squared log returns; see GLOSSARY "realised volatility". */
  realised_volatility: number | null;
  first_trade_id: number;
  last_trade_id: number;
};

/** A price level of the flattened book, with its distance enriched. */
export type BookLevel = {
  side: "bid" | "ask";
  level: number;
  price: string;
  quantity: string;
  notional: string;
};

/** A stored book with what was computed from it. */
export type Book = BookRow & {
  levels: BookLevel[];
  best_bid: string | null;
  best_ask: string | null;
  spread: string | null;
  mid: string | null;
};

/** A record that could not be stored (I5). */
export type DeadLetter = {
  id: string;
  topic: string;
  partition: number;
  offset: number;
  /** Stable dotted code, such as `transform.schema_mismatch`. */
  code: string;
  message: string;
  key: string | null;
  /** The payload as it was read, cut at 64 KiB in listings. */
  value: string | null;
  first_failed_at: EpochMs;
  last_failed_at: EpochMs;
  attempts: number;
};

/** Where a stored trade came from. */
export type TradeLineage = {
  symbol: string;
  trade_id: number;
  topic: string;
  partition: number;
  /** Offset range of the stored batch that held it. */
  first_offset: number;
  last_offset: number;
  stored_at: EpochMs;
};

/** A raised alert as stored. */
export type StoredAlert = {
  id: string;
  rule: string;
  symbol: string;
  message: string;
  raised_at: EpochMs;
  evidence: Record<string, unknown>;
  delivered: boolean;
};

/**
 * The read side of the store. Adapters: `sqlite` (embedded), `cassandra` (cluster), `memory` (tests). Never writes,
 * never blocks a writer. Cursors are opaque; a bad one rejects with `query.bad_cursor`, a bad limit with `query.bad_limit`.
 * A store that cannot be read now rejects with `query.unavailable` (`retry`); the same object answers again once it can.
 */
export interface MarketQuery extends AsyncDisposable {
  origin(): Promise<Origin>;
  tickers(
    options: {
      limit: number;
      orderBy: "quote_volume_usdt" | "volume" | "price_change_percent" | "symbol";
      cursor?: string;
    },
  ): Promise<Page<Ticker>>;
  prices(query: RangeQuery): Promise<Page<PriceRow>>;
  klines(query: RangeQuery): Promise<Page<KlineRow>>;
  trades(query: RangeQuery): Promise<Page<TradeRow>>;
  book(symbol: string): Promise<Book | undefined>;
  aggregates(query: RangeQuery & { window: WindowLength }): Promise<Page<WindowRow>>;
  /** Each symbol's gaps follow each other by kind and first id; symbols come in an order of the store's own. */
  completeness(options: { symbol?: string; limit: number; cursor?: string }): Promise<Page<CompletenessRow>>;
  lineage(symbol: string, tradeId: number): Promise<TradeLineage | undefined>;
  /** Newest first, by first failure. */
  deadLetters(
    options: { limit: number; cursor?: string; code?: string; topic?: string },
  ): Promise<Page<DeadLetter>>;
  deadLetter(id: string): Promise<DeadLetter | undefined>;
  /** Newest first. */
  alerts(options: { limit: number; cursor?: string; undeliveredOnly?: boolean }): Promise<Page<StoredAlert>>;
  /** Rows per table, for the pipeline picture. Approximate where counting is dear. */
  counts(): Promise<Record<string, number>>;
}
