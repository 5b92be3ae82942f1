import type { EpochMs } from "./epoch.ts";

/**
 * The five tables of the design plus the completeness ledger, by the names they have in PostgreSQL, in topic
 * names and in every store.
 */
export const TABLES = [
  "crypto_24h_stats",
  "latest_prices",
  "klines",
  "order_book",
  "recent_trades",
  "completeness",
] as const;

/** One of {@linkcode TABLES}. */
export type TableName = typeof TABLES[number];

/** Money or quantity as the exchange wrote it: decimal text, trailing zeros kept (I9). */
export type DecimalText = string;

/** Rolling 24 h statistics, one row a symbol. `version` = window close time × 1000. */
export type StatsRow = {
  symbol: string;
  price_change_percent: DecimalText;
  last_price: DecimalText;
  high_price: DecimalText;
  low_price: DecimalText;
  /** In units of the base asset. */
  volume: DecimalText;
  /** In units of the quote asset. */
  quote_volume: DecimalText;
  /** Trades within the window. */
  trade_count: number;
  /** Settles ties in event time. */
  last_trade_id: number;
  /** From exchangeInfo; null when unknown. Lets the query side convert quote volumes. */
  quote_asset: string | null;
  /** Close time of the window. */
  updated_at: EpochMs;
  version: number;
};

/** One price change of a symbol. Key (symbol, updated_at). */
export type PriceRow = {
  symbol: string;
  price: DecimalText;
  updated_at: EpochMs;
  /** Trade id (or 0) that settles ties within a millisecond. */
  last_trade_id: number;
  version: number;
};

/** A one-minute candle. Key (symbol, open_time). `version` = event time × 1000 while open, (close time + 60 s) × 1000 when closed. */
export type KlineRow = {
  symbol: string;
  open_time: EpochMs;
  close_time: EpochMs;
  open_price: DecimalText;
  high_price: DecimalText;
  low_price: DecimalText;
  close_price: DecimalText;
  volume: DecimalText;
  quote_volume: DecimalText;
  number_of_trades: number;
  /** -1 when the candle has no trade, as on the wire, and for a backfilled one: REST's klines do not tell the ids. */
  first_trade_id: number;
  last_trade_id: number;
  closed: boolean;
  backfill: boolean;
  version: number;
};

/** The best `depth` levels a side of a book, one row a symbol. Sides are JSON text `[["price","quantity"],…]`, best first. */
export type BookRow = {
  symbol: string;
  bids: string;
  asks: string;
  /** Levels a side to which the row equals the exchange's book; a side with fewer has no others. */
  depth: number;
  last_update_id: number;
  /** False while the book is being rebuilt: readers must not trade on it (I4). */
  trusted: boolean;
  /** Event time of the last applied diff. */
  updated_at: EpochMs;
  version: number;
};

/** One trade. Key (symbol, trade_id). Its version is trade_time × 1000 and is not stored in PostgreSQL. */
export type TradeRow = {
  symbol: string;
  trade_id: number;
  price: DecimalText;
  quantity: DecimalText;
  trade_time: EpochMs;
  is_buyer_maker: boolean;
  /** True when it came by REST, after a gap. */
  backfill: boolean;
};

/** A range of ids that did not arrive by stream (I3). Key (symbol, kind, first_id). */
export type CompletenessRow = {
  symbol: string;
  /** `trade`: ids are trade ids; `kline`: open times in ms; `book`: update ids. */
  kind: "trade" | "kline" | "book";
  first_id: number;
  last_id: number;
  /** `disconnect`, `producer_down`, `back_pressure`, `source_gap`, `refill_limit`, … */
  cause: string;
  /** `open`: being refilled; `refilled`: all there, marked backfill; `lost`: the exchange no longer has it. */
  state: "open" | "refilled" | "lost";
  detected_at: EpochMs;
  updated_at: EpochMs;
  version: number;
};

/** Each table's row type. */
export type TableRows = {
  crypto_24h_stats: StatsRow;
  latest_prices: PriceRow;
  klines: KlineRow;
  order_book: BookRow;
  recent_trades: TradeRow;
  completeness: CompletenessRow;
};

/** Rows of several tables that are written together. */
export type TableBatch = { [T in TableName]?: TableRows[T][] };

/** Version of a row: event time × 1000 + revision; revision 0 for delivery, retry and plain replay. */
export function rowVersion(eventTime: EpochMs, revision = 0): number {
  return eventTime * 1000 + revision;
}

/** The time a closed candle counts as: above every version it had while open. */
export function closedKlineVersion(closeTime: EpochMs): number {
  return rowVersion((closeTime + 60_000) as EpochMs);
}
