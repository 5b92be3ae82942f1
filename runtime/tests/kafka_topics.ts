import { randomUUID } from "node:crypto";
import type { Kafka } from "kafkajs";
import { createKafka } from "../kafka/client_kafka.ts";
import { KafkaCluster } from "../kafka/cluster_kafka.ts";
import type { KafkaLogin } from "../kafka/login.ts";
import { decodeBatch } from "../kafka/record_batch.ts";
import { needStack } from "./test_stack.ts";
import { eventually } from "./until.ts";

/** A record as it lies in a topic, with the topic's name without the prefix. */
export type TopicRecord = {
  topic: string;
  partition: number;
  offset: number;
  key: string | null;
  value: string | null;
};

/** Waits until each partition of a new topic answers: its leader learns that it leads a little after the topic is made. */
export async function untilLed(kafka: Kafka, topic: string, partitions: number): Promise<void> {
  await using cluster = new KafkaCluster(kafka);
  await eventually(
    async () => (await cluster.watermarks([topic]).catch(() => [])).length === partitions,
    `topic ${topic} gets no leaders`,
  );
}

/** Topics of a test's own on the shared Kafka, under a random prefix; `position` is made as the host makes it. */
export class KafkaTopics implements AsyncDisposable {
  readonly login: KafkaLogin;
  readonly kafka: Kafka;
  readonly prefix = `sink-${randomUUID().slice(0, 8)}`;
  readonly #made = new Set<string>();

  private constructor(brokers: string[]) {
    this.login = {
      brokers,
      tls: null,
      sasl: null,
      connectTimeoutMs: 5000,
      requestTimeoutMs: 10_000,
    };
    this.kafka = createKafka(this.login, { clientId: "sink-test" });
  }

  static async create(
    options: { changes?: string[]; partitions?: number; brokers?: string[] } = {},
  ): Promise<KafkaTopics> {
    const topics = new KafkaTopics(options.brokers ?? needStack().kafka);
    await topics.make("position", { partitions: 1, config: { "cleanup.policy": "compact" } });
    for (const name of options.changes ?? []) {
      await topics.make(name, { partitions: options.partitions ?? 4 });
    }
    return topics;
  }

  name(topic: string): string {
    return `${this.prefix}.${topic}`;
  }

  async make(
    topic: string,
    options: { partitions?: number; config?: Record<string, string> },
  ): Promise<void> {
    const configEntries = Object.entries(options.config ?? {}).map(([name, value]) => ({ name, value }));
    await this.#admin((admin) =>
      admin.createTopics({
        // The driver's own wait fails at the first broker that has not heard of the topic yet.
        waitForLeaders: false,
        topics: [{
          topic: this.name(topic),
          numPartitions: options.partitions ?? 1,
          replicationFactor: 1,
          configEntries,
        }],
      })
    );
    this.#made.add(topic);
    await untilLed(this.kafka, this.name(topic), options.partitions ?? 1);
  }

  async configure(topic: string, config: Record<string, string>): Promise<void> {
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    await this.#admin((admin) =>
      admin.alterConfigs({
        validateOnly: false,
        // 2: a topic.
        resources: [{ type: 2, name: this.name(topic), configEntries }],
      })
    );
  }

  async remove(topic: string): Promise<void> {
    await this.#admin((admin) => admin.deleteTopics({ topics: [this.name(topic)] }));
    this.#made.delete(topic);
    // The controller answers before the brokers have let go of it. A cluster anew each time: it keeps what it knows.
    await eventually(async () => {
      await using cluster = new KafkaCluster(this.kafka);
      return (await cluster.existing([this.name(topic)]).catch(() => undefined))?.length === 0;
    }, `topic ${topic} is still there`);
  }

  /** Everything in the topics, by partition and offset; checksums are checked on the way. */
  async records(topics: string[]): Promise<TopicRecord[]> {
    await using cluster = new KafkaCluster(this.kafka);
    const found: TopicRecord[] = [];
    for (
      const { topic, partition, low, high } of await cluster.watermarks(topics.map((one) => this.name(one)))
    ) {
      for (let offset = low; offset < high;) {
        const batches = await cluster.fetch({ topic, partition, offset }, {
          maxBytes: 8 << 20,
          maxWaitMs: 1000,
        });
        for (const batch of batches) {
          for (const { offset: at, key, value } of decodeBatch(batch, offset)) {
            found.push({ topic: topic.slice(this.prefix.length + 1), partition, offset: at, key, value });
          }
          offset = Math.max(offset, batch.last + 1);
        }
      }
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const topics = [...this.#made].map((topic) => this.name(topic));
    if (topics.length > 0) await this.#admin((admin) => admin.deleteTopics({ topics }));
  }

  async #admin<T>(work: (admin: ReturnType<Kafka["admin"]>) => Promise<T>): Promise<T> {
    const admin = this.kafka.admin();
    await admin.connect();
    try {
      return await work(admin);
    } finally {
      await admin.disconnect();
    }
  }
}
