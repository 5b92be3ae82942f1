import type { CandlewireError } from "../../error.ts";
import { isRebalance, kafkaError } from "../../kafka/error_kafka.ts";
import { wait } from "../../wait.ts";
import type { KafkaMember } from "./kafka_group.ts";
import type { KafkaPartition } from "./kafka_partition.ts";

/** How often positions are committed while there are new ones. */
const EVERY_MS = 100;

/** What {@linkcode KafkaCommits} works with. */
export type KafkaCommitsOptions = {
  /** None while we are in no group: then nothing is committed. */
  member: () => KafkaMember | undefined;
  /** Those that are ours now. */
  partitions: () => Iterable<KafkaPartition>;
  committed: (partition: KafkaPartition) => void;
  /** A rebalance refused a commit: its records are delivered again, to whoever has the partitions then. */
  refused: () => void;
};

/** Tells the group what was acknowledged: the newest positions, ten times a second at most. */
export class KafkaCommits {
  readonly #options: KafkaCommitsOptions;
  #running: Promise<void> | undefined;
  #problem: CandlewireError | undefined;

  constructor(options: KafkaCommitsOptions) {
    this.#options = options;
  }

  /** Sees to it that what is acknowledged by now is committed soon. Throws what an earlier commit failed with. */
  schedule(signal: AbortSignal): void {
    const problem = this.#problem;
    this.#problem = undefined;
    this.#running ??= this.#run(signal).finally(() => this.#running = undefined);
    if (problem !== undefined) throw problem;
  }

  /** Commits now. Never rejects. */
  async once(): Promise<void> {
    const member = this.#options.member();
    const partitions = this.#pending();
    if (member === undefined || partitions.length === 0) return;
    const positions = partitions.map(({ topic, partition, acknowledged }) => ({
      topic,
      partition,
      offset: acknowledged,
    }));
    try {
      await member.commit(positions);
      for (const [i, partition] of partitions.entries()) {
        partition.committed = positions[i]!.offset;
        this.#options.committed(partition);
      }
    } catch (error) {
      if (isRebalance(error)) this.#options.refused();
      else this.#problem = kafkaError("Commit positions to Kafka", error);
    }
  }

  /** Resolves when nothing is under way; abort `schedule`'s signal before. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    do {
      await this.once();
      await wait(EVERY_MS, signal);
    } while (!signal.aborted && this.#problem === undefined && this.#pending().length > 0);
  }

  #pending(): KafkaPartition[] {
    return [...this.#options.partitions()].filter((partition) => partition.uncommitted);
  }
}
