import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { type TableName, TABLES } from "../../market/table.ts";
import { type Column, TABLE_COLUMNS } from "../table_columns.ts";
import type { Change } from "../transform/transform.ts";
import { judge, type Verdict } from "./compare_rows.ts";

/** What became of one change; `inserted` and `deleted` alter the row count. */
export type Applied = "inserted" | "deleted" | Verdict;

type Statements = {
  insert: StatementSync;
  replace: StatementSync;
  select: StatementSync;
  remove: StatementSync;
};

/**
 * Writes rows into the five tables and the ledger under the guard of their versions (I2). To be used within a
 * transaction; call `rolledBack` when that failed.
 */
export class SqliteRows {
  readonly #statements: Record<TableName, Statements>;
  readonly #selectTombstones: StatementSync;
  readonly #setTombstone: StatementSync;
  readonly #count: StatementSync;
  /** Versions by table and key. Deletions are rare: retention drops partitions, which deletes no row downstream. */
  #tombstones = new Map<string, number>();
  readonly #deltas = new Map<TableName, number>();

  constructor(db: DatabaseSync) {
    this.#statements = Object.fromEntries(TABLES.map((table) => [table, prepare(db, table)])) as Record<
      TableName,
      Statements
    >;
    this.#selectTombstones = db.prepare("SELECT table_name, row_key, version FROM tombstones");
    this.#setTombstone = db.prepare(
      `INSERT INTO tombstones (table_name, row_key, version) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET version = max(version, excluded.version)`,
    );
    this.#count = db.prepare(
      `INSERT INTO row_counts (table_name, row_count) VALUES (?, ?)
       ON CONFLICT DO UPDATE SET row_count = row_count + excluded.row_count`,
    );
    this.rolledBack();
  }

  /** Upserts or deletes one row. */
  apply(change: Change): Applied {
    return change.kind === "delete" ? this.#delete(change) : this.upsert(change);
  }

  /** Stores a row unless something newer is there. */
  upsert(change: Change): Applied {
    const { table, row, version } = change;
    if (this.#tombstones.size > 0) {
      const deletedAt = this.#tombstones.get(tombstoneKey(table, keyValues(change)));
      if (deletedAt !== undefined && deletedAt >= version) return "stale";
    }
    const { insert, replace, select } = this.#statements[table];
    const values = encode(change);
    if (insert.run(...values).changes === 1) {
      this.#add(table, 1);
      return "inserted";
    }
    const stored = decode(table, select.get(...keyValues(change)) as Record<string, unknown>);
    const verdict = judge(table, stored as never, { row: row as never, version });
    if (verdict === "replace" || verdict === "tied_replace") replace.run(...values);
    return verdict;
  }

  #delete(change: Change): Applied {
    const { table, version } = change;
    const key = keyValues(change);
    const name = tombstoneKey(table, key);
    if ((this.#tombstones.get(name) ?? -1) >= version) return "duplicate";
    this.#setTombstone.run(table, JSON.stringify(key), version);
    this.#tombstones.set(name, version);
    const { select, remove } = this.#statements[table];
    const found = select.get(...key) as Record<string, unknown> | undefined;
    if (found === undefined) return "duplicate";
    if ((found.version as number) > version) return "stale";
    remove.run(...key);
    this.#add(table, -1);
    return "deleted";
  }

  /** Rows that pruning removed. */
  removed(table: TableName, rows: number): void {
    this.#add(table, -rows);
  }

  /** Writes the row counts; call last in the transaction. */
  flushCounts(): void {
    for (const [table, delta] of this.#deltas) if (delta !== 0) this.#count.run(table, delta);
    this.#deltas.clear();
  }

  /** Forgets what a transaction that failed had put into memory. */
  rolledBack(): void {
    this.#deltas.clear();
    this.#tombstones = new Map();
    for (const row of this.#selectTombstones.all() as Record<string, string & number>[]) {
      this.#tombstones.set(`${row.table_name} ${row.row_key}`, row.version!);
    }
  }

  #add(table: TableName, rows: number): void {
    this.#deltas.set(table, (this.#deltas.get(table) ?? 0) + rows);
  }
}

/** Columns the store adds to a table's own. */
const EXTRA: Partial<Record<TableName, readonly string[]>> = {
  recent_trades: ["version"],
  order_book: ["best_bid", "best_ask", "spread", "mid"],
};

function prepare(db: DatabaseSync, table: TableName): Statements {
  const { columns, key } = TABLE_COLUMNS[table];
  const names = [...columns.map((column) => column.name), ...EXTRA[table] ?? []];
  const marks = names.map(() => "?").join(", ");
  const where = key.map((name) => `${name} = ?`).join(" AND ");
  return {
    insert: db.prepare(
      `INSERT INTO ${table} (${names.join(", ")}) VALUES (${marks}) ON CONFLICT DO NOTHING`,
    ),
    replace: db.prepare(`REPLACE INTO ${table} (${names.join(", ")}) VALUES (${marks})`),
    select: db.prepare(`SELECT ${names.join(", ")} FROM ${table} WHERE ${where}`),
    remove: db.prepare(`DELETE FROM ${table} WHERE ${where}`),
  };
}

function encode(change: Change): SQLInputValue[] {
  if (change.table === "recent_trades") {
    // The hot path: 95 % of the rows are trades.
    const row = change.row as Change<"recent_trades">["row"];
    return [
      row.symbol,
      row.trade_id,
      row.price,
      row.quantity,
      row.trade_time,
      row.is_buyer_maker ? 1 : 0,
      row.backfill ? 1 : 0,
      change.version,
    ];
  }
  const row = change.row as unknown as Record<string, unknown>;
  const values: SQLInputValue[] = [];
  for (const { name, kind } of TABLE_COLUMNS[change.table].columns) {
    values.push(kind === "boolean" ? (row[name] ? 1 : 0) : row[name] as SQLInputValue);
  }
  if (change.table === "order_book") {
    const { best_bid = null, best_ask = null, spread = null, mid = null } = change.enrichment ?? {};
    values.push(best_bid, best_ask, spread, mid);
  }
  return values;
}

function decode(table: TableName, stored: Record<string, unknown>): { row: unknown; version: number } {
  return { row: decodeRow(TABLE_COLUMNS[table].columns, stored), version: stored.version as number };
}

/** A row as SQLite answers it to the table's row type. */
export function decodeRow(columns: readonly Column[], stored: Record<string, unknown>): unknown {
  const row: Record<string, unknown> = {};
  for (const { name, kind } of columns) row[name] = kind === "boolean" ? stored[name] === 1 : stored[name];
  return row;
}

function keyValues(change: Change): SQLInputValue[] {
  const row = change.row as unknown as Record<string, SQLInputValue>;
  return TABLE_COLUMNS[change.table].key.map((name) => row[name]!);
}

function tombstoneKey(table: TableName, key: readonly unknown[]): string {
  return `${table} ${JSON.stringify(key)}`;
}
