import type { TableName, TableRows } from "../../market/table.ts";
import { TABLE_COLUMNS } from "../table_columns.ts";

/** What becomes of a row that meets one with its key. */
export type Verdict = "replace" | "duplicate" | "stale" | "tied_keep" | "tied_replace";

/**
 * I2: decides between a stored row and one that comes for the same key, the same in whatever order they come. The
 * higher version wins. Equal versions: the higher tie number (last trade or update id) wins, as in PostgreSQL; then the
 * columns are compared in table order, numbers and booleans by value, text by code units, and the higher one wins.
 */
export function judge<T extends TableName>(
  table: T,
  stored: { row: TableRows[T]; version: number },
  incoming: { row: TableRows[T]; version: number },
): Verdict {
  if (incoming.version > stored.version) return "replace";
  if (incoming.version < stored.version) return "stale";
  const order = compareRows(table, stored.row, incoming.row);
  return order === 0 ? "duplicate" : order < 0 ? "tied_replace" : "tied_keep";
}

/** A total order of the rows of one table that share key and version; 0 only for equal rows. */
export function compareRows<T extends TableName>(table: T, left: TableRows[T], right: TableRows[T]): number {
  const { columns, tie } = TABLE_COLUMNS[table];
  const a = left as unknown as Record<string, unknown>;
  const b = right as unknown as Record<string, unknown>;
  if (tie !== undefined && a[tie] !== b[tie]) return compareValues(a[tie], b[tie]);
  for (const { name } of columns) {
    if (a[name] !== b[name]) return compareValues(a[name], b[name]);
  }
  return 0;
}

/** Null is below everything. */
function compareValues(a: unknown, b: unknown): number {
  if (a === null || a === undefined) return -1;
  if (b === null || b === undefined) return 1;
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : 1;
  return Number(a) - Number(b);
}
