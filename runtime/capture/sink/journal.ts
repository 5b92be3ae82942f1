import { randomUUID } from "node:crypto";
import { encodeRecords, isCorruption, segmentFile, segmentNumber } from "../../change/journal_format.ts";
import { partitionFor } from "../../change/partitioner.ts";
import type { Position } from "../../change/record.ts";
import { CandlewireError, errorText } from "../../error.ts";
import { type EpochMs, wallClock } from "../../market/epoch.ts";
import { AcknowledgedPositions } from "./acknowledged_positions.ts";
import type { CapturePosition, ChangeSink, SinkOptions, SinkRecord } from "./change_sink.ts";
import {
  JournalSegment,
  removeSegment,
  type SegmentBatch,
  segmentBytes,
  type SegmentPartition,
} from "./journal_segment.ts";

/** Limits of a journal. Bytes are bytes on disk. */
export type JournalLimits = {
  /** A segment is sealed at this size … */
  segmentBytes: number;
  /** … or at this age. */
  segmentMs: number;
  /** Acknowledged segments older than this are removed. */
  retentionMs: number;
  /** Acknowledged segments are removed, oldest first, while the journal is larger. */
  retentionBytes: number;
  /** Appends are refused beyond it: what is not acknowledged is never removed (I10). */
  maxBytes: number;
};

/** What the journal holds. */
export type JournalStats = {
  segments: number;
  bytes: number;
  /** When the oldest segment was begun. */
  oldest_at: EpochMs;
  topics: { topic: string; partition: number; low: number; high: number }[];
};

type Sealed = {
  number: number;
  path: string;
  bytes: number;
  createdAt: number;
  lastAppendedAt: number;
  partitions: SegmentPartition[];
};

/** A batch holds at most this many records and about this many characters, so that a reader's memory is bounded. */
const BATCH_RECORDS = 1000;
const BATCH_CHARS = 512 * 1024;
/** Keys whose partition is remembered. */
const KNOWN_KEYS = 50_000;

/** The change log of the embedded profile: segments, each a SQLite file, in one folder. */
export class JournalSink implements ChangeSink {
  readonly capabilities = { atomicAppend: true };
  readonly #folder: string;
  readonly #options: SinkOptions;
  readonly #limits: JournalLimits;
  readonly #now: () => EpochMs;
  readonly #writer = randomUUID();
  readonly #sealed: Sealed[] = [];
  readonly #next = new Map<string, SegmentPartition>();
  readonly #partitionOf = new Map<string, number>();
  readonly #acknowledged: AcknowledgedPositions;
  #active: JournalSegment;
  #activeSince: number;
  #lastAppendedAt: number;
  #activeSealed = false;
  #position: CapturePosition | undefined;
  #bytes = 0;

  /**
   * Opens the journal of a folder, and begins one when it is empty. Rejects with `capture.journal_format`,
   * `capture.journal_origin` or `capture.journal_corrupt`, which name the file and the remedy.
   */
  static async open(
    folder: string,
    options: SinkOptions & { limits: JournalLimits; now?: () => EpochMs },
  ): Promise<JournalSink> {
    await Deno.mkdir(folder, { recursive: true });
    return new JournalSink(folder, options);
  }

  private constructor(
    folder: string,
    options: SinkOptions & { limits: JournalLimits; now?: () => EpochMs },
  ) {
    this.#folder = folder;
    this.#options = options;
    this.#limits = options.limits;
    this.#now = options.now ?? wallClock;
    const numbers: number[] = [];
    for (const { name } of Deno.readDirSync(folder)) {
      const number = segmentNumber(name);
      if (number !== undefined) numbers.push(number);
      // A draft that a crash left behind.
      else if (name.endsWith(".sqlite.new")) removeSegment(`${folder}/${name}`);
    }
    numbers.sort((a, b) => a - b);
    const newest = numbers.pop();
    this.#acknowledged = new AcknowledgedPositions(folder, newest === undefined);
    for (const number of numbers) this.#remember(number);
    if (newest === undefined) {
      this.#active = this.#create(1, { partitions: [], position: undefined });
    } else {
      this.#active = JournalSegment.open(folder, newest, { origin: options.origin, writer: this.#writer });
    }
    const state = this.#active.state();
    for (const partition of state.partitions) {
      this.#next.set(`${partition.topic}/${partition.partition}`, partition);
    }
    this.#position = state.position;
    this.#activeSince = state.createdAt;
    this.#lastAppendedAt = state.lastAppendedAt;
    // A crash between sealing a segment and beginning the next.
    if (state.sealed) this.#beginNext();
    this.#measure();
  }

