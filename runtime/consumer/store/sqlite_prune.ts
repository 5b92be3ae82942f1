import type { DatabaseSync } from "node:sqlite";
import type { EpochMs } from "../../market/epoch.ts";
import type { TableName } from "../../market/table.ts";
import type { Retention } from "./market_store.ts";
import type { SqliteRows } from "./sqlite_rows.ts";
import { minuteOf, WINDOW_GRACE_MS } from "./trade_runs.ts";

/** Rows that one step removes at most, and symbols that it visits: a step holds the writer for some milliseconds. */
const STEP_ROWS = 4000;
const STEP_SYMBOLS = 64;

/** Tables that are pruned symbol by symbol along their key (symbol, time). */
const BY_KEY: { table: TableName; time: string }[] = [
  { table: "latest_prices", time: "updated_at" },
  { table: "klines", time: "open_time" },
  { table: "order_book", time: "updated_at" },
];

/** Small tables that are scanned. */
const SCANNED: TableName[] = ["crypto_24h_stats", "completeness"];

type Work = { name: string; run: (symbol: string, now: EpochMs, retention: Retention) => number };

/** Removes what has expired, in steps: a round visits every symbol of every table once. */
export class SqlitePrune {
  readonly #db: DatabaseSync;
  readonly #rows: SqliteRows;
  readonly #works: Work[];
  #work = 0;
  #symbol = "";

  constructor(db: DatabaseSync, rows: SqliteRows) {
    this.#db = db;
    this.#rows = rows;
    this.#works = [
      ...BY_KEY.map(({ table, time }): Work => ({
        name: table,
        run: (symbol, now, retention) => {
          const removed = this.#byKey(table, time, symbol, now, retention[table]);
          this.#rows.removed(table, removed);
          return removed;
        },
      })),
      { name: "trade_index", run: (symbol, now, retention) => this.#trades(symbol, now, retention) },
      { name: "windows", run: (symbol, now, retention) => this.#windows(symbol, now, retention) },
    ];
  }

  /** Within a transaction: one step. */
  step(now: EpochMs, retention: Retention): { removed: number; done: boolean } {
    let removed = 0;
    if (this.#work === 0 && this.#symbol === "") removed += this.#scanned(now, retention);
    for (let visited = 0; visited < STEP_SYMBOLS && removed < STEP_ROWS; visited++) {
      const work = this.#works[this.#work];
      if (work === undefined) {
        this.#work = 0;
        this.#symbol = "";
        return { removed, done: true };
      }
      const next = this.#db.prepare(
        `SELECT symbol FROM ${work.name} WHERE symbol > ? ORDER BY symbol LIMIT 1`,
      ).get(this.#symbol) as { symbol: string } | undefined;
      if (next === undefined) {
        this.#work++;
        this.#symbol = "";
        continue;
      }
      const gone = work.run(next.symbol, now, retention);
      removed += gone;
      // A symbol with much to remove is visited again by the next step.
      if (gone < STEP_ROWS) this.#symbol = next.symbol;
    }
    return { removed, done: false };
  }

  #byKey(table: string, time: string, symbol: string, now: EpochMs, keep: number | null): number {
    if (keep === null) return 0;
    return this.#run(
      `DELETE FROM ${table} WHERE symbol = ?1 AND ${time} < min(?2, coalesce(
         (SELECT ${time} FROM ${table} WHERE symbol = ?1 ORDER BY ${time} LIMIT 1 OFFSET ${STEP_ROWS}), ?2))`,
      symbol,
      now - keep,
    );
  }

  #trades(symbol: string, now: EpochMs, retention: Retention): number {
    const keep = retention.recent_trades;
    if (keep === null) return 0;
    const cutoff = minuteOf(now - keep);
    let removed = 0;
    const minutes = this.#db.prepare(
      `SELECT minute, first_id, last_id FROM trade_index AS t WHERE symbol = ?1 AND minute < ?2 AND (minute < ?3 OR NOT EXISTS
         (SELECT 1 FROM dirty_minutes AS d WHERE d.symbol = t.symbol AND d.minute = t.minute))
       ORDER BY minute LIMIT 60`,
    ).all(symbol, cutoff, cutoff - WINDOW_GRACE_MS) as {
      minute: number;
      first_id: number;
      last_id: number;
    }[];
    for (const { minute, first_id, last_id } of minutes) {
      const trades = this.#run(
        "DELETE FROM recent_trades WHERE symbol = ? AND trade_id BETWEEN ? AND ? AND trade_time < ?",
        symbol,
        first_id,
        last_id,
        minute + 60_000,
      );
      this.#rows.removed("recent_trades", trades);
      this.#run("DELETE FROM trade_index WHERE symbol = ? AND minute = ?", symbol, minute);
      this.#run("DELETE FROM dirty_minutes WHERE symbol = ? AND minute = ?", symbol, minute);
      removed += trades;
      if (removed >= STEP_ROWS) return STEP_ROWS;
    }
    const oldest = this.#db.prepare(
      "SELECT trade_id FROM recent_trades WHERE symbol = ? ORDER BY trade_id LIMIT 1",
    )
      .get(symbol) as { trade_id: number } | undefined;
    removed += this.#run(
      "DELETE FROM lineage WHERE symbol = ? AND last_trade_id < ?",
      symbol,
      oldest?.trade_id ?? Number.MAX_SAFE_INTEGER,
    );
    return minutes.length === 60 ? STEP_ROWS : Math.min(removed, STEP_ROWS - 1);
  }

  #windows(symbol: string, now: EpochMs, retention: Retention): number {
    let removed = 0;
    for (const window of ["1s", "1m", "5m", "1h"]) {
      const keep = window === "1s" ? retention.windows_1s : retention.windows;
      if (keep === null) continue;
      removed += this.#run(
        "DELETE FROM windows WHERE symbol = ? AND window = ? AND open_time < ?",
        symbol,
        window,
        now - keep,
      );
    }
    return Math.min(removed, STEP_ROWS - 1);
  }

  #scanned(now: EpochMs, retention: Retention): number {
    let removed = 0;
    for (const table of SCANNED) {
      const keep = retention[table];
      if (keep === null) continue;
      const gone = this.#run(`DELETE FROM ${table} WHERE updated_at < ?`, now - keep);
      this.#rows.removed(table, gone);
      removed += gone;
    }
    if (retention.alerts !== null) {
      removed += this.#run("DELETE FROM alerts WHERE raised_at < ?", now - retention.alerts);
    }
    // An upsert that a tombstone still guards against would have expired as well.
    const longest = Object.values(retention).includes(null)
      ? null
      : Math.max(...Object.values(retention) as number[]);
    if (longest !== null) {
      this.#run("DELETE FROM tombstones WHERE version < ?", (now - longest) * 1000);
    }
    return removed;
  }

  #run(sql: string, ...values: (string | number)[]): number {
    return Number(this.#db.prepare(sql).run(...values).changes);
  }
}
