import type { Kafka } from "kafkajs";
import type { ChangeRecord, Position, TopicPartition } from "../change/record.ts";
import { CandlewireError } from "../error.ts";
import { connectDriverCluster } from "./driver_cluster_kafka.ts";
import type { BatchMessage } from "./fetch_response_kafka.ts";
import { kafkaError } from "./error_kafka.ts";
import { decodeBatch, type RecordBatch } from "./record_batch.ts";

/** Oldest kept and next offset of a partition. */
export type Watermark = TopicPartition & { low: number; high: number };

type Broker = {
  fetch(request: unknown): Promise<{
    responses: { topicName: string; partitions: { partition: number; messages: BatchMessage[] }[] }[];
  }>;
  offsetFetch(request: unknown): Promise<{
    responses: { topic: string; partitions: { partition: number; offset: string; errorCode: number }[] }[];
  }>;
};

/** The part of kafkajs' Cluster that is used; it is behind every client of kafkajs, which have no call for a single partition. */
type Cluster = {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  metadata(options?: { topics: string[] }): Promise<{ topicMetadata: { topic: string }[] }>;
  addMultipleTargetTopics(topics: string[]): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  findTopicPartitionMetadata(topic: string): { partitionId: number }[];
  findLeaderForPartitions(topic: string, partitions: number[]): Record<string, number[]>;
  findBroker(options: { nodeId: string }): Promise<Broker>;
  findGroupCoordinator(options: { groupId: string }): Promise<Broker>;
  fetchTopicsOffset(
    topics: {
      topic: string;
      partitions: { partition: number }[];
      fromBeginning?: boolean;
      fromTimestamp?: number;
    }[],
  ): Promise<{ topic: string; partitions: { partition: number; offset: string }[] }[]>;
};

const READ_COMMITTED = 1;
const METADATA_MAX_AGE_MS = 30_000;
const FETCH_SOME_MS = 20_000;

/**
 * What can be asked of Kafka's partitions without being in a group: watermarks, offsets by time, a group's positions,
 * records from an offset on. A connection of its own, made when it is needed and made anew after a failure. Rejects with
 * what {@linkcode kafkaError} makes of it; `log.unavailable` may be tried again at once.
 */
export class KafkaCluster implements AsyncDisposable {
  readonly #kafka: Kafka;
  #cluster: Promise<Cluster> | undefined;
  /** Topics whose metadata each connection keeps up to date. */
  readonly #targets = new WeakMap<Cluster, Set<string>>();

  constructor(kafka: Kafka) {
    this.#kafka = kafka;
  }

