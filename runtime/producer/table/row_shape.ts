import type { TableBatch, TableName, TableRows } from "../../market/table.ts";

/** How a column's value travels and what PostgreSQL stores. `ms` is an epoch in milliseconds. */
export type ColumnKind = "symbol" | "text" | "nullable_text" | "decimal" | "id" | "count" | "boolean" | "ms";

/** A table as the producer writes it. */
export type RowShape<T extends TableName> = {
  columns: Record<keyof TableRows[T] & string, ColumnKind>;
  /** Columns of its key. */
  key: (keyof TableRows[T] & string)[];
  /**
   * What makes a row newer, compared in this order; the second settles ties in event time. Empty: the first row of
   * a key stays for good.
   */
  order: (keyof TableRows[T] & string)[];
  /** The column that its partitions are cut by, one a UTC day; null when it has none. */
  partitionedBy: (keyof TableRows[T] & string) | null;
};

/** Every table's shape, equal to `schema/postgres/0001_market_tables.sql`. */
export const ROW_SHAPES: { [T in TableName]: RowShape<T> } = {
  // Ranges come first, so that no trade beyond a gap is stored before the gap is known (I3).
  completeness: {
    columns: {
      symbol: "symbol",
      kind: "text",
      first_id: "id",
      last_id: "id",
      cause: "text",
      state: "text",
      detected_at: "ms",
      updated_at: "ms",
      version: "id",
    },
    key: ["symbol", "kind", "first_id"],
    order: ["version"],
    partitionedBy: null,
  },
  recent_trades: {
    columns: {
      symbol: "symbol",
      trade_id: "id",
      price: "decimal",
      quantity: "decimal",
      trade_time: "ms",
      is_buyer_maker: "boolean",
      backfill: "boolean",
    },
    key: ["symbol", "trade_id", "trade_time"],
    order: [],
    partitionedBy: "trade_time",
  },
  klines: {
    columns: {
      symbol: "symbol",
      open_time: "ms",
      close_time: "ms",
      open_price: "decimal",
      high_price: "decimal",
      low_price: "decimal",
      close_price: "decimal",
      volume: "decimal",
      quote_volume: "decimal",
      number_of_trades: "count",
      first_trade_id: "id",
      last_trade_id: "id",
      closed: "boolean",
      backfill: "boolean",
      version: "id",
    },
    key: ["symbol", "open_time"],
    order: ["version"],
    partitionedBy: "open_time",
  },
  latest_prices: {
    columns: { symbol: "symbol", price: "decimal", updated_at: "ms", last_trade_id: "id", version: "id" },
    key: ["symbol", "updated_at"],
    order: ["version", "last_trade_id"],
    partitionedBy: "updated_at",
  },
  crypto_24h_stats: {
    columns: {
      symbol: "symbol",
      price_change_percent: "decimal",
      last_price: "decimal",
      high_price: "decimal",
      low_price: "decimal",
      volume: "decimal",
      quote_volume: "decimal",
      trade_count: "id",
      last_trade_id: "id",
      quote_asset: "nullable_text",
      updated_at: "ms",
      version: "id",
    },
    key: ["symbol"],
    order: ["version", "last_trade_id"],
    partitionedBy: null,
  },
  order_book: {
    columns: {
      symbol: "symbol",
      bids: "text",
      asks: "text",
      depth: "count",
      last_update_id: "id",
      trusted: "boolean",
      updated_at: "ms",
      version: "id",
    },
    key: ["symbol"],
    order: ["version", "last_update_id"],
    partitionedBy: null,
  },
};

/** The tables in the order in which a batch writes them. */
export const WRITE_ORDER = Object.keys(ROW_SHAPES) as TableName[];

/** A row seen as a record, for code that handles all tables alike. */
export type AnyRow = Record<string, unknown>;

/** The rows of a table in a batch. */
export function rowsOf(batch: TableBatch, table: TableName): AnyRow[] {
  return (batch[table] ?? []) as unknown as AnyRow[];
}

/** A row's key as text. */
export function rowKey(table: TableName, row: AnyRow): string {
  const key = ROW_SHAPES[table].key as string[];
  return key.length === 1 ? String(row[key[0]!]) : key.map((column) => String(row[column])).join("\n");
}

/** True when `row` must replace `stored` (I2): later by the table's order; equal is not newer. */
export function isNewer(table: TableName, row: AnyRow, stored: AnyRow): boolean {
  for (const column of ROW_SHAPES[table].order as string[]) {
    const a = row[column] as number;
    const b = stored[column] as number;
    if (a !== b) return a > b;
  }
  return false;
}

/** The newest row of each key, for one INSERT cannot change a key twice. Rows of tables without an order all stay. */
export function newestRows(table: TableName, rows: AnyRow[]): AnyRow[] {
  if (rows.length < 2 || ROW_SHAPES[table].order.length === 0) return rows;
  const newest = new Map<string, AnyRow>();
  for (const row of rows) {
    const key = rowKey(table, row);
    const known = newest.get(key);
    if (known === undefined || isNewer(table, row, known)) newest.set(key, row);
  }
  return newest.size === rows.length ? rows : [...newest.values()];
}
