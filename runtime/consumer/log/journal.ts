import { checksumOf, decodeRecords, isCorruption, segmentNumber } from "../../change/journal_format.ts";
import type { ChangeBatch, ChangeRecord, Position, TopicPartition } from "../../change/record.ts";
import { CandlewireError, errorText } from "../../error.ts";
import type { EpochMs } from "../../market/epoch.ts";
import type { Origin } from "../../market/origin.ts";
import type { ChangeLog } from "./change_log.ts";
import { JournalSegmentReader, type StoredBatch } from "./journal_segment_reader.ts";
import { outOfRange } from "./out_of_range.ts";
import { Wakeup } from "./wakeup.ts";

/** Options of {@linkcode JournalLog}. */
export type JournalLogOptions = {
  /** Refuses a journal of any other origin (I8). */
  origin?: Origin;
  /** How often the folder is looked at without a wake-up. */
  pollIntervalMs?: number;
};

type Cursor = TopicPartition & {
  at: string;
  offset: number;
  /** Decoded and not yet delivered: records of the batch that `offset` lies in. */
  ahead: ChangeRecord[];
};

/** How often removed segments are looked for while the newest is still being written. */
const LIST_INTERVAL_MS = 2000;

/**
 * Reads the journal that capture writes: segments in one folder, opened read-only while another process appends.
 * `notify()` wakes a waiting `poll` at once; without it, new records are seen within `pollIntervalMs`.
 */
export class JournalLog implements ChangeLog {
  readonly #folder: string;
  readonly #options: JournalLogOptions;
  readonly #wakeup = new Wakeup();
  readonly #cursors = new Map<string, Cursor>();
  readonly #paused = new Set<string>();
  /** In the order of their numbers. */
  #segments: JournalSegmentReader[] = [];
  #listedAt = -Infinity;
  #topics: string[] = [];
  #from = new Map<string, number>();
  #turn = 0;

  constructor(folder: string, options: JournalLogOptions = {}) {
    this.#folder = folder;
    this.#options = options;
  }

  /** Looks for new records now: capture said that there are some. */
  notify(): void {
    this.#wakeup.notify();
  }

  async subscribe(topics: string[], options: { from?: Position[] } = {}): Promise<void> {
    this.#topics = topics;
    this.#cursors.clear();
    this.#from = new Map((options.from ?? []).map((p) => [`${p.topic}/${p.partition}`, p.offset]));
  }

  async poll(
    options: { maxRecords: number; timeoutMs: number; signal?: AbortSignal },
  ): Promise<ChangeBatch[]> {
    const deadline = performance.now() + options.timeoutMs;
    for (;;) {
      this.#guard(() => this.#refresh());
      const batches = this.#guard(() => this.#take(options.maxRecords));
      const left = deadline - performance.now();
      if (batches.length > 0 || left <= 0 || options.signal?.aborted) return batches;
      await this.#wakeup.wait(Math.min(left, this.#options.pollIntervalMs ?? 250), options.signal);
    }
  }

  /**
   * Does nothing: the positions are kept in the store, with the rows, and the module tells capture's retention of them
   * (`log.acknowledged`).
   */
  async acknowledge(_positions: Position[]): Promise<void> {}

  pause(partitions: TopicPartition[]): void {
    for (const { topic, partition } of partitions) this.#paused.add(`${topic}/${partition}`);
  }

  resume(partitions: TopicPartition[]): void {
    for (const { topic, partition } of partitions) this.#paused.delete(`${topic}/${partition}`);
    this.#wakeup.notify();
  }

