import type { Position } from "../../change/record.ts";
import type { EpochMs } from "../../market/epoch.ts";
import type { TableName, TradeRow } from "../../market/table.ts";
import type { DeadLetter, WindowRow } from "../../query/market_query.ts";
import type { Alert, Change } from "../transform/transform.ts";
import type { Replay } from "./replay_record.ts";

/** What an adapter can and cannot promise; the loop adapts to it. */
export type StoreCapabilities = {
  /**
   * True when positions commit in the transaction of the rows. False (Cassandra): the log keeps them, `positions()`
   * answers with none, and the loop acknowledges to the log after the write.
   */
  transactionalPositions: boolean;
  /** True when money comes back digit for digit (I9); false for doubles. */
  exactDecimals: boolean;
  /** True when `write(…, {dryRun: true})` is supported. */
  dryRun: boolean;
  /**
   * False (Cassandra): nothing is read before it is written, so `write` cannot tell what was there already; every change
   * counts as applied. True when absent.
   */
  countsOutcomes?: boolean;
  /** True (Cassandra): rows go by their own time to live, and `prune` has nothing to do. False when absent. */
  expiresByItself?: boolean;
  /**
   * How many `write`s may be under way at once; 1 without it. Where it is more, all else may be called meanwhile too,
   * and the order in which writes become durable does not matter (I2).
   */
  concurrentWrites?: number;
};

/** A record that cannot be stored, as the loop hands it over; `id` is topic, partition and offset. */
export type NewDeadLetter = Omit<DeadLetter, "id" | "first_failed_at" | "last_failed_at" | "attempts">;

/** What is made durable together. */
export type StoreBatch = {
  /** In log order. */
  changes: Change[];
  /** The positions after the batch; only those that moved. */
  positions: Position[];
  deadLetters: NewDeadLetter[];
  /** Dead letters that these changes settle: removed with the write. */
  settled?: string[];
  /** Our clock, for lineage and dead letters. */
  at: EpochMs;
};

/** Which symbols a reader of several has: those of its partitions. */
export type SymbolFilter = { owns?: (symbol: string) => boolean };

/** What a write did. The first five add up to the changes of the batch (I5). */
export type WriteResult = {
  /** Rows inserted, replaced or deleted, by table. */
  applied: Partial<Record<TableName, number>>;
  /** The same row was there already. */
  duplicates: number;
  /** A newer version, or a deletion at this version or later, was there. */
  stale: number;
  /** Same version, other values, and what was there stays. */
  tiedKept: number;
  /** Same version, other values, and the incoming row won; counted in `applied` too. */
  tiedReplaced: number;
};

/** A minute of a symbol whose windows must be computed again. */
export type DirtyMinute = {
  symbol: string;
  minute: EpochMs;
  mark: number;
  /**
   * The least id of the trades that were stored, replaced or deleted since this store last wrote the minute's windows. Absent
   * where it cannot know: after a start, and where others write the same tables.
   */
  fromId?: number | undefined;
};

/** A window as it is stored: with the variance that longer windows are summed from. */
export type StoredWindow = Omit<WindowRow, "realised_volatility"> & { realised_variance: number | null };

/** One price seen, for transforms that warm up. */
export type SeenPrice = { symbol: string; price: string; time: EpochMs };

/** How long rows are kept, in ms from their event time; null keeps them for ever. */
export type Retention = Record<TableName | "windows_1s" | "windows" | "alerts", number | null>;

