import type { Book } from "../../../runtime/query/market_query.ts";
import type { BookMeta, FrameOrigin } from "../../src/datasource/frame_shape.ts";
import type { QueryFormat, QueryKind } from "../../src/datasource/query.ts";
import type { FieldKind, Frame } from "../frame/frame.ts";
import { type Column, fieldsOf } from "./columns.ts";
import { BOOKS, CANDLES, KLINES, LEVELS, PRICES, TICKERS, TRADES, WINDOWS } from "./market_columns.ts";
import { ALERTS, COMPLETENESS, DEAD_LETTERS, EDGES, FIGURES, STAGES } from "./operation_columns.ts";

/** The columns of each kind as a table; several lists where it has several frames. */
// deno-lint-ignore no-explicit-any
export const TABLE_COLUMNS: Record<Exclude<QueryKind, "cql">, readonly (readonly Column<any>[])[]> = {
  tickers: [TICKERS],
  prices: [PRICES],
  klines: [KLINES],
  trades: [TRADES],
  book: [BOOKS],
  aggregates: [WINDOWS],
  completeness: [COMPLETENESS],
  deadLetters: [DEAD_LETTERS],
  alerts: [ALERTS],
  pipeline: [STAGES, EDGES, FIGURES],
};

/** Kinds whose rows belong to one symbol and have a time. */
export type SeriesKind = "prices" | "klines" | "trades" | "aggregates";

const NUMERIC: readonly FieldKind[] = ["time", "number", "integer"];
const IDS = new Set(["trade_id", "first_trade_id", "last_trade_id", "close_time"]);

/** Columns of a series in a format: a time series has numbers alone, no ids and no texts. */
// deno-lint-ignore no-explicit-any
export function seriesColumns(kind: SeriesKind, format: QueryFormat): readonly Column<any>[] {
  if (kind === "klines" && format === "candles") return CANDLES;
  const [columns] = TABLE_COLUMNS[kind];
  if (format !== "timeseries") return columns!;
  return columns!.filter(({ kind, name }) => NUMERIC.includes(kind) && !IDS.has(name));
}

/** Rows of one symbol, oldest first, in a format of its own frame: values carry the label `symbol`. */
export function seriesFrame(
  kind: SeriesKind,
  format: QueryFormat,
  symbol: string,
  rows: readonly unknown[],
): Frame {
  const labels = format === "table" ? undefined : { symbol };
  return {
    name: symbol,
    fields: fieldsOf(seriesColumns(kind, format), rows, ({ kind }) => kind === "time" ? undefined : labels),
  };
}

/**
 * A book's levels, bids first, with what is to be known of the book in `meta.custom` and, for streams, in each row (I4); without
 * a book, no rows.
 */
export function bookFrame(symbol: string, book: Book | undefined, limit: number, origin: FrameOrigin): Frame {
  const levels = book === undefined ? [] : book.levels.filter(({ level }) => level <= limit)
    .map((level) => ({
      ...level,
      trusted: book.trusted,
      last_update_id: book.last_update_id,
      updated_at: book.updated_at,
    }));
  const custom: BookMeta = {
    ...origin,
    symbol,
    depth: book?.depth ?? 0,
    lastUpdateId: book?.last_update_id ?? 0,
    trusted: book?.trusted ?? false,
    updatedAt: book?.updated_at ?? 0,
  };
  return { name: symbol, fields: fieldsOf(LEVELS, levels), meta: { custom } };
}
