import type { ChangeBatch, Position, TopicPartition } from "../../change/record.ts";
import type { AssignmentChange, ChangeLog } from "../log/change_log.ts";
import type { MemoryLog } from "../log/memory.ts";
import { nameOf } from "../partition_name.ts";

/**
 * Several readers of one log in memory, as a consumer group: `share` deals the partitions out anew, at any moment. What
 * a reader has under way is its own affair, as it is in Kafka.
 */
export class MemoryGroup {
  /** What the group remembers. */
  readonly committed = new Map<string, number>();
  /** Positions that were acknowledged by a reader that had the partition no more. */
  foreign = 0;
  readonly #log: MemoryLog;
  readonly #readers: GroupReader[] = [];
  readonly #onCommit: (position: Position) => void;

  constructor(log: MemoryLog, onCommit: (position: Position) => void = () => {}) {
    this.#log = log;
    this.#onCommit = onCommit;
  }

  /** A new member; it has no partition before the next `share`. */
  reader(): ChangeLog {
    const reader = new GroupReader(this.#log, (position, owned) => {
      if (!owned) return void this.foreign++;
      this.#onCommit(position);
      this.committed.set(nameOf(position), position.offset);
    });
    this.#readers.push(reader);
    return reader;
  }

  /** Gives each partition to one of the readers, by its place in the order in which they were made. */
  async share(whose: (partition: TopicPartition) => number): Promise<void> {
    const partitions = await this.#log.watermarks();
    for (const [place, reader] of this.#readers.entries()) {
      reader.assign(partitions.filter((each) => whose(each) === place), this.committed);
    }
  }
}

class GroupReader implements ChangeLog {
  readonly #log: MemoryLog;
  readonly #commit: (position: Position, owned: boolean) => void;
  readonly #cursors = new Map<string, Position>();
  readonly #paused = new Set<string>();
  #onAssignment: ((change: AssignmentChange) => void) | undefined;

  constructor(log: MemoryLog, commit: (position: Position, owned: boolean) => void) {
    this.#log = log;
    this.#commit = commit;
  }

  assign(partitions: TopicPartition[], committed: Map<string, number>): void {
    const names = new Set(partitions.map(nameOf));
    const revoked = [...this.#cursors.values()].filter((each) => !names.has(nameOf(each)));
    const assigned = partitions.filter((each) => !this.#cursors.has(nameOf(each)));
    for (const each of revoked) {
      this.#cursors.delete(nameOf(each));
      this.#paused.delete(nameOf(each));
    }
    for (const { topic, partition } of assigned) {
      const name = nameOf({ topic, partition });
      this.#cursors.set(name, { topic, partition, offset: committed.get(name) ?? 0 });
    }
    this.#onAssignment?.({ assigned, revoked });
  }

  async subscribe(
    _topics: string[],
    options: { onAssignment?: (change: AssignmentChange) => void } = {},
  ): Promise<void> {
    this.#onAssignment = options.onAssignment;
    options.onAssignment?.({ assigned: [...this.#cursors.values()], revoked: [] });
  }

  async poll({ maxRecords }: { maxRecords: number; timeoutMs: number }): Promise<ChangeBatch[]> {
    const batches: ChangeBatch[] = [];
    for (const [name, cursor] of [...this.#cursors]) {
      if (this.#paused.has(name)) continue;
      const range = { ...cursor, from: cursor.offset, until: Infinity, maxRecords };
      const batch = await this.#log.read(range);
      // It may have been taken away while we read.
      if (batch.records.length === 0 || this.#cursors.get(name) !== cursor) continue;
      this.#cursors.set(name, { ...cursor, offset: batch.next });
      batches.push(batch);
    }
    if (batches.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    return batches;
  }

  async acknowledge(positions: Position[]): Promise<void> {
    for (const position of positions) this.#commit(position, this.#cursors.has(nameOf(position)));
  }

  pause(partitions: TopicPartition[]): void {
    for (const each of partitions) this.#paused.add(nameOf(each));
  }

  resume(partitions: TopicPartition[]): void {
    for (const each of partitions) this.#paused.delete(nameOf(each));
  }

  watermarks(): Promise<(TopicPartition & { low: number; high: number })[]> {
    return this.#log.watermarks();
  }

  read(range: TopicPartition & { from: number; until: number; maxRecords: number }): Promise<ChangeBatch> {
    return this.#log.read(range);
  }

  offsetsAt(topic: string, time: number): Promise<Position[]> {
    return this.#log.offsetsAt(topic, time);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#onAssignment = undefined;
  }
}