  /** Which of these topics exist. */
  async existing(topics: string[]): Promise<string[]> {
    return await this.#ask("Look for topics", async (cluster) => {
      const { topicMetadata } = await cluster.metadata();
      const known = new Set(topicMetadata.map(({ topic }) => topic));
      return topics.filter((topic) => known.has(topic));
    });
  }

  /** Of every partition of topics that exist; what open transactions hide is not counted as there. */
  async watermarks(topics: string[]): Promise<Watermark[]> {
    return await this.#ask("Read Kafka's offsets", async (cluster) => {
      const partitions = await this.#partitions(cluster, topics);
      const [lows, highs] = await Promise.all(
        [true, false].map(async (fromBeginning) =>
          indexed(await cluster.fetchTopicsOffset(partitions.map((topic) => ({ ...topic, fromBeginning }))))
        ),
      );
      return [...lows!].map(([at, { topic, partition, offset }]) => ({
        topic,
        partition,
        low: offset,
        high: Math.max(offset, highs!.get(at)?.offset ?? offset),
      }));
    });
  }

  /** Per partition, the first offset whose record is of `time` (epoch ms) or later; -1 if none. */
  async offsetsAt(topic: string, time: number): Promise<Position[]> {
    return await this.#ask(`Look for a time in ${topic}`, async (cluster) => {
      const partitions = await this.#partitions(cluster, [topic]);
      // Negative times have meanings of their own.
      const fromTimestamp = Math.max(0, Math.ceil(time));
      return [
        ...indexed(await cluster.fetchTopicsOffset(partitions.map((at) => ({ ...at, fromTimestamp }))))
          .values(),
      ];
    });
  }

  /** A group's committed positions; -1 where it has none. */
  async committed(groupId: string, partitions: TopicPartition[]): Promise<Position[]> {
    return await this.#ask(`Read the positions of group ${groupId}`, async (cluster) => {
      const topics = [...Map.groupBy(partitions, ({ topic }) => topic)]
        .map(([topic, all]) => ({ topic, partitions: all.map(({ partition }) => ({ partition })) }));
      const coordinator = await cluster.findGroupCoordinator({ groupId });
      const { responses } = await coordinator.offsetFetch({ groupId, topics });
      return [...indexed(responses).values()];
    });
  }

  /** Record batches from an offset on, in one answer of at most about `maxBytes`; waits at most `maxWaitMs` for some. */
  async fetch(
    { topic, partition, offset }: Position,
    { maxBytes, maxWaitMs }: { maxBytes: number; maxWaitMs: number },
  ): Promise<RecordBatch[]> {
    return await this.#ask(`Read ${topic} partition ${partition} at offset ${offset}`, async (cluster) => {
      await this.#partitions(cluster, [topic]);
      const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]));
      if (nodeId === undefined) return [];
      const broker = await cluster.findBroker({ nodeId });
      const { responses } = await broker.fetch({
        maxWaitTime: maxWaitMs,
        minBytes: 1,
        maxBytes,
        isolationLevel: READ_COMMITTED,
        topics: [{ topic, partitions: [{ partition, fetchOffset: String(offset), maxBytes }] }],
      });
      const batches = responses.flatMap(({ partitions }) => partitions).flatMap(({ messages }) => messages)
        .map(({ recordBatch }) => recordBatch);
      return batches.filter((batch) => batch !== null);
    });
  }

  /**
   * As `fetch`, from an offset below the partition's end, so that something must come: a broker that throttles answers
   * with nothing, which is not the end. Rejects with `log.unavailable` when nothing comes for long.
   */
  async #fetchSome(at: Position, limits: { maxBytes: number; maxWaitMs: number }): Promise<RecordBatch[]> {
    const deadline = performance.now() + FETCH_SOME_MS;
    for (;;) {
      const batches = await this.fetch(at, limits);
      if (batches.length > 0) return batches;
      if (performance.now() > deadline) {
        throw new CandlewireError(
          "log.unavailable",
          `Read ${at.topic} partition ${at.partition} at offset ${at.offset}: no answer in ${FETCH_SOME_MS} ms`,
          { retry: "retry", hint: "Look at the broker's quotas" },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, limits.maxWaitMs));
    }
  }

  /**
   * The records of a partition from `from` on and below `until`, which is not above the partition's end. Holes that
   * compaction or transactions leave are passed over. Rejects
   * as `fetch`, with `log.unavailable` when nothing comes for long, and for a batch that cannot be read.
   */
  async *records(
    { topic, partition, from, until }: TopicPartition & { from: number; until: number },
  ): AsyncGenerator<ChangeRecord> {
    for (let offset = from; offset < until;) {
      const batches = await this.#fetchSome({ topic, partition, offset }, {
        maxBytes: 1 << 20,
        maxWaitMs: 100,
      });
      for (const batch of batches) {
        for (const record of decodeBatch(batch, offset)) if (record.offset < until) yield record;
        offset = Math.max(offset, batch.last + 1);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#drop(this.#cluster);
  }

  /** Asks, and once more on a new connection: the first attempt may have met a leader or coordinator that has moved. */
  async #ask<T>(action: string, work: (cluster: Cluster) => Promise<T>): Promise<T> {
    for (let attempt = 1;; attempt++) {
      const cluster = this.#cluster ??= this.#connect();
      try {
        return await work(await cluster);
      } catch (error) {
        await this.#drop(cluster);
        const problem = kafkaError(action, error);
        if (attempt === 2 || (problem.retry !== "retry" && problem.code !== "log.topic_missing")) {
          throw problem;
        }
      }
    }
  }

  /** The partitions of those topics that exist. */
  async #partitions(cluster: Cluster, topics: string[]) {
    const targets = this.#targets.get(cluster) ?? new Set();
    this.#targets.set(cluster, targets);
    if (topics.some((topic) => !targets.has(topic))) {
      // A request for topics by name fails as a whole when one is missing, so all are listed.
      const { topicMetadata } = await cluster.metadata();
      const found = topicMetadata.map(({ topic }) => topic).filter((topic) => topics.includes(topic));
      await cluster.addMultipleTargetTopics(found);
      for (const topic of found) targets.add(topic);
    }
    await cluster.refreshMetadataIfNecessary();
    return topics.filter((topic) => targets.has(topic)).map((topic) => ({
      topic,
      partitions: cluster.findTopicPartitionMetadata(topic)
        .map(({ partitionId }) => ({ partition: partitionId })),
    }));
  }

  #connect(): Promise<Cluster> {
    return connectDriverCluster<Cluster>(this.#kafka, {
      metadataMaxAge: METADATA_MAX_AGE_MS,
      isolationLevel: READ_COMMITTED,
    });
  }

  /** Ends a connection; one that was made since stays. */
  async #drop(cluster: Promise<Cluster> | undefined): Promise<void> {
    if (this.#cluster === cluster) this.#cluster = undefined;
    try {
      await (await cluster)?.disconnect();
    } catch {
      // It never was connected, or is gone.
    }
  }
}

function indexed(
  topics: { topic: string; partitions: { partition: number; offset: string }[] }[],
): Map<string, Position> {
  return new Map(
    topics.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset }): [string, Position] => [
        `${topic}/${partition}`,
        { topic, partition, offset: Number(offset) },
      ])
    ),
  );
}
