import type { TableName } from "../market/table.ts";

/** What a column holds: `json` is JSON text, `instant` is a time stamp on the wire and epoch ms with us. */
export type ColumnKind = "text" | "decimal" | "integer" | "instant" | "boolean" | "json";

/** One column of a table as it is decoded, compared and stored. */
export type Column = { name: string; kind: ColumnKind; nullable?: boolean };

/** A table's columns, and what the store needs to know of them. */
export type TableColumns = {
  columns: readonly Column[];
  key: readonly string[];
  /** Event time, in ms; retention counts from it. */
  time: string;
  /** The number that settles equal versions before the other columns are compared. */
  tie?: string;
};

const text = (name: string): Column => ({ name, kind: "text" });
const decimal = (name: string): Column => ({ name, kind: "decimal" });
const integer = (name: string): Column => ({ name, kind: "integer" });
const instant = (name: string): Column => ({ name, kind: "instant" });
const boolean = (name: string): Column => ({ name, kind: "boolean" });
const json = (name: string): Column => ({ name, kind: "json" });

/** The tables of `runtime/market/table.ts`, column by column. */
export const TABLE_COLUMNS: Readonly<Record<TableName, TableColumns>> = {
  crypto_24h_stats: {
    columns: [
      text("symbol"),
      decimal("price_change_percent"),
      decimal("last_price"),
      decimal("high_price"),
      decimal("low_price"),
      decimal("volume"),
      decimal("quote_volume"),
      integer("trade_count"),
      integer("last_trade_id"),
      { name: "quote_asset", kind: "text", nullable: true },
      instant("updated_at"),
      integer("version"),
    ],
    key: ["symbol"],
    time: "updated_at",
    tie: "last_trade_id",
  },
  latest_prices: {
    columns: [
      text("symbol"),
      decimal("price"),
      instant("updated_at"),
      integer("last_trade_id"),
      integer("version"),
    ],
    key: ["symbol", "updated_at"],
    time: "updated_at",
    tie: "last_trade_id",
  },
  klines: {
    columns: [
      text("symbol"),
      instant("open_time"),
      instant("close_time"),
      decimal("open_price"),
      decimal("high_price"),
      decimal("low_price"),
      decimal("close_price"),
      decimal("volume"),
      decimal("quote_volume"),
      integer("number_of_trades"),
      integer("first_trade_id"),
      integer("last_trade_id"),
      boolean("closed"),
      boolean("backfill"),
      integer("version"),
    ],
    key: ["symbol", "open_time"],
    time: "open_time",
    tie: "number_of_trades",
  },
  order_book: {
    columns: [
      text("symbol"),
      json("bids"),
      json("asks"),
      integer("depth"),
      integer("last_update_id"),
      boolean("trusted"),
      instant("updated_at"),
      integer("version"),
    ],
    key: ["symbol", "updated_at"],
    time: "updated_at",
    tie: "last_update_id",
  },
  recent_trades: {
    columns: [
      text("symbol"),
      integer("trade_id"),
      decimal("price"),
      decimal("quantity"),
      instant("trade_time"),
      boolean("is_buyer_maker"),
      boolean("backfill"),
    ],
    key: ["symbol", "trade_id"],
    time: "trade_time",
  },
  completeness: {
    columns: [
      text("symbol"),
      text("kind"),
      integer("first_id"),
      integer("last_id"),
      text("cause"),
      text("state"),
      instant("detected_at"),
      instant("updated_at"),
      integer("version"),
    ],
    key: ["symbol", "kind", "first_id"],
    time: "updated_at",
  },
};