  async watermarks(): Promise<(TopicPartition & { low: number; high: number })[]> {
    return this.#guard(() => {
      this.#refresh(true);
      return this.#known().map(({ topic, partition }) => ({
        topic,
        partition,
        ...this.#range(`${topic}/${partition}`),
      }));
    });
  }

  async read(
    range: TopicPartition & { from: number; until: number; maxRecords: number },
  ): Promise<ChangeBatch> {
    return this.#guard(() => {
      this.#refresh(true);
      const { topic, partition, from, until, maxRecords } = range;
      const at = `${topic}/${partition}`;
      const { low, high } = this.#range(at);
      const end = Math.max(from, Math.min(until, high, from + maxRecords));
      if (from < low || from > high) throw outOfRange({ topic, partition, offset: from }, low, high);
      const records: ChangeRecord[] = [];
      let offset = from;
      while (offset < end) {
        const part = this.#batchAt(topic, partition, offset);
        if (part === undefined) break;
        for (const record of part) if (record.offset < end) records.push(record);
        offset = records[records.length - 1]!.offset + 1;
      }
      return { topic, partition, records, next: Math.min(offset, end), highWatermark: high };
    });
  }

  async offsetsAt(topic: string, time: number): Promise<Position[]> {
    return this.#guard(() => {
      this.#refresh(true);
      return this.#known().filter((known) => known.topic === topic).map(({ partition }) => {
        for (const segment of this.#segments) {
          const offset = segment.offsetAt(topic, partition, time);
          if (offset !== undefined) return { topic, partition, offset };
        }
        return { topic, partition, offset: this.#range(`${topic}/${partition}`).high };
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wakeup.notify();
    for (const segment of this.#segments) segment[Symbol.dispose]();
    this.#segments = [];
  }

  /** Follows the writer: new batches, new segments, removed ones. */
  #refresh(list = false): void {
    let newest = this.#segments[this.#segments.length - 1];
    newest?.refresh();
    const now = performance.now();
    if (list || newest === undefined || newest.sealed || now - this.#listedAt > LIST_INTERVAL_MS) {
      this.#listedAt = now;
      this.#list();
      newest = this.#segments[this.#segments.length - 1];
      newest?.refresh();
    }
    for (const { topic, partition } of this.#known()) {
      const at = `${topic}/${partition}`;
      if (this.#cursors.has(at) || !this.#topics.includes(topic)) continue;
      const offset = this.#from.get(at) ?? this.#range(at).low;
      this.#cursors.set(at, { topic, partition, at, offset, ahead: [] });
    }
    if (this.#segments.length === 0) return;
    for (const [at, offset] of this.#from) {
      // A position in a partition that the log does not know: another log's.
      const slash = at.lastIndexOf("/");
      const topic = at.slice(0, slash);
      if (offset === 0 || this.#cursors.has(at) || !this.#topics.includes(topic)) continue;
      throw outOfRange({ topic, partition: Number(at.slice(slash + 1)), offset }, 0, 0);
    }
  }

  #list(): void {
    const known = new Map(this.#segments.map((segment) => [segment.number, segment]));
    const found: JournalSegmentReader[] = [];
    let names: string[];
    try {
      names = [...Deno.readDirSync(this.#folder)].map((entry) => entry.name);
    } catch (error) {
      // Capture has not begun yet: its topics are waited for.
      if (error instanceof Deno.errors.NotFound) return;
      throw error;
    }
    for (const name of names) {
      const number = segmentNumber(name);
      if (number === undefined) continue;
      found.push(known.get(number) ?? new JournalSegmentReader(this.#folder, number, this.#options.origin));
      known.delete(number);
    }
    for (const gone of known.values()) gone[Symbol.dispose]();
    this.#segments = found.sort((a, b) => a.number - b.number).filter((segment) => segment.exists());
    // A successor was listed, so it is finished by now, perhaps with records that came after it was last looked at.
    for (const segment of this.#segments.slice(0, -1)) segment.refresh();
    // A sealed segment that nobody reads needs no open file: it opens again when it is read.
    for (const segment of this.#segments) {
      const inUse = [...this.#cursors.values()].some(({ at, offset }) => {
        const range = segment.range(at);
        return range !== undefined && offset >= range.base && offset < range.next;
      });
      if (segment.sealed && !inUse) segment[Symbol.dispose]();
    }
  }

  #take(maxRecords: number): ChangeBatch[] {
    const cursors = [...this.#cursors.values()].filter((cursor) => !this.#paused.has(cursor.at));
    const batches: ChangeBatch[] = [];
    let left = maxRecords;
    // A share each first, so that one busy partition does not keep the others waiting.
    const share = Math.max(1, Math.floor(maxRecords / Math.max(1, cursors.length)));
    this.#turn++;
    for (let i = 0; i < cursors.length && left > 0; i++) {
      const cursor = cursors[(this.#turn + i) % cursors.length]!;
      const batch = this.#advance(cursor, Math.min(left, share));
      if (batch === undefined) continue;
      left -= batch.records.length;
      batches.push(batch);
    }
    return batches;
  }

  #advance(cursor: Cursor, maxRecords: number): ChangeBatch | undefined {
    const { topic, partition, at } = cursor;
    const { low, high } = this.#range(at);
    if (cursor.offset > high || (cursor.offset < low && cursor.ahead.length === 0)) {
      throw outOfRange(cursor, low, high);
    }
    const records: ChangeRecord[] = [];
    while (records.length < maxRecords && cursor.offset < high) {
      if (cursor.ahead.length === 0) {
        const batch = this.#batchAt(topic, partition, cursor.offset);
        if (batch === undefined) break;
        cursor.ahead = batch;
      }
      const part = cursor.ahead.splice(0, maxRecords - records.length);
      for (const record of part) records.push(record);
      cursor.offset = part[part.length - 1]!.offset + 1;
    }
    if (records.length === 0) return undefined;
    return { topic, partition, records, next: cursor.offset, highWatermark: high };
  }

  /** The records from an offset to the end of its batch. */
  #batchAt(topic: string, partition: number, offset: number): ChangeRecord[] | undefined {
    const at = `${topic}/${partition}`;
    for (const segment of this.#segments) {
      const range = segment.range(at);
      if (range === undefined || offset < range.base || offset >= range.next) continue;
      const batch = segment.batchAt(topic, partition, offset);
      return batch === undefined ? undefined : recordsOf(batch, offset, segment.path);
    }
    return undefined;
  }

  #known(): TopicPartition[] {
    return this.#segments[this.#segments.length - 1]?.partitions ?? [];
  }

  #range(at: string): { low: number; high: number } {
    let low: number | undefined;
    for (const segment of this.#segments) {
      low = segment.range(at)?.base;
      if (low !== undefined) break;
    }
    return { low: low ?? 0, high: this.#segments[this.#segments.length - 1]?.range(at)?.next ?? 0 };
  }

  /** Whatever SQLite or the file system says becomes the contract's retryable error. */
  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof CandlewireError) throw error;
      if (isCorruption(error)) {
        throw new CandlewireError(
          "log.corrupt_segment",
          `Read the journal ${this.#folder}: ${errorText(error)}`,
          {
            retry: "operator",
            hint: "Restore the folder, or move it away and take a new snapshot",
            cause: error,
          },
        );
      }
      throw new CandlewireError("log.unavailable", `Read the journal ${this.#folder}: ${errorText(error)}`, {
        retry: "retry",
        cause: error,
      });
    }
  }
}

function recordsOf(batch: StoredBatch, from: number, path: string): ChangeRecord[] {
  const decoded = checksumOf(batch.records) === batch.checksum
    ? decodeRecords(batch.records, batch.count)
    : undefined;
  if (decoded === undefined) {
    throw new CandlewireError(
      "log.corrupt_segment",
      `Read ${path}: the batch at ${batch.topic} partition ${batch.partition} offset ${batch.base_offset} is torn or altered`,
      { retry: "operator", hint: "Restore the file, or move the journal away and take a new snapshot" },
    );
  }
  const records: ChangeRecord[] = [];
  for (let i = from - batch.base_offset; i < decoded.length; i++) {
    const { key, value } = decoded[i]!;
    records.push({
      offset: batch.base_offset + i,
      key,
      value,
      timestamp: batch.appended_at as EpochMs,
    });
  }
  return records;
}
