import { DatabaseSync, type StatementSync } from "node:sqlite";
import {
  checksumOf,
  decodeRecords,
  isCorruption,
  JOURNAL_FORMAT,
  segmentFile,
} from "../../change/journal_format.ts";
import { CandlewireError, errorText } from "../../error.ts";
import type { Origin } from "../../market/origin.ts";
import schema from "../../../schema/sqlite/journal_0001.sql" with { type: "text" };
import type { CapturePosition } from "./change_sink.ts";

/** A partition's offsets in a segment: its first and the one after its last. */
export type SegmentPartition = { topic: string; partition: number; base: number; next: number };

/** Records of one partition, encoded, to append. */
export type SegmentBatch = { topic: string; partition: number; base: number; count: number; text: string };

/** What a segment says of itself. */
export type SegmentState = {
  createdAt: number;
  sealed: boolean;
  partitions: SegmentPartition[];
  position: CapturePosition | undefined;
  /** When its newest batch was appended; its creation's time when empty. */
  lastAppendedAt: number;
};

/** A segment file that is open for writing. Synchronous: each call is a transaction, durable at return. */
export class JournalSegment implements Disposable {
  readonly number: number;
  readonly path: string;
  readonly #db: DatabaseSync;
  readonly #writer: string;
  readonly #batch: StatementSync;
  readonly #partition: StatementSync;
  readonly #position: StatementSync;
  readonly #fence: StatementSync;

  private constructor(number: number, path: string, writer: string, db: DatabaseSync) {
    this.number = number;
    this.path = path;
    this.#writer = writer;
    this.#db = db;
    this.#batch = db.prepare(
      "INSERT INTO batches (topic, partition, base_offset, count, appended_at, checksum, records) VALUES (?,?,?,?,?,?,?)",
    );
    this.#partition = db.prepare(
      `INSERT INTO partitions (topic, partition, base_offset, next_offset) VALUES (?1, ?2, ?3, ?4)
       ON CONFLICT (topic, partition) DO UPDATE SET next_offset = ?4`,
    );
    this.#position = db.prepare(
      `INSERT OR REPLACE INTO position (singleton, system_id, commit_lsn, changes, acknowledged_lsn, snapshot)
       VALUES (1, ?, ?, ?, ?, ?)`,
    );
    this.#fence = db.prepare("SELECT writer FROM segment");
  }

  /** Makes a segment that goes on where `before` ends. It appears under its name complete, or not at all. */
  static create(
    folder: string,
    number: number,
    before: Pick<SegmentState, "partitions" | "position">,
    options: { origin: Origin; writer: string; now: number },
  ): JournalSegment {
    const path = `${folder}/${segmentFile(number)}`;
    const draft = `${path}.new`;
    removeSegment(draft);
    const db = new DatabaseSync(draft);
    try {
      // Batches are large texts: larger pages mean fewer overflow pages.
      db.exec("PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN");
      db.exec(schema);
      db.prepare(
        "INSERT INTO segment (singleton, format, number, origin, created_at, writer) VALUES (1,?,?,?,?,?)",
      )
        .run(JOURNAL_FORMAT, number, JSON.stringify(options.origin), options.now, options.writer);
      const partition = db.prepare(
        "INSERT INTO partitions (topic, partition, base_offset, next_offset) VALUES (?,?,?,?)",
      );
      for (const known of before.partitions) {
        partition.run(known.topic, known.partition, known.next, known.next);
      }
      if (before.position !== undefined) {
        const { systemId, commitLsn, changes, acknowledgedLsn, snapshot } = before.position;
        db.prepare("INSERT INTO position VALUES (1,?,?,?,?,?)")
          .run(
            systemId,
            commitLsn,
            changes,
            acknowledgedLsn,
            snapshot === null ? null : JSON.stringify(snapshot),
          );
      }
      db.exec("COMMIT");
    } finally {
      db.close();
    }
    Deno.renameSync(draft, path);
    syncFolder(folder);
    return JournalSegment.open(folder, number, options);
  }

  /** Opens a segment for writing, checks that it is ours and whole, and takes it over from any other writer. */
  static open(
    folder: string,
    number: number,
    options: { origin: Origin; writer: string },
  ): JournalSegment {
    const path = `${folder}/${segmentFile(number)}`;
    const db = openDatabase(path, false);
    try {
      db.exec("PRAGMA synchronous = FULL");
      checkIdentity(db, path, number, options.origin);
      checkLastBatches(db, path);
      db.prepare("UPDATE segment SET writer = ?").run(options.writer);
      return new JournalSegment(number, path, options.writer, db);
    } catch (error) {
      db.close();
      throw corruptOr(error, path);
    }
  }

  /** Reads a segment's state without taking it over. */
  static inspect(folder: string, number: number, origin: Origin): SegmentState {
    const path = `${folder}/${segmentFile(number)}`;
    const db = openDatabase(path, true);
    try {
      checkIdentity(db, path, number, origin);
      return stateOf(db);
    } catch (error) {
      throw corruptOr(error, path);
    } finally {
      db.close();
    }
  }

  state(): SegmentState {
    return stateOf(this.#db);
  }

  /** Appends batches and moves the position, in one durable transaction (I1). */
  append(batches: readonly SegmentBatch[], position: CapturePosition, appendedAt: number): void {
    this.#transaction(() => {
      for (const { topic, partition, base, count, text } of batches) {
        this.#batch.run(topic, partition, base, count, appendedAt, checksumOf(text), text);
        this.#partition.run(topic, partition, base, base + count);
      }
      const { systemId, commitLsn, changes, acknowledgedLsn, snapshot } = position;
      this.#position.run(
        systemId,
        commitLsn,
        changes,
        acknowledgedLsn,
        snapshot === null ? null : JSON.stringify(snapshot),
      );
    });
  }

  /** Marks the segment as finished. Nothing is appended to it any more. */
  seal(): void {
    this.#transaction(() => this.#db.exec("UPDATE segment SET sealed = 1"));
  }

  #transaction(work: () => void): void {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const owner = (this.#fence.get() as { writer: string }).writer;
      if (owner !== this.#writer) {
        throw new CandlewireError("capture.fenced", `Write to ${this.path}: another process took it over`, {
          hint: "Run one capture a journal; this one stops",
        });
      }
      work();
      this.#db.exec("COMMIT");
    } catch (error) {
      // After a full disk SQLite may have rolled back by itself.
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}

