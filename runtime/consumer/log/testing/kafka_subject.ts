import kafkajs, { type Admin, type Kafka, type Producer } from "kafkajs";
import { partitionFor } from "../../../change/partitioner.ts";
import type { ChangeBatch, Position, TopicPartition } from "../../../change/record.ts";
import { createKafka } from "../../../kafka/client_kafka.ts";
import { createTopics } from "../../../kafka/create_topics_kafka.ts";
import type { KafkaLogin } from "../../../kafka/login.ts";
import type { EpochMs } from "../../../market/epoch.ts";
import { untilLed } from "../../../tests/kafka_topics.ts";
import { needStack } from "../../../tests/test_stack.ts";
import type { ChangeLog } from "../change_log.ts";
import { KafkaLog, type KafkaLogOptions } from "../kafka.ts";

/** A record to produce. */
export type TestRecord = { topic: string; key: string | null; value: string | null; partition?: number };

/** The test broker's login: plain, no authentication. */
export function testLogin(): KafkaLogin {
  return {
    brokers: needStack().kafka,
    tls: null,
    sasl: null,
    connectTimeoutMs: 5000,
    requestTimeoutMs: 30_000,
  };
}

/** Topics of one test under a prefix of their own, with a producer; removed at the end. */
export class TestTopics implements AsyncDisposable {
  readonly prefix = `test-${crypto.randomUUID().slice(0, 8)}.`;
  readonly group = `${this.prefix}group`;
  readonly kafka: Kafka;
  readonly admin: Admin;
  readonly producer: Producer;
  readonly #partitions: number;
  readonly #made = new Set<string>();
  readonly #connected: Promise<unknown>;

  constructor(partitions: number) {
    this.#partitions = partitions;
    this.kafka = createKafka(testLogin(), { clientId: "test" });
    this.admin = this.kafka.admin();
    this.producer = this.kafka.producer({
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      allowAutoTopicCreation: false,
      // A topic's first moments make the client send again; without this, records would come twice.
      idempotent: true,
      maxInFlightRequests: 1,
    });
    this.#connected = Promise.all([this.admin.connect(), this.producer.connect()]);
  }

  /** A topic's name on the broker. */
  name(topic: string): string {
    return this.prefix + topic;
  }

  async create(topic: string): Promise<void> {
    await this.#connected;
    if (this.#made.has(topic)) return;
    this.#made.add(topic);
    const wanted = {
      topic: this.name(topic),
      numPartitions: this.#partitions,
      replicationFactor: 1,
      // Tests write records of 1970.
      configEntries: [{ name: "retention.ms", value: "-1" }],
    };
    await createTopics(this.admin, [wanted]);
    await untilLed(this.kafka, wanted.topic, wanted.numPartitions);
  }

  async append(records: TestRecord[], at?: EpochMs): Promise<void> {
    for (const { topic } of records) await this.create(topic);
    await this.producer.sendBatch({
      acks: -1,
      topicMessages: [...Map.groupBy(records, ({ topic }) => topic)].map(([topic, all]) => ({
        topic: this.name(topic),
        messages: all.map(({ key, value, partition }) => ({
          key,
          value,
          partition: partition ?? (key === null ? 0 : partitionFor(key, this.#partitions)),
          timestamp: at === undefined ? undefined : String(at),
        })),
      })),
    });
  }

  async prune(positions: Position[]): Promise<void> {
    for (const { topic, partition, offset } of positions) {
      // Loads the partitions' leaders, without which the next call fails.
      await this.admin.fetchTopicOffsets(this.name(topic));
      await this.admin.deleteTopicRecords({
        topic: this.name(topic),
        partitions: [{ partition, offset: String(offset) }],
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connected;
    const topics = [...this.#made].map((topic) => this.name(topic));
    if (topics.length > 0) await this.admin.deleteTopics({ topics });
    await this.admin.deleteGroups([this.group]).catch(() => {});
    await Promise.all([this.admin.disconnect(), this.producer.disconnect()]);
  }
}

/** A reader of such topics that knows them by their short names. */
export class TestLog implements ChangeLog {
  readonly log: KafkaLog;
  readonly #topics: TestTopics;

  constructor(topics: TestTopics, options: Partial<KafkaLogOptions> = {}) {
    this.#topics = topics;
    this.log = new KafkaLog(testLogin(), {
      group: topics.group,
      topics: [topics.name("t")],
      recheckMs: 50,
      maxWaitMs: 50,
      heartbeatMs: 100,
      ...options,
    });
  }

  readonly #long = <T extends { topic: string }>(at: T): T => ({ ...at, topic: this.#topics.name(at.topic) });
  readonly #short = <T extends { topic: string }>(at: T): T => ({
    ...at,
    topic: at.topic.slice(this.#topics.prefix.length),
  });

  subscribe(topics: string[], options: { from?: Position[] } = {}): Promise<void> {
    return this.log.subscribe(topics.map((topic) => this.#topics.name(topic)), {
      from: options.from?.map(this.#long),
    });
  }

  async poll(options: Parameters<ChangeLog["poll"]>[0]): Promise<ChangeBatch[]> {
    return (await this.log.poll(options)).map(this.#short);
  }

  acknowledge(positions: Position[]): Promise<void> {
    return this.log.acknowledge(positions.map(this.#long));
  }

  pause(partitions: TopicPartition[]): void {
    this.log.pause(partitions.map(this.#long));
  }

  resume(partitions: TopicPartition[]): void {
    this.log.resume(partitions.map(this.#long));
  }

  owned(): TopicPartition[] {
    return this.log.owned().map(this.#short);
  }

  async watermarks() {
    return (await this.log.watermarks()).map(this.#short);
  }

  async read(range: Parameters<ChangeLog["read"]>[0]): Promise<ChangeBatch> {
    return this.#short(await this.log.read(this.#long(range)));
  }

  async offsetsAt(topic: string, time: number): Promise<Position[]> {
    return (await this.log.offsetsAt(this.#topics.name(topic), time)).map(this.#short);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.log[Symbol.asyncDispose]();
  }
}

/** The contract suite's subject: one reader at a time, since members of one group would share the partitions. */
export async function kafkaSubject(partitions: number) {
  const topics = new TestTopics(partitions);
  await topics.create("t");
  let reader: TestLog | undefined;
  return {
    async open() {
      await reader?.[Symbol.asyncDispose]();
      return reader = new TestLog(topics);
    },
    append: (records: TestRecord[], at?: EpochMs) => topics.append(records, at),
    prune: (positions: Position[]) => topics.prune(positions),
    async [Symbol.asyncDispose]() {
      await reader?.[Symbol.asyncDispose]();
      await topics[Symbol.asyncDispose]();
    },
  };
}
