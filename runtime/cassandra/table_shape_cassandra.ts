/** A column as `system_schema.columns` tells it. */
export type ColumnShape = {
  table: string;
  name: string;
  kind: string;
  type: string;
  position: number;
  order: string;
};

/** `name type key`: p0 partition key, c0a and c0d clustering key ascending and descending. */
const TABLES: Readonly<Record<string, string>> = {
  crypto_24h_stats:
    "symbol text p0, price_change_percent double, last_price double, high_price double, low_price double, volume double, quote_volume double, updated_at timestamp",
  latest_prices: "symbol text p0, price double, updated_at timestamp c0d",
  klines:
    "symbol text p0, open_time timestamp c0a, open_price double, high_price double, low_price double, close_price double, volume double, number_of_trades int",
  order_book: "symbol text p0, bids text, asks text, updated_at timestamp c0d",
  recent_trades:
    "symbol text p0, trade_id bigint c0a, price double, quantity double, trade_time timestamp, is_buyer_maker boolean",
};

/**
 * The five tables to the letter: what is wrong with the first that differs, undefined when none does. They may have been
 * there before us, made after the same description by hand.
 */
export function tableProblem(found: ColumnShape[]): string | undefined {
  for (const [table, text] of Object.entries(TABLES)) {
    const expected = text.split(", ").sort();
    const has = found.filter((column) => column.table === table).map(describe).sort();
    const missing = expected.find((column) => !has.includes(column));
    const extra = has.find((column) => !expected.includes(column));
    if (missing !== undefined || extra !== undefined) {
      const parts = [
        missing === undefined ? "" : `lacks "${missing}"`,
        extra === undefined ? "" : `has "${extra}"`,
      ];
      return `table ${table} ${parts.filter((part) => part !== "").join(" and ")}`;
    }
  }
  return undefined;
}

function describe({ name, type, kind, position, order }: ColumnShape): string {
  if (kind === "partition_key") return `${name} ${type} p${position}`;
  if (kind === "clustering") return `${name} ${type} c${position}${order === "desc" ? "d" : "a"}`;
  return `${name} ${type}`;
}
