import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { EpochMs } from "../../market/epoch.ts";
import type { GrownMinutes } from "./grown_minutes.ts";
import type { TradeMinute, TradeRun, TradeTracks } from "./trade_runs.ts";

/** How many ids a lineage row covers at most: it answers with an offset range a person can read through. */
const LINEAGE_IDS = 1000;
/** Symbols whose open lineage row is remembered; Binance lists some 3,000. */
const OPEN_RUNS = 10_000;

/** Writes what trades leave beside their rows: trade_index, lineage and the marks of dirty minutes. */
export class SqliteTracks {
  readonly #index: StatementSync;
  readonly #insertRun: StatementSync;
  readonly #extendRun: StatementSync;
  readonly #mark: StatementSync;
  readonly #grown: GrownMinutes;
  /** The newest lineage row per symbol, to extend it instead of adding one a batch. */
  readonly #open = new Map<string, TradeRun>();

  constructor(db: DatabaseSync, grown: GrownMinutes) {
    this.#grown = grown;
    this.#index = db.prepare(
      `INSERT INTO trade_index (symbol, minute, first_id, last_id) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET first_id = min(first_id, excluded.first_id), last_id = max(last_id, excluded.last_id)`,
    );
    this.#insertRun = db.prepare(
      `INSERT INTO lineage (symbol, first_trade_id, last_trade_id, topic, partition, first_offset, last_offset, stored_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET last_trade_id = max(last_trade_id, excluded.last_trade_id),
         first_offset = min(first_offset, excluded.first_offset),
         last_offset = max(last_offset, excluded.last_offset), stored_at = excluded.stored_at`,
    );
    this.#extendRun = db.prepare(
      `UPDATE lineage SET last_trade_id = ?, last_offset = max(last_offset, ?), stored_at = ?
       WHERE symbol = ? AND first_trade_id = ? AND topic = ? AND partition = ?`,
    );
    this.#mark = db.prepare(
      `INSERT INTO dirty_minutes (symbol, minute, mark) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET mark = excluded.mark`,
    );
  }

  /** Stores the tracks of trades that changed something. */
  write(tracks: TradeTracks, at: EpochMs, mark: number): void {
    for (const minute of tracks.minutes) {
      this.#index.run(minute.symbol, minute.minute, minute.firstId, minute.lastId);
      this.markMinute(minute, mark);
    }
    for (const run of tracks.runs) {
      const open = this.#open.get(run.symbol);
      if (
        open !== undefined && run.firstId === open.lastId + 1 && run.lastId - open.firstId < LINEAGE_IDS &&
        run.topic === open.topic && run.partition === open.partition && run.firstOffset > open.lastOffset
      ) {
        const { changes } = this.#extendRun.run(
          run.lastId,
          run.lastOffset,
          at,
          run.symbol,
          open.firstId,
          open.topic,
          open.partition,
        );
        if (changes === 1) {
          open.lastId = run.lastId;
          open.lastOffset = run.lastOffset;
          continue;
        }
      }
      this.#insertRun.run(
        run.symbol,
        run.firstId,
        run.lastId,
        run.topic,
        run.partition,
        run.firstOffset,
        run.lastOffset,
        at,
      );
      if (this.#open.size >= OPEN_RUNS) this.#open.clear();
      this.#open.set(run.symbol, run);
    }
  }

  /** Marks one minute: trades of it were stored, replaced or deleted. */
  markMinute({ symbol, minute, firstId }: TradeMinute, mark: number): void {
    this.#mark.run(symbol, minute, mark);
    this.#grown.touched(symbol, minute, firstId);
  }

  /** Forgets what a transaction that failed had put into memory. */
  rolledBack(): void {
    this.#open.clear();
  }
}
