import { partitionFor } from "../../change/partitioner.ts";
import type { ChangeBatch, ChangeRecord, Position, TopicPartition } from "../../change/record.ts";
import { CandlewireError } from "../../error.ts";
import { type EpochMs, wallClock } from "../../market/epoch.ts";
import type { ChangeLog } from "./change_log.ts";
import { outOfRange } from "./out_of_range.ts";
import { Wakeup } from "./wakeup.ts";

/** A record to append. The partition is chosen by the key (murmur2), or 0 without one, unless given. */
export type MemoryRecord = {
  topic: string;
  key: string | null;
  value: string | null;
  partition?: number;
  timestamp?: EpochMs;
};

type Partition = TopicPartition & { low: number; records: ChangeRecord[] };

/** A change log in memory, for tests of what reads one: the contract's simplest adapter. */
export class MemoryLog implements ChangeLog {
  readonly #partitions = new Map<string, Partition>();
  readonly #cursors = new Map<string, number>();
  readonly #paused = new Set<string>();
  readonly #count: number;
  #topics: string[] = [];
  #from = new Map<string, number>();
  readonly #wakeup = new Wakeup();
  #turn = 0;
  /** The positions acknowledged so far, by `topic/partition`. */
  readonly acknowledged = new Map<string, number>();
  /** Fault `unavailable`: while set, `poll` and `read` reject with it. */
  unavailable: CandlewireError | null = null;

  constructor(partitions = 4) {
    this.#count = partitions;
  }

  /** What the writer's side does: appends in the order given. */
  append(records: readonly MemoryRecord[]): void {
    for (const { topic, key, value, ...rest } of records) {
      const partition = rest.partition ?? (key === null ? 0 : partitionFor(key, this.#count));
      const at = `${topic}/${partition}`;
      let known = this.#partitions.get(at);
      if (known === undefined) this.#partitions.set(at, known = { topic, partition, low: 0, records: [] });
      const offset = known.low + known.records.length;
      known.records.push({ offset, key, value, timestamp: rest.timestamp ?? wallClock() });
    }
    this.#wakeup.notify();
  }

  /** What retention does: forgets records below an offset. */
  prune({ topic, partition, offset }: Position): void {
    const known = this.#partitions.get(`${topic}/${partition}`);
    if (known === undefined) return;
    const count = Math.min(Math.max(0, offset - known.low), known.records.length);
    known.records.splice(0, count);
    known.low += count;
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
      if (this.unavailable !== null) throw this.unavailable;
      const batches = this.#take(options.maxRecords);
      const left = deadline - performance.now();
      if (batches.length > 0 || left <= 0 || options.signal?.aborted) return batches;
      await this.#wakeup.wait(left, options.signal);
    }
  }

  #take(maxRecords: number): ChangeBatch[] {
    const all = [...this.#partitions.values()].filter(({ topic }) => this.#topics.includes(topic));
    const batches: ChangeBatch[] = [];
    let left = maxRecords;
    for (let i = 0; i < all.length && left > 0; i++) {
      const partition = all[(this.#turn + i) % all.length]!;
      const at = `${partition.topic}/${partition.partition}`;
      if (this.#paused.has(at)) continue;
      const from = this.#cursors.get(at) ?? this.#from.get(at) ?? partition.low;
      // A share each, so that one busy partition does not keep the others waiting.
      const share = Math.min(left, Math.max(1, Math.floor(maxRecords / all.length)));
      const batch = this.#slice(partition, from, Infinity, share);
      if (batch.records.length === 0) continue;
      this.#cursors.set(at, batch.next);
      left -= batch.records.length;
      batches.push(batch);
    }
    this.#turn++;
    return batches;
  }

  #slice(partition: Partition, from: number, until: number, maxRecords: number): ChangeBatch {
    const { topic, low, records } = partition;
    const high = low + records.length;
    if (from < low || from > high) {
      throw outOfRange({ topic, partition: partition.partition, offset: from }, low, high);
    }
    const end = Math.max(from, Math.min(until, high, from + maxRecords));
    return {
      topic,
      partition: partition.partition,
      records: records.slice(from - low, end - low),
      next: end,
      highWatermark: high,
    };
  }

  async acknowledge(positions: Position[]): Promise<void> {
    for (const { topic, partition, offset } of positions) {
      const at = `${topic}/${partition}`;
      this.acknowledged.set(at, Math.max(offset, this.acknowledged.get(at) ?? 0));
    }
  }

  pause(partitions: TopicPartition[]): void {
    for (const { topic, partition } of partitions) this.#paused.add(`${topic}/${partition}`);
  }

  resume(partitions: TopicPartition[]): void {
    for (const { topic, partition } of partitions) this.#paused.delete(`${topic}/${partition}`);
    this.#wakeup.notify();
  }

  async watermarks(): Promise<(TopicPartition & { low: number; high: number })[]> {
    return [...this.#partitions.values()].map(({ topic, partition, low, records }) => ({
      topic,
      partition,
      low,
      high: low + records.length,
    }));
  }

  async read(
    range: TopicPartition & { from: number; until: number; maxRecords: number },
  ): Promise<ChangeBatch> {
    if (this.unavailable !== null) throw this.unavailable;
    const { topic, partition, from, until, maxRecords } = range;
    const known = this.#partitions.get(`${topic}/${partition}`) ?? { topic, partition, low: 0, records: [] };
    return this.#slice(known, from, until, maxRecords);
  }

  async offsetsAt(topic: string, time: number): Promise<Position[]> {
    return [...this.#partitions.values()].filter((known) => known.topic === topic).map((known) => {
      const first = known.records.find((record) => record.timestamp >= time);
      const offset = first?.offset ?? known.low + known.records.length;
      return { topic, partition: known.partition, offset };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wakeup.notify();
  }
}
