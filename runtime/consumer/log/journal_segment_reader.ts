import { DatabaseSync, type StatementSync } from "node:sqlite";
import { isCorruption, JOURNAL_FORMAT, segmentFile } from "../../change/journal_format.ts";
import type { TopicPartition } from "../../change/record.ts";
import { CandlewireError, errorText } from "../../error.ts";
import type { Origin } from "../../market/origin.ts";

/** A batch as it lies in a segment; see `schema/sqlite/journal_0001.sql`. */
export type StoredBatch = {
  topic: string;
  partition: number;
  base_offset: number;
  count: number;
  appended_at: number;
  checksum: number;
  records: string;
};

/** A segment's offsets of one partition: its first and the one after its last. */
type Range = { base: number; next: number };

type Open = {
  db: DatabaseSync;
  version: StatementSync;
  batch: StatementSync;
  time: StatementSync;
};

/** One segment, read-only. A sealed one is described once; another is described again when it changed. */
export class JournalSegmentReader implements Disposable {
  readonly number: number;
  readonly path: string;
  readonly #origin: Origin | undefined;
  #open: Open | undefined;
  #version: unknown;
  #ranges = new Map<string, Range>();
  sealed = false;
  partitions: TopicPartition[] = [];

  constructor(folder: string, number: number, origin: Origin | undefined) {
    this.number = number;
    this.path = `${folder}/${segmentFile(number)}`;
    this.#origin = origin;
    try {
      this.refresh();
    } catch (error) {
      // Retention removed it between the listing and now: `exists` answers that.
      if (this.exists()) throw error;
    }
  }

  exists(): boolean {
    try {
      return Deno.statSync(this.path).isFile;
    } catch {
      return false;
    }
  }

  /** Reads the description again if the writer committed something since. */
  refresh(): void {
    if (this.sealed) return;
    const { db, version } = this.#database();
    const now = (version.get() as { data_version: number }).data_version;
    if (now === this.#version) return;
    // `sealed` before the offsets: once it is set, the offsets are final.
    const sealed = (db.prepare("SELECT sealed FROM segment").get() as { sealed: number }).sealed === 1;
    const rows = db.prepare("SELECT topic, partition, base_offset, next_offset FROM partitions").all();
    this.#ranges = new Map();
    this.partitions = [];
    for (const row of rows as (TopicPartition & { base_offset: number; next_offset: number })[]) {
      this.#ranges.set(`${row.topic}/${row.partition}`, { base: row.base_offset, next: row.next_offset });
      this.partitions.push({ topic: row.topic, partition: row.partition });
    }
    this.sealed = sealed;
    this.#version = now;
  }

  /** `at`: `topic/partition`. */
  range(at: string): Range | undefined {
    return this.#ranges.get(at);
  }

  /** The batch that an offset lies in. */
  batchAt(topic: string, partition: number, offset: number): StoredBatch | undefined {
    return this.#database().batch.get(topic, partition, offset) as StoredBatch | undefined;
  }

  /** The first offset whose batch was appended at or after a time. */
  offsetAt(topic: string, partition: number, time: number): number | undefined {
    const range = this.#ranges.get(`${topic}/${partition}`);
    if (range === undefined || range.base === range.next) return undefined;
    const row = this.#database().time.get(topic, partition, time) as { base_offset: number | null };
    return row.base_offset ?? undefined;
  }

  [Symbol.dispose](): void {
    this.#open?.db.close();
    this.#open = undefined;
  }

  #database(): Open {
    if (this.#open !== undefined) return this.#open;
    let db: DatabaseSync | undefined;
    try {
      db = new DatabaseSync(this.path, { readOnly: true, timeout: 5000 });
      this.#check(db);
      const columns = "topic, partition, base_offset, count, appended_at, checksum, records";
      this.#open = {
        db,
        version: db.prepare("PRAGMA data_version"),
        batch: db.prepare(
          `SELECT ${columns} FROM batches WHERE topic = ? AND partition = ? AND base_offset <= ?
           ORDER BY base_offset DESC LIMIT 1`,
        ),
        time: db.prepare(
          "SELECT min(base_offset) AS base_offset FROM batches WHERE topic = ? AND partition = ? AND appended_at >= ?",
        ),
      };
      return this.#open;
    } catch (error) {
      db?.close();
      if (!isCorruption(error)) throw error;
      throw new CandlewireError("log.corrupt_segment", `Open ${this.path}: ${errorText(error)}`, {
        retry: "operator",
        hint: "Restore the file, or move the journal away and take a new snapshot",
        cause: error,
      });
    }
  }

  #check(db: DatabaseSync): void {
    const row = db.prepare("SELECT format, origin FROM segment").get() as { format: number; origin: string };
    if (row.format !== JOURNAL_FORMAT) {
      throw new CandlewireError(
        "log.format",
        `Open ${this.path}: its format is ${row.format}, this version reads ${JOURNAL_FORMAT}`,
        { retry: "operator", hint: "Run the version that made it, or use another data folder" },
      );
    }
    const found = JSON.parse(row.origin) as Origin;
    const wanted = this.#origin;
    if (wanted === undefined || (found.kind === wanted.kind && found.id === wanted.id)) return;
    throw new CandlewireError(
      "log.origin",
      `Open ${this.path}: it holds changes of "${found.label}" (${found.kind} ${found.id}), not of "${wanted.label}" (${wanted.kind} ${wanted.id})`,
      { retry: "operator", hint: "Use the store and the log of one data folder" },
    );
  }
}