  async position(): Promise<CapturePosition | undefined> {
    return this.#position;
  }

  async append(records: readonly SinkRecord[], position: CapturePosition): Promise<void> {
    const batches = this.#batches(records);
    const size = batches.reduce((sum, batch) => sum + batch.text.length, 0);
    if (size > 0 && this.#bytes + size > this.#limits.maxBytes) {
      this.retain();
      this.#measure();
      if (this.#bytes + size > this.#limits.maxBytes) throw this.#full();
    }
    // Readers look for times by bisection of what never falls, whatever the clock does.
    const appendedAt = Math.max(this.#now(), this.#lastAppendedAt);
    try {
      // Before, not after the append: a failure to begin a segment must not look like a failure to append.
      this.#rollIfDue(appendedAt);
      this.#active.append(batches, position, appendedAt);
    } catch (error) {
      throw this.#storageError(error);
    }
    this.#lastAppendedAt = appendedAt;
    this.#position = position;
    for (const batch of batches) this.#advance(batch);
    this.#bytes += size;
  }

  /** A group's readers need nothing below these positions any more. Positions never fall. */
  acknowledge(group: string, positions: readonly Position[]): void {
    this.#acknowledged.set(group, positions);
  }

  /** Removes what retention allows: sealed, acknowledged by every group, and too old or too much. Returns how many. */
  retain(): number {
    let removed = 0;
    let bytes = this.#sealed.reduce((sum, segment) => sum + segment.bytes, segmentBytes(this.#active.path));
    const now = this.#now();
    for (;;) {
      const oldest = this.#sealed[0];
      if (oldest === undefined || !this.#isAcknowledged(oldest)) break;
      const old = now - oldest.lastAppendedAt > this.#limits.retentionMs;
      if (!old && bytes <= this.#limits.retentionBytes) break;
      removeSegment(oldest.path);
      this.#sealed.shift();
      bytes -= oldest.bytes;
      removed++;
    }
    if (removed > 0) this.#measure();
    return removed;
  }

  stats(): JournalStats {
    this.#measure();
    const first = this.#sealed[0];
    const low = new Map<string, number>();
    for (const segment of this.#sealed) {
      for (const { topic, partition, base } of segment.partitions) {
        const at = `${topic}/${partition}`;
        if (!low.has(at)) low.set(at, base);
      }
    }
    return {
      segments: this.#sealed.length + 1,
      bytes: this.#bytes,
      oldest_at: (first?.createdAt ?? this.#activeSince) as EpochMs,
      topics: [...this.#next].map(([at, { topic, partition, base, next }]) => ({
        topic,
        partition,
        low: low.get(at) ?? base,
        high: next,
      })),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#active[Symbol.dispose]();
  }

  /** Groups records by partition in their order, cut into batches. */
  #batches(records: readonly SinkRecord[]): SegmentBatch[] {
    const groups = new Map<
      string,
      { topic: string; partition: number; records: SinkRecord[]; chars: number }[]
    >();
    for (const record of records) {
      const partition = this.#choose(record.key);
      const at = `${record.topic}/${partition}`;
      let parts = groups.get(at);
      if (parts === undefined) groups.set(at, parts = []);
      let last = parts[parts.length - 1];
      if (last === undefined || last.records.length >= BATCH_RECORDS || last.chars >= BATCH_CHARS) {
        parts.push(last = { topic: record.topic, partition, records: [], chars: 0 });
      }
      last.records.push(record);
      last.chars += record.value?.length ?? 0;
    }
    const batches: SegmentBatch[] = [];
    for (const [at, parts] of groups) {
      let base = this.#next.get(at)?.next ?? 0;
      for (const { topic, partition, records: part } of parts) {
        batches.push({ topic, partition, base, count: part.length, text: encodeRecords(part) });
        base += part.length;
      }
    }
    return batches;
  }

  #choose(key: string | null): number {
    if (key === null) return 0;
    const known = this.#partitionOf.get(key);
    if (known !== undefined) return known;
    if (this.#partitionOf.size >= KNOWN_KEYS) this.#partitionOf.clear();
    const partition = partitionFor(key, this.#options.partitions);
    this.#partitionOf.set(key, partition);
    return partition;
  }

  #advance({ topic, partition, base, count }: SegmentBatch): void {
    const at = `${topic}/${partition}`;
    const known = this.#next.get(at);
    if (known === undefined) this.#next.set(at, { topic, partition, base, next: base + count });
    else known.next = base + count;
  }

  #rollIfDue(now: number): void {
    if (!this.#activeSealed) {
      const empty = [...this.#next.values()].every(({ base, next }) => base === next);
      if (empty) return;
      const large = segmentBytes(this.#active.path) >= this.#limits.segmentBytes;
      if (!large && now - this.#activeSince < this.#limits.segmentMs) return;
      this.#active.seal();
      this.#activeSealed = true;
    }
    this.#beginNext();
    this.retain();
  }

  /** Begins the segment after the active one, which is sealed. */
  #beginNext(): void {
    const number = this.#active.number;
    const partitions = [...this.#next.values()].map((partition) => ({ ...partition }));
    // The new one first: should it fail, the sealed one stays the active one, and the next append tries again.
    const next = this.#create(number + 1, { partitions, position: this.#position });
    this.#active[Symbol.dispose]();
    this.#remember(number);
    this.#active = next;
    this.#activeSealed = false;
    this.#activeSince = this.#now();
    for (const partition of this.#next.values()) partition.base = partition.next;
    this.#measure();
  }

  #create(number: number, before: { partitions: SegmentPartition[]; position: CapturePosition | undefined }) {
    return JournalSegment.create(this.#folder, number, before, {
      origin: this.#options.origin,
      writer: this.#writer,
      now: this.#now(),
    });
  }

  #remember(number: number): void {
    const path = `${this.#folder}/${segmentFile(number)}`;
    const { createdAt, lastAppendedAt, partitions } = JournalSegment.inspect(
      this.#folder,
      number,
      this.#options.origin,
    );
    this.#sealed.push({ number, path, bytes: segmentBytes(path), createdAt, lastAppendedAt, partitions });
  }

  #isAcknowledged(segment: Sealed): boolean {
    return segment.partitions.every(({ topic, partition, base, next }) =>
      next === base || this.#acknowledged.reached({ topic, partition, offset: next })
    );
  }

  #measure(): void {
    this.#bytes = this.#sealed.reduce((sum, segment) => sum + segment.bytes, segmentBytes(this.#active.path));
  }

  #full(): CandlewireError {
    const { groups } = this.#acknowledged;
    return new CandlewireError(
      "capture.journal_full",
      `Append to ${this.#folder}: it holds ${this.#bytes} bytes of at most ${this.#limits.maxBytes}, and ${
        groups.length === 0
          ? "no reader has acknowledged anything"
          : `${groups.join(", ")} still need its oldest segment`
      }`,
      {
        retry: "retry",
        hint: "Start the consumer or mend what stops it; or raise journal.maxBytes",
        details: { bytes: this.#bytes, maxBytes: this.#limits.maxBytes, groups },
      },
    );
  }

  #storageError(error: unknown): unknown {
    if (error instanceof CandlewireError) return error;
    if (isCorruption(error)) {
      return new CandlewireError(
        "capture.journal_corrupt",
        `Append to ${this.#active.path}: ${errorText(error)}`,
        {
          retry: "operator",
          hint: "Restore the journal folder, or move it away: capture then takes a new snapshot",
          cause: error,
        },
      );
    }
    return new CandlewireError("capture.storage", `Append to ${this.#active.path}: ${errorText(error)}`, {
      retry: "retry",
      hint: "Free space on the disk that holds the data folder, or mend the disk; nothing was lost",
      cause: error,
    });
  }
}
