import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { EpochMs } from "../../market/epoch.ts";
import type { TradeRow } from "../../market/table.ts";
import { TABLE_COLUMNS } from "../table_columns.ts";
import type { GrownMinutes } from "./grown_minutes.ts";
import type { DirtyMinute, StoredWindow } from "./market_store.ts";
import { decodeRow } from "./sqlite_rows.ts";

/** The windows and the minutes they must be computed again for. */
export class SqliteWindows {
  readonly #dirty: StatementSync;
  readonly #range: StatementSync;
  readonly #trades: StatementSync;
  readonly #stored: StatementSync;
  readonly #clear: StatementSync;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #unmark: StatementSync;
  readonly #grown: GrownMinutes;

  constructor(db: DatabaseSync, grown: GrownMinutes) {
    this.#grown = grown;
    this.#dirty = db.prepare("SELECT symbol, minute, mark FROM dirty_minutes ORDER BY mark LIMIT ?");
    this.#range = db.prepare("SELECT first_id, last_id FROM trade_index WHERE symbol = ? AND minute = ?");
    this.#trades = db.prepare(
      `SELECT symbol, trade_id, price, quantity, trade_time, is_buyer_maker, backfill FROM recent_trades
       WHERE symbol = ? AND trade_id BETWEEN ? AND ? AND trade_time >= ? AND trade_time < ? ORDER BY trade_id`,
    );
    this.#stored = db.prepare(
      `SELECT symbol, window, open_time, trade_count, volume, quote_volume, vwap, realised_variance,
         first_trade_id, last_trade_id
       FROM windows WHERE symbol = ? AND window = ? AND open_time >= ? AND open_time < ? ORDER BY open_time`,
    );
    this.#clear = db.prepare(
      "DELETE FROM windows WHERE symbol = ? AND window = ? AND open_time >= ? AND open_time < ?",
    );
    this.#put = db.prepare(
      `REPLACE INTO windows (symbol, window, open_time, trade_count, volume, quote_volume, vwap,
         realised_variance, first_trade_id, last_trade_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#remove = db.prepare("DELETE FROM windows WHERE symbol = ? AND window = ? AND open_time = ?");
    this.#unmark = db.prepare("DELETE FROM dirty_minutes WHERE symbol = ? AND minute = ? AND mark = ?");
  }

  dirty(limit: number): DirtyMinute[] {
    const marked = this.#dirty.all(limit) as unknown as DirtyMinute[];
    return marked.map((row) => ({ ...row, fromId: this.#grown.changedFrom(row.symbol, row.minute) }));
  }

  trades(symbol: string, minute: EpochMs, fromId = 0): TradeRow[] {
    const range = this.#range.get(symbol, minute) as { first_id: number; last_id: number } | undefined;
    if (range === undefined) return [];
    const first = Math.max(range.first_id, fromId);
    const rows = this.#trades.all(symbol, first, range.last_id, minute, minute + 60_000);
    return rows.map((row) => decodeRow(TABLE_COLUMNS.recent_trades.columns, row) as TradeRow);
  }

  stored(symbol: string, window: StoredWindow["window"], from: EpochMs, to: EpochMs): StoredWindow[] {
    return this.#stored.all(symbol, window, from, to) as unknown as StoredWindow[];
  }

  /** Within a transaction. Answers with the minutes that are unmarked: to be handed to `written` once it is durable. */
  write(windows: StoredWindow[], done: DirtyMinute[]): DirtyMinute[] {
    const unmarked: DirtyMinute[] = [];
    for (const dirty of done) {
      const { symbol, minute, mark } = dirty;
      this.#clear.run(symbol, "1s", minute, minute + 60_000);
      this.#clear.run(symbol, "1m", minute, minute + 60_000);
      if (this.#unmark.run(symbol, minute, mark).changes === 1) unmarked.push(dirty);
    }
    for (const row of windows) {
      if (row.trade_count === 0) {
        this.#remove.run(row.symbol, row.window, row.open_time);
        continue;
      }
      this.#put.run(
        row.symbol,
        row.window,
        row.open_time,
        row.trade_count,
        row.volume,
        row.quote_volume,
        row.vwap,
        row.realised_variance,
        row.first_trade_id,
        row.last_trade_id,
      );
    }
    return unmarked;
  }

  /** The windows of these minutes are durable. */
  written(unmarked: DirtyMinute[]): void {
    for (const { symbol, minute } of unmarked) this.#grown.written(symbol, minute);
  }
}