/**
 * The consumer's store. Adapters: `sqlite` (embedded), `memory` (tests), `cassandra` (cluster). One caller, one call
 * at a time; readers go by `runtime/query`.
 *
 * Contract of `write`:
 * - When it resolves, everything in the batch is durable: rows, dead letters, positions, lineage and the marks of
 *   dirty minutes. An adapter with `transactionalPositions` does it in one transaction; another one writes positions
 *   nowhere and must have all else durable before it resolves, so that the log's positions may move (I1).
 * - Writing the same batch again, or its changes in any order or grouping, leaves the same rows (I2). A row is
 *   replaced only by a higher version; at equal versions the total order of {@linkcode compareRows} decides, the same
 *   in whatever order they come. A deletion removes its row at its version and wins over an upsert of an equal one.
 *   In Cassandra the version is the statement's `USING TIMESTAMP`, and equal time stamps are settled by the server,
 *   cell by cell: the producer and a correcting replay's revision see to it that versions differ where values do.
 * - A dead letter with a known id counts as another attempt of it.
 *
 * Errors, by {@linkcode CandlewireError.retry}:
 * - `retry` (`store.unavailable`): nothing or all of the batch was stored, the answer may be lost; write the same batch
 *   again, for ever, and read no further. Never a reason for a dead letter.
 * - `never` (`store.bad_row`): a row of the batch can never be stored. Nothing was stored. Bisect.
 * - `operator`: `store.dead_letters_full` (nothing was stored; the message says how full), `store.fenced` (a newer
 *   consumer has taken over; stop), `store.origin_mismatch`, `store.newer_schema`, `store.corrupt`.
 *
 * Retention: the loop filters what has expired (`expired`), `prune` removes what expires later, both by event time.
 */
export interface MarketStore extends AsyncDisposable {
  readonly capabilities: StoreCapabilities;

  /** With `dryRun`, counts what would happen and leaves the store as it was. */
  write(batch: StoreBatch, options?: { dryRun?: boolean }): Promise<WriteResult>;
  /** The positions after the last write; empty when the store keeps none. */
  positions(): Promise<Position[]>;

  /** Makes alerts durable and answers with those that were not there yet (by id), in order. */
  raiseAlerts(alerts: Alert[]): Promise<Alert[]>;
  /** True when there is such an alert. */
  markDelivered(id: string): Promise<boolean>;

  /** How full the dead-letter store is. */
  deadLetterRoom(): Promise<{ count: number; bytes: number; maxCount: number; maxBytes: number }>;
  /** Whole dead letters, oldest first; `after` is the last id of the previous call. */
  deadLetters(
    options: { ids?: string[]; code?: string; topic?: string; after?: string; limit: number },
  ): Promise<DeadLetter[]>;
  /** True when there was such a letter. Its record is given up: the caller must have been told so (I5). */
  dropDeadLetter(id: string): Promise<boolean>;

  /** Marked minutes of the symbols that are owned (all without `owns`), the longest untouched first. */
  dirtyMinutes(limit: number, options?: SymbolFilter): Promise<DirtyMinute[]>;
  /** The stored trades of one minute in id order; those with a lesser id than `fromId` are left out. */
  minuteTrades(symbol: string, minute: EpochMs, fromId?: number): Promise<TradeRow[]>;
  /** Stored windows with open time in [from, to), ascending. */
  storedWindows(
    symbol: string,
    window: StoredWindow["window"],
    from: EpochMs,
    to: EpochMs,
  ): Promise<StoredWindow[]>;
  /**
   * Stores windows and unmarks minutes, unless marked again meanwhile. All 1 s and 1 m windows of the minutes in
   * `done` are in `windows`: others that are stored there are removed. A window without a trade is removed.
   */
  writeWindows(windows: StoredWindow[], done: DirtyMinute[]): Promise<void>;

  /**
   * The prices of the last `withinMs` before each symbol's newest, oldest first per symbol; at most `limit`. Only of the
   * symbols that are owned (all without `owns`).
   */
  recentPrices(withinMs: number, limit: number, options?: SymbolFilter): Promise<SeenPrice[]>;

  /** Replays, newest first, at most 200 kept. */
  replays(): Promise<Replay[]>;
  saveReplay(replay: Replay): Promise<void>;
  /** A short text that the consumer keeps for its next start, by name; undefined when there is none. */
  note(name: string): Promise<string | undefined>;
  saveNote(name: string, text: string): Promise<void>;
  /** The revision of the next correcting replay, durable: 1, 2, … Rejects with `store.revisions_exhausted` above 999. */
  nextRevision(): Promise<number>;

  /** Removes expired rows, a bounded step at a time; `done` once a whole round has been made. */
  prune(now: EpochMs, retention: Retention): Promise<{ removed: number; done: boolean }>;
}

/** The id of the dead letter of a record. */
export function deadLetterId(topic: string, partition: number, offset: number): string {
  return `${topic}-${partition}-${offset}`;
}
