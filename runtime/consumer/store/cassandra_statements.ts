import type { Client } from "cassandra-driver";
import { type Statement, statementOf } from "./cassandra_frame.ts";
import { prepareStatement } from "./cassandra_request.ts";

/** An upsert: its values, then time stamp and time to live. */
const insert = (table: string, columns: string) =>
  `INSERT INTO ${table} (${columns}) VALUES (${
    columns.split(",").map(() => "?").join(", ")
  }) USING TIMESTAMP ? AND TTL ?`;

/** A deletion: its time stamp, then the key. */
const remove = (table: string, key: string) =>
  `DELETE FROM ${table} USING TIMESTAMP ? WHERE ${
    key.split(", ").map((name) => `${name} = ?`).join(" AND ")
  }`;

/** Statements that go in encoded batches, by name. The order of the markers is the order in which values are encoded. */
const STATEMENTS = {
  stats: insert(
    "crypto_24h_stats",
    "symbol, price_change_percent, last_price, high_price, low_price, volume, quote_volume, updated_at",
  ),
  statsMark: insert(
    "stats_marks",
    "symbol, price_change_percent_text, last_price_text, high_price_text, low_price_text, volume_text, quote_volume_text, trade_count, last_trade_id, quote_asset, updated_at, version",
  ),
  statsGone: remove("crypto_24h_stats", "symbol"),
  statsMarkGone: remove("stats_marks", "symbol"),
  price: insert("latest_prices", "symbol, price, updated_at"),
  priceMark: insert("price_marks", "symbol, updated_at, last_trade_id, version"),
  priceGone: remove("latest_prices", "symbol, updated_at"),
  priceMarkGone: remove("price_marks", "symbol, updated_at"),
  kline: insert(
    "klines",
    "symbol, open_time, open_price, high_price, low_price, close_price, volume, number_of_trades",
  ),
  klineMark: insert(
    "kline_marks",
    "symbol, open_time, close_time, volume_text, quote_volume, quote_volume_text, first_trade_id, last_trade_id, closed, backfill, version",
  ),
  klineGone: remove("klines", "symbol, open_time"),
  klineMarkGone: remove("kline_marks", "symbol, open_time"),
  book: insert("order_book", "symbol, bids, asks, updated_at"),
  bookMark: insert(
    "book_marks",
    "symbol, updated_at, depth, last_update_id, trusted, best_bid, best_ask, spread, mid, version",
  ),
  bookGone: remove("order_book", "symbol, updated_at"),
  bookMarkGone: remove("book_marks", "symbol, updated_at"),
  level: insert(
    "order_book_levels",
    "symbol, side, level, price, quantity, notional, trusted, updated_at",
  ),
  levelsBeyond: "DELETE FROM order_book_levels USING TIMESTAMP ? WHERE symbol = ? AND side = ? AND level > ?",
  levelsGone: remove("order_book_levels", "symbol"),
  trade: insert("recent_trades", "symbol, trade_id, price, quantity, trade_time, is_buyer_maker"),
  tradeGone: remove("recent_trades", "symbol, trade_id"),
  tradeMark: insert("trade_marks", "symbol, trade_id, version"),
  indexFirst:
    "UPDATE trade_index USING TIMESTAMP ? AND TTL ? SET first_id = ? WHERE symbol = ? AND minute = ?",
  indexLast: "UPDATE trade_index USING TIMESTAMP ? AND TTL ? SET last_id = ? WHERE symbol = ? AND minute = ?",
  lineage: insert(
    "lineage",
    "symbol, first_trade_id, topic, partition, last_trade_id, first_offset, last_offset, stored_at",
  ),
  completeness: insert(
    "completeness",
    "symbol, kind, first_id, last_id, cause, state, detected_at, updated_at, version",
  ),
  completenessGone: remove("completeness", "symbol, kind, first_id"),
  mark: insert("dirty_minutes", "symbol, minute, mark, writer"),
  unmark: remove("dirty_minutes", "symbol, minute"),
  window: insert(
    "windows",
    "symbol, window, open_time, trade_count, volume, volume_text, quote_volume, quote_volume_text, vwap, vwap_text, realised_variance, realised_volatility, first_trade_id, last_trade_id",
  ),
  windowGone: remove("windows", "symbol, window, open_time"),
} as const;

/** The statements of a client, ready for {@linkcode CassandraFrame}. */
export type Statements = Record<keyof typeof STATEMENTS, Statement>;

/** Prepares all of them; rejects with the driver's error. */
export async function prepareStatements(client: Client): Promise<Statements> {
  const prepared = await Promise.all(
    Object.entries(STATEMENTS).map(async ([name, cql]) => {
      const values = cql.split("?").length - 1;
      return [name, statementOf(name, await prepareStatement(client, cql), values)] as const;
    }),
  );
  return Object.fromEntries(prepared) as Statements;
}
