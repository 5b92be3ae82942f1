import { type TableBatch, type TableName, TABLES } from "../market/table.ts";
import {
  isCount,
  isDecimal,
  isIdOrNone,
  isObject,
  isSignedDecimal,
  isSymbol,
  isTime,
  shown,
} from "./source/fields.ts";
import { type AnyRow, type ColumnKind, ROW_SHAPES } from "./table/row_shape.ts";

/** A row that is not what its table holds. */
export type RowProblem = { table: string; index: number; reason: string };

/** Rows of one call at most. */
const MAX_ROWS = 20_000;

/** Text of one field at most; a book of 1,000 levels has about 40 kB a side. */
const MAX_TEXT = 256 * 1024;

const CHECKS: Record<ColumnKind, (value: unknown) => boolean> = {
  symbol: isSymbol,
  text: (value) => typeof value === "string" && value.length <= MAX_TEXT && !value.includes("\u0000"),
  nullable_text: (value) => value === null || (typeof value === "string" && value.length <= 100),
  decimal: isDecimal,
  id: isIdOrNone,
  count: isCount,
  boolean: (value) => typeof value === "boolean",
  ms: isTime,
};

/**
 * Rows that another module hands in: the good ones, and what is wrong with each of the others. Pure and total, as
 * the decoders: a module of another venue is no more to be trusted than the network.
 */
export function checkRows(value: unknown): { batch: TableBatch; problems: RowProblem[] } {
  const batch: Record<string, AnyRow[]> = {};
  const problems: RowProblem[] = [];
  if (!isObject(value)) {
    return { batch: {}, problems: [{ table: "", index: -1, reason: `Batch is ${shown(value)}` }] };
  }
  let count = 0;
  for (const [table, rows] of Object.entries(value)) {
    if (!(TABLES as readonly string[]).includes(table) || !Array.isArray(rows)) {
      problems.push({ table, index: -1, reason: `${shown(table)} is no table, or its rows are no list` });
      continue;
    }
    const kept: AnyRow[] = batch[table] = [];
    for (const [index, row] of rows.entries()) {
      const reason = ++count > MAX_ROWS
        ? `More than ${MAX_ROWS} rows in one call`
        : rowProblem(table as TableName, row);
      if (reason === undefined) kept.push(row);
      else problems.push({ table, index, reason });
    }
  }
  return { batch: batch as TableBatch, problems };
}

function rowProblem(table: TableName, row: unknown): string | undefined {
  if (!isObject(row)) return `Row is ${shown(row)}`;
  for (const [column, kind] of Object.entries(ROW_SHAPES[table].columns as Record<string, ColumnKind>)) {
    const value = row[column];
    const good = column === "price_change_percent" ? isSignedDecimal(value) : CHECKS[kind](value);
    if (!good) return `Column ${column} is ${shown(value)}`;
  }
  return undefined;
}