/** Removes a segment's file and what SQLite keeps beside it. */
export function removeSegment(path: string): void {
  for (const suffix of ["", "-wal", "-shm", "-journal"]) {
    try {
      Deno.removeSync(path + suffix);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/** Bytes of a segment on disk, its write-ahead log included. */
export function segmentBytes(path: string): number {
  let bytes = 0;
  for (const suffix of ["", "-wal"]) {
    try {
      bytes += Deno.statSync(path + suffix).size;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return bytes;
}

function openDatabase(path: string, readOnly: boolean): DatabaseSync {
  try {
    return new DatabaseSync(path, { readOnly, timeout: 5000 });
  } catch (error) {
    throw corruptOr(error, path);
  }
}

function checkIdentity(db: DatabaseSync, path: string, number: number, origin: Origin): void {
  const row = db.prepare("SELECT format, number, origin FROM segment").get() as
    | { format: number; number: number; origin: string }
    | undefined;
  if (row === undefined) throw corrupt(path, "it has no description of itself");
  if (row.format !== JOURNAL_FORMAT) {
    throw new CandlewireError(
      "capture.journal_format",
      `Open ${path}: its format is ${row.format}, this version writes ${JOURNAL_FORMAT}`,
      { retry: "operator", hint: "Run the version that made it, or use another data folder" },
    );
  }
  if (row.number !== number) throw corrupt(path, `it says that it is segment ${row.number}`);
  const found = JSON.parse(row.origin) as Origin;
  if (found.kind === origin.kind && found.id === origin.id) return;
  // I8: records of two origins in one log could never be told apart again.
  throw new CandlewireError(
    "capture.journal_origin",
    `Open ${path}: it holds changes of "${found.label}" (${found.kind} ${found.id}), not of "${origin.label}" (${origin.kind} ${origin.id})`,
    {
      retry: "operator",
      hint: "Use another data folder for this source, or the source that the data came from",
    },
  );
}

/** The newest batch of each partition is what a torn write would have hit. */
function checkLastBatches(db: DatabaseSync, path: string): void {
  const rows = db.prepare(
    `SELECT p.topic, p.partition, p.base_offset AS base, p.next_offset AS next, b.base_offset, b.count, b.checksum, b.records
     FROM partitions p LEFT JOIN batches b ON b.topic = p.topic AND b.partition = p.partition AND b.base_offset =
       (SELECT max(base_offset) FROM batches x WHERE x.topic = p.topic AND x.partition = p.partition)`,
  ).all() as Record<string, string | number | null>[];
  for (const row of rows) {
    const place = `${row.topic} partition ${row.partition}`;
    if (row.records === null) {
      if (row.next !== row.base) throw corrupt(path, `${place} has no batch up to offset ${row.next}`);
      continue;
    }
    const text = String(row.records);
    if (checksumOf(text) !== row.checksum || decodeRecords(text, Number(row.count)) === undefined) {
      throw corrupt(path, `the batch at ${place} offset ${row.base_offset} is torn`);
    }
    if (Number(row.base_offset) + Number(row.count) !== row.next) {
      throw corrupt(path, `${place} ends at ${Number(row.base_offset) + Number(row.count)}, not ${row.next}`);
    }
  }
}

function stateOf(db: DatabaseSync): SegmentState {
  const segment = db.prepare("SELECT created_at, sealed FROM segment").get() as {
    created_at: number;
    sealed: number;
  };
  const partitions = db.prepare("SELECT topic, partition, base_offset, next_offset FROM partitions")
    .all() as {
      topic: string;
      partition: number;
      base_offset: number;
      next_offset: number;
    }[];
  const position = db.prepare("SELECT * FROM position").get() as Record<string, string | number> | undefined;
  const last = db.prepare("SELECT appended_at FROM batches ORDER BY id DESC LIMIT 1").get() as
    | { appended_at: number }
    | undefined;
  return {
    createdAt: segment.created_at,
    sealed: segment.sealed === 1,
    partitions: partitions.map((row) => ({
      topic: row.topic,
      partition: row.partition,
      base: row.base_offset,
      next: row.next_offset,
    })),
    position: position === undefined ? undefined : {
      systemId: String(position.system_id),
      commitLsn: String(position.commit_lsn),
      changes: Number(position.changes),
      acknowledgedLsn: String(position.acknowledged_lsn),
      snapshot: position.snapshot === null ? null : JSON.parse(String(position.snapshot)),
    },
    lastAppendedAt: last?.appended_at ?? segment.created_at,
  };
}

function corrupt(path: string, what: string, cause?: unknown): CandlewireError {
  return new CandlewireError("capture.journal_corrupt", `Open ${path}: ${what}`, {
    retry: "operator",
    hint:
      "Restore the journal folder, or move it away: capture then takes a new snapshot and completeness lists the range",
    cause,
  });
}

function corruptOr(error: unknown, path: string): unknown {
  return isCorruption(error) ? corrupt(path, errorText(error), error) : error;
}

/** A renamed file is durable once its folder is. */
function syncFolder(folder: string): void {
  using handle = Deno.openSync(folder);
  handle.syncSync();
}
