import { type Consumer, Kafka, logLevel } from "kafkajs";
import { type CaptureConfig, captureConfig } from "../capture/config.ts";
import { type ConnectConfig, connectConfig } from "../connect/config.ts";
import { type ConnectorKeeper, type ConnectorKeeperOptions, keepConnector } from "../connect/registrar.ts";
import { createTopics } from "../kafka/create_topics_kafka.ts";
import { CapturedPostgres } from "./captured_postgres.ts";
import { needStack, type TestStack } from "./test_stack.ts";
import { eventually } from "./until.ts";

/** Key of the password of CapturedPostgres' capture role, in the one file that the worker may read. */
const SECRET = "capturedPostgres";

/** A record as the connector wrote it; key and value are JSON text. */
export type TopicRecord = { topic: string; partition: number; key: string | null; value: string | null };

/**
 * A PostgreSQL of its own beside the shared servers: topics, a connector and a secret under names of its own, all removed
 * at the end. For tests: what they have in common.
 */
export class ConnectedPostgres implements AsyncDisposable {
  readonly postgres: CapturedPostgres;
  readonly stack: TestStack;
  readonly name: string;
  readonly #kafka: Kafka;
  readonly #topics = new Set<string>();
  /** Everything in the topics, in the order of each partition. */
  readonly records: TopicRecord[] = [];
  readonly log: string[] = [];
  #consumer: Consumer | undefined;

  private constructor(postgres: CapturedPostgres, stack: TestStack) {
    this.postgres = postgres;
    this.stack = stack;
    this.name = `cw_${crypto.randomUUID().slice(0, 8)}`;
    this.#kafka = new Kafka({ brokers: stack.kafka, clientId: this.name, logLevel: logLevel.NOTHING });
  }

  /** `tables`: names in schema public whose topics are made, one partition each. */
  static async start(tables: readonly string[]): Promise<ConnectedPostgres> {
    const stack = needStack();
    const postgres = await CapturedPostgres.start();
    const connected = new ConnectedPostgres(postgres, stack);
    try {
      await addSecret(stack.connectSecretsFile);
      const { topicPrefix, signalTable } = connected.capture();
      await connected.makeTopics([
        ...tables.map((table) => `${topicPrefix}.public.${table}`),
        // Beside the tables' own, as schema/kafka/topics.json has them: Connect's producer waits for them without end.
        `__debezium-heartbeat.${topicPrefix}`,
        `${topicPrefix}.${signalTable}`,
      ]);
    } catch (error) {
      await connected[Symbol.asyncDispose]();
      throw error;
    }
    return connected;
  }

  capture(config: Record<string, unknown> = {}): CaptureConfig {
    return captureConfig.parse({ slot: this.name, topicPrefix: this.name, ...config });
  }

  connect(config: Record<string, unknown> = {}): ConnectConfig {
    return connectConfig.parse({
      url: this.stack.connect,
      connector: this.name,
      passwordReference: `\${file:${this.stack.connectSecretsFile}:${SECRET}}`,
      checkMs: 200,
      ...config,
    });
  }

  keep(options: Partial<ConnectorKeeperOptions> = {}): ConnectorKeeper {
    return keepConnector({
      connect: this.connect(),
      capture: this.capture(),
      postgres: this.postgres.server,
      report: (level, message) => this.log.push(`${level}: ${message}`),
      ...options,
    });
  }

  /** Waits for a state of the keeper. */
  async state(keeper: ConnectorKeeper, wanted: string, detail = /./): Promise<void> {
    let last = "";
    await eventuallyLong(async () => {
      const result = await keeper.probe();
      last = `${result.state}: ${result.detail}`;
      return result.state === wanted && detail.test(result.detail);
    }, () => `the keeper is not ${wanted} ${detail}, but ${last}\n${this.log.join("\n")}`);
  }

  /** Waits until a table's topic satisfies a condition; answers its records. */
  async until(
    table: string,
    condition: (records: TopicRecord[]) => boolean,
    why: string,
  ): Promise<TopicRecord[]> {
    await this.#listen();
    const topic = `${this.name}.public.${table}`;
    const found = () => this.records.filter((record) => record.topic === topic);
    await eventuallyLong(() => condition(found()), () => `${why}: ${found().length} records of ${topic}`);
    return found();
  }

  /** A request to Connect beside the keeper, as a person would make it. */
  async rest(method: string, path: string): Promise<unknown> {
    const response = await fetch(`${this.stack.connect}/connectors/${this.name}${path}`, {
      method,
      signal: AbortSignal.timeout(60_000),
    });
    const text = await response.text();
    return text === "" ? undefined : JSON.parse(text);
  }

  async #listen(): Promise<void> {
    if (this.#consumer !== undefined) return;
    this.#consumer = this.#kafka.consumer({ groupId: this.name, maxWaitTimeInMs: 100 });
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [...this.#topics], fromBeginning: true });
    await this.#consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        for (const { key, value } of batch.messages) {
          this.records.push({
            topic: batch.topic,
            partition: batch.partition,
            key: key?.toString() ?? null,
            value: value?.toString() ?? null,
          });
        }
      },
    });
  }

  async makeTopics(names: string[]): Promise<void> {
    const admin = this.#kafka.admin();
    await admin.connect();
    try {
      await createTopics(
        admin,
        names.map((topic) => ({ topic, numPartitions: 1, replicationFactor: 1 })),
      );
      for (const name of names) this.#topics.add(name);
    } finally {
      await admin.disconnect();
    }
  }

  /** Everything is tried, the last added first: what fails keeps nothing else from its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await using ends = new AsyncDisposableStack();
    ends.use(this.postgres);
    ends.defer(() => this.#removeTopics());
    ends.defer(() => this.#removeConnector());
    // The driver waits without end for a group that is being balanced.
    const consumer = this.#consumer;
    if (consumer !== undefined) ends.defer(() => within(10_000, consumer.disconnect()));
  }

  async #removeConnector(): Promise<void> {
    // Connect forgets a connector's offset only while it is stopped and there.
    await this.rest("PUT", "/stop").catch(() => {});
    for (let i = 0; i < 100; i++) {
      const status = await this.rest("GET", "/status").catch(() => undefined) as {
        connector?: { state: string };
        tasks?: unknown[];
      } | undefined;
      if (status !== undefined && status.connector === undefined) break;
      if (status?.connector?.state === "STOPPED" && status.tasks?.length === 0) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await this.rest("DELETE", "/offsets").catch(() => {});
    await this.rest("DELETE", "").catch(() => {});
  }

  async #removeTopics(): Promise<void> {
    const admin = this.#kafka.admin();
    await admin.connect();
    try {
      if (this.#topics.size > 0) await admin.deleteTopics({ topics: [...this.#topics] });
      if (this.#consumer !== undefined) await admin.deleteGroups([this.name]).catch(() => {});
    } finally {
      await admin.disconnect();
    }
  }
}

/** Waits for something no longer than so; what it leaves open ends with the test's process. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, ms);
  try {
    await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Stays there: the next test needs it, too. */
async function addSecret(file: string): Promise<void> {
  const text = await Deno.readTextFile(file).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  });
  if (text.split("\n").includes(`${SECRET}=c`)) return;
  await Deno.writeTextFile(file, `${text === "" || text.endsWith("\n") ? "" : "\n"}${SECRET}=c\n`, {
    append: true,
  });
}

/** As `eventually`, for what waits on the servers: a cold worker takes its time. */
export function eventuallyLong(
  condition: () => boolean | Promise<boolean>,
  why: () => string,
): Promise<void> {
  return eventually(condition, why, 90_000);
}
