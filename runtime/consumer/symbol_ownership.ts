import { topicOf } from "../change/envelope.ts";
import { partitionFor } from "../change/partitioner.ts";
import type { TopicPartition } from "../change/record.ts";
import type { TableName } from "../market/table.ts";
import type { AssignmentChange, ChangeLog } from "./log/change_log.ts";

/** Symbols whose partition is remembered (I10). */
const MAX_SYMBOLS = 50_000;

/**
 * Which symbols are this consumer's, where several share a log: those whose key falls into a partition that it reads. A
 * log with one reader tells of no assignment; then all are.
 */
export class SymbolOwnership {
  readonly #assigned = new Map<string, Set<number>>();
  readonly #partitions = new Map<string, number>();
  readonly #known = new Map<string, number>();
  #shared = false;

  /** True when the log is shared by several consumers. */
  get shared(): boolean {
    return this.#shared;
  }

  /** Takes a change of the partitions that are read, and how many each topic has. */
  async change({ assigned, revoked }: AssignmentChange, log: ChangeLog): Promise<void> {
    for (const { topic, partition } of revoked) this.#assigned.get(topic)?.delete(partition);
    for (const [topic, partitions] of byTopic(assigned)) {
      const known = this.#assigned.get(topic);
      if (known === undefined) this.#assigned.set(topic, partitions);
      else for (const partition of partitions) known.add(partition);
    }
    this.#shared = true;
    for (const [topic, count] of countPartitions(await log.watermarks())) this.#partitions.set(topic, count);
    this.#known.clear();
  }

  /** Whether rows of the symbol in one of these tables come to this consumer. */
  owns(symbol: string, tables: readonly TableName[]): boolean {
    return !this.#shared || tables.some((table) => this.#isIn(symbol, table, this.#assigned));
  }

  /** Whether rows of the symbol in one of these tables lie in these partitions. */
  isIn(symbol: string, tables: readonly TableName[], partitions: readonly TopicPartition[]): boolean {
    const sets = byTopic(partitions);
    return tables.some((table) => this.#isIn(symbol, table, sets));
  }

  /** Whether this consumer reads a partition; true for all where the log has one reader. */
  reads(table: TableName, partition: number): boolean {
    return !this.#shared || (this.#assigned.get(topicOf(table))?.has(partition) ?? false);
  }

  #isIn(symbol: string, table: TableName, partitions: ReadonlyMap<string, Set<number>>): boolean {
    const topic = topicOf(table);
    const count = this.#partitions.get(topic);
    // Not known yet: rather twice than never.
    if (count === undefined) return true;
    return partitions.get(topic)?.has(this.#partitionOf(symbol, count)) ?? false;
  }

  #partitionOf(symbol: string, partitions: number): number {
    const at = `${partitions} ${symbol}`;
    let partition = this.#known.get(at);
    if (partition === undefined) {
      partition = partitionFor(JSON.stringify({ symbol }), partitions);
      if (this.#known.size < MAX_SYMBOLS) this.#known.set(at, partition);
    }
    return partition;
  }
}

function countPartitions(partitions: readonly TopicPartition[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { topic } of partitions) counts.set(topic, (counts.get(topic) ?? 0) + 1);
  return counts;
}

function byTopic(partitions: readonly TopicPartition[]): Map<string, Set<number>> {
  const sets = new Map<string, Set<number>>();
  for (const { topic, partition } of partitions) {
    const known = sets.get(topic);
    if (known === undefined) sets.set(topic, new Set([partition]));
    else known.add(partition);
  }
  return sets;
}
