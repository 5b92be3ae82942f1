import type { Consumer, ConsumerGroupJoinEvent, EachBatchPayload, Kafka } from "kafkajs";
import type { TopicPartition } from "../../change/record.ts";
import { kafkaError } from "../../kafka/error_kafka.ts";
import { CandlewireError } from "../../error.ts";
import type { BatchMessage } from "../../kafka/fetch_response_kafka.ts";
import type { RecordBatch } from "../../kafka/record_batch.ts";
import type { KafkaCluster } from "../../kafka/cluster_kafka.ts";
import { wait } from "../../wait.ts";

/** How a member of the group works. */
export type KafkaGroupOptions = {
  groupId: string;
  /** How long the group waits for a member that died before others take over its partitions. */
  sessionTimeoutMs: number;
  heartbeatMs: number;
  /** How long a fetch waits for new records at the broker; also the longest a stop, a rebalance or a resume takes. */
  maxWaitMs: number;
  /** Bytes in one answer, and in one partition of it. */
  maxBytes: number;
  maxBytesPerPartition: number;
  /** How often topics that do not exist yet are looked for. */
  recheckMs: number;
  log: (level: "info" | "warn", message: string, fields?: Record<string, unknown>) => void;
};

/** What a member's owner is told. All but `fetched` must not wait. */
export type KafkaGroupEvents = {
  /** The partitions are ours from now on, and no others; nothing is fetched of any before it is {@linkcode KafkaMember.begin}. */
  assigned(member: KafkaMember, partitions: TopicPartition[]): void;
  /** A rebalance has begun: the last moment to commit as we are. */
  rebalancing(): void;
  /** Takes batches of a partition; resolves when there is room for more. `heartbeat` rejects when the group rebalances. */
  fetched(fetched: Fetched, heartbeat: () => Promise<void>, isRunning: () => boolean): Promise<void>;
  /** There is no member now, and why; it is tried again by itself. */
  lost(problem: CandlewireError | undefined): void;
};

/** What came of one partition, asked for from offset `from` on: batches, or that its offset was refused. */
export type Fetched = TopicPartition & {
  from: number;
  batches: RecordBatch[];
  highWatermark: number;
  outOfRange: boolean;
};

/** A member of the group, from one join to the loss of it. */
export type KafkaMember = {
  /** Begins, or goes on, to fetch at an offset. */
  begin(at: TopicPartition, offset: number): void;
  pause(at: TopicPartition): void;
  /** Rejects with kafkajs' error: a rebalance may refuse it. */
  commit(positions: (TopicPartition & { offset: number })[]): Promise<void>;
};

const LEAVE_MS = 5000;

/**
 * Keeps one member of a consumer group running: waits for topics, joins, starts anew after whatever ends it, and takes
 * up topics that appear. Static membership is not to be had from kafkajs (its requests carry no group.instance.id), so
 * a restart costs a rebalance.
 */
