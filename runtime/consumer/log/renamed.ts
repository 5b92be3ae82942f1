import { tableOf, topicOf } from "../../change/envelope.ts";
import type { ChangeBatch, Position, TopicPartition } from "../../change/record.ts";
import type { AssignmentChange, ChangeLog } from "./change_log.ts";

/**
 * A log whose topics have another prefix than ours (`topic.prefix` and schema of a connector that also serves others):
 * to its reader they are named as everywhere.
 */
export class RenamedLog implements ChangeLog {
  readonly #log: ChangeLog;
  readonly #prefix: string;

  /** `prefix`: what stands before the table's name, such as `market.public.`. */
  constructor(log: ChangeLog, prefix: string) {
    this.#log = log;
    this.#prefix = prefix;
  }

  subscribe(
    topics: string[],
    { from, onAssignment }: { from?: Position[]; onAssignment?: (change: AssignmentChange) => void } = {},
  ): Promise<void> {
    return this.#log.subscribe(topics.map((topic) => outer(topic, this.#prefix)), {
      from: from && this.#outer(from),
      onAssignment: onAssignment &&
        (({ assigned, revoked }) =>
          onAssignment({ assigned: this.#inner(assigned), revoked: this.#inner(revoked) })),
    });
  }

  async poll(
    options: { maxRecords: number; timeoutMs: number; signal?: AbortSignal },
  ): Promise<ChangeBatch[]> {
    return this.#inner(await this.#log.poll(options));
  }

  acknowledge(positions: Position[]): Promise<void> {
    return this.#log.acknowledge(this.#outer(positions));
  }

  pause(partitions: TopicPartition[]): void {
    this.#log.pause(this.#outer(partitions));
  }

  resume(partitions: TopicPartition[]): void {
    this.#log.resume(this.#outer(partitions));
  }

  positions(): Position[] {
    return this.#inner(this.#log.positions?.() ?? []);
  }

  async watermarks(): Promise<(TopicPartition & { low: number; high: number })[]> {
    return this.#inner(await this.#log.watermarks());
  }

  async read(
    range: TopicPartition & { from: number; until: number; maxRecords: number },
  ): Promise<ChangeBatch> {
    const batch = await this.#log.read({ ...range, topic: outer(range.topic, this.#prefix) });
    return { ...batch, topic: range.topic };
  }

  async offsetsAt(topic: string, time: number): Promise<Position[]> {
    return this.#inner(await this.#log.offsetsAt(outer(topic, this.#prefix), time));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#log[Symbol.asyncDispose]());
  }

  #outer<T extends TopicPartition>(these: T[]): T[] {
    return these.map((each) => ({ ...each, topic: outer(each.topic, this.#prefix) }));
  }

  #inner<T extends TopicPartition>(these: T[]): T[] {
    return these.map((each) => ({ ...each, topic: topicOf(each.topic.slice(this.#prefix.length)) }));
  }
}

/** The log's own name of one of our topics. */
export function outer(topic: string, prefix: string): string {
  return prefix + (tableOf(topic) ?? topic);
}