export class KafkaGroup implements AsyncDisposable {
  readonly #kafka: Kafka;
  readonly #cluster: KafkaCluster;
  readonly #options: KafkaGroupOptions;
  readonly #events: KafkaGroupEvents;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(
    kafka: Kafka,
    cluster: KafkaCluster,
    options: KafkaGroupOptions & { topics: string[]; events: KafkaGroupEvents },
  ) {
    this.#kafka = kafka;
    this.#cluster = cluster;
    this.#options = options;
    this.#events = options.events;
    this.#done = this.#run(options.topics);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #run(topics: string[]): Promise<void> {
    const { signal } = this.#stop;
    const { recheckMs, log } = this.#options;
    let waitedFor = "";
    while (!signal.aborted) {
      let problem: CandlewireError | undefined;
      try {
        const found = await this.#cluster.existing(topics);
        const missing = topics.filter((topic) => !found.includes(topic)).join(", ");
        if (missing !== waitedFor && missing !== "") {
          log("warn", `Waiting for topics that do not exist yet, or that we may not read: ${missing}`);
        }
        waitedFor = missing;
        if (found.length > 0) problem = await this.#member(found, topics);
        else this.#events.lost(undefined);
      } catch (error) {
        problem = kafkaError("Join Kafka's consumer group", error);
      }
      if (problem !== undefined) this.#events.lost(problem);
      await wait(problem === undefined ? recheckMs : Math.min(recheckMs, 500), signal);
    }
  }

  /** One member, from joining to its end; answers why it ended, or undefined when more topics are there or we stop. */
  async #member(found: string[], wanted: string[]): Promise<CandlewireError | undefined> {
    const { signal } = this.#stop;
    const options = this.#options;
    const rebalanceTimeout = Math.max(options.sessionTimeoutMs, 30_000);
    const consumer = this.#kafka.consumer({
      groupId: options.groupId,
      sessionTimeout: options.sessionTimeoutMs,
      rebalanceTimeout,
      heartbeatInterval: options.heartbeatMs,
      maxWaitTimeInMs: options.maxWaitMs,
      minBytes: 1,
      maxBytes: options.maxBytes,
      maxBytesPerPartition: options.maxBytesPerPartition,
      allowAutoTopicCreation: false,
      // New partitions are seen after this long.
      metadataMaxAge: 30_000,
      retry: { retries: 4, restartOnFailure: async () => false },
    });
    const ended = new AbortController();
    let problem: CandlewireError | undefined;
    /** It may take long to leave, and must not tell of anything meanwhile: there may be another member by then. */
    let gone = false;
    let signAt = performance.now();
    for (const event of [consumer.events.HEARTBEAT, consumer.events.GROUP_JOIN]) {
      consumer.on(event, () => signAt = performance.now());
    }
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      problem = kafkaError("Read from Kafka", payload.error);
      ended.abort();
    });
    const member = memberOf(consumer);
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      if (gone) return;
      const partitions = partitionsOf(payload.memberAssignment);
      // Before anything is fetched, positions are to be looked at: kafkajs would begin at its own.
      for (const at of partitions) member.pause(at);
      this.#events.assigned(member, partitions);
    });
    consumer.on(consumer.events.REBALANCING, () => {
      if (!gone) this.#events.rebalancing();
    });
    let joined = false;
    const joining = (async () => {
      await consumer.connect();
      await consumer.subscribe({ topics: found, fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: 1,
        eachBatch: async (payload) => {
          if (!gone) await this.#batch(payload);
        },
      });
      joined = true;
    })();
    joining.catch((error) => {
      problem ??= kafkaError("Join Kafka's consumer group", error);
      ended.abort();
    });
    try {
      const over = AbortSignal.any([signal, ended.signal]);
      const silentMs = rebalanceTimeout + 3 * options.sessionTimeoutMs;
      while (!over.aborted) {
        await wait(options.recheckMs, over);
        if (over.aborted) break;
        if (performance.now() - signAt > silentMs) {
          problem = new CandlewireError(
            "log.unavailable",
            `Read from Kafka: the member of group ${options.groupId} gave no sign of life for ${
              silentMs / 1000
            } s`,
            { retry: "retry", hint: "A new one joins by itself; look at the brokers if it lasts" },
          );
          break;
        }
        if (found.length === wanted.length) continue;
        if ((await this.#cluster.existing(wanted).catch(() => [])).length > found.length) break;
      }
      return problem;
    } finally {
      gone = true;
      this.#events.lost(problem);
      // A broker that does not answer must not hold up the stop.
      const left = new AbortController();
      const leave = () => consumer.disconnect().catch(() => {});
      const leaving = leave().finally(() => left.abort());
      // One that joins only now would be a member that nobody knows of.
      if (!joined) joining.then(leave, () => {});
      await Promise.race([leaving, wait(LEAVE_MS, left.signal)]);
    }
  }

  async #batch({ batch, resolveOffset, heartbeat, isRunning, isStale }: EachBatchPayload): Promise<void> {
    if (isStale() || !isRunning()) return;
    const messages = batch.messages as unknown as BatchMessage[];
    const outOfRange = messages.some((message) => message.outOfRange);
    if (!outOfRange) resolveOffset(batch.lastOffset());
    const { topic, partition } = batch;
    await this.#events.fetched(
      {
        topic,
        partition,
        // The driver's types forget it.
        from: Number((batch as unknown as { fetchedOffset: string }).fetchedOffset),
        outOfRange,
        highWatermark: Number(batch.highWatermark),
        batches: messages.map(({ recordBatch }) => recordBatch).filter((each) => each !== null),
      },
      heartbeat,
      isRunning,
    );
  }
}

function memberOf(consumer: Consumer): KafkaMember {
  const only = ({ topic, partition }: TopicPartition) => [{ topic, partitions: [partition] }];
  return {
    begin(at, offset) {
      unlessEnded(() => {
        consumer.seek({ topic: at.topic, partition: at.partition, offset: String(offset) });
        consumer.resume(only(at));
      });
    },
    pause: (at) => unlessEnded(() => consumer.pause(only(at))),
    commit: (positions) =>
      consumer.commitOffsets(positions.map(({ topic, partition, offset }) => ({
        topic,
        partition,
        offset: String(offset),
      }))),
  };
}

/** kafkajs refuses this while a consumer that crashed is ending: the owner is told of that by `lost`. */
function unlessEnded(act: () => void): void {
  try {
    act();
  } catch {
    // Nothing is fetched by it any more.
  }
}

function partitionsOf(assignment: ConsumerGroupJoinEvent["payload"]["memberAssignment"]): TopicPartition[] {
  return Object.entries(assignment)
    .flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition })));
}
