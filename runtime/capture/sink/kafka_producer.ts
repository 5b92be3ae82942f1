import { Buffer } from "node:buffer";
import type { Kafka } from "kafkajs";
import { murmur2 } from "../../change/partitioner.ts";
import type { CandlewireError } from "../../error.ts";
import type { SinkRecord } from "./change_sink.ts";
import { KafkaConnection, type ProduceResult } from "./kafka_connection.ts";
import { driverError, isForgotten, isPassing, KAFKA_ERROR, refusal } from "./kafka_errors.ts";
import {
  BATCH_HEADER_BYTES,
  ProduceRequest,
  RECORD_OVERHEAD_BYTES,
  type WireBatch,
  type WireProducer,
  type WireRecord,
} from "./kafka_produce_request.ts";

/** Options of {@linkcode KafkaProducer}. */
export type KafkaProducerOptions = {
  /** A batch is cut at this size, so that it fits the topics' max.message.bytes (1 MiB by default). */
  batchBytes?: number;
  /** How long a broker may wait for the replicas. */
  ackTimeoutMs?: number;
  /** Hears of a topic's number of partitions when it is first used. */
  onTopic?: (topic: string, partitions: number) => void;
};

/** A partition: what it is to get, oldest first, and the sequence number of its next record. */
type Lane = { topic: string; partition: number; broker: number; sequence: number; batches: WireRecord[][] };

/** Keys whose bytes and hash are remembered. */
const KNOWN_KEYS = 50_000;
/** Tries of one call before its caller hears of it. */
const TRIES = 4;
const ACTION = "Append to Kafka";

/**
 * An idempotent producer that is given many records at a time. They are durable (acks of all in-sync replicas) when
 * `send` resolves, in their order in each partition; a partition has one batch under way. When it rejects, some
 * may be there: the same call, made again, sends what is missing, and the broker knows a batch that it already has. Any
 * other call begins with a new producer id.
 */
export class KafkaProducer implements AsyncDisposable {
  readonly #kafka: Kafka;
  readonly #batchBytes: number;
  readonly #ackTimeoutMs: number;
  readonly #onTopic: (topic: string, partitions: number) => void;
  readonly #lanes = new Map<string, Lane[]>();
  readonly #keys = new Map<string, { bytes: Uint8Array; hash: number }>();
  readonly #requests = new Map<number, ProduceRequest>();
  #connection: KafkaConnection | undefined;
  #producer: WireProducer | undefined;
  /** The records of a call that did not end well; their rest is in the lanes. */
  #unfinished: readonly SinkRecord[] | undefined;

  constructor(kafka: Kafka, options: KafkaProducerOptions = {}) {
    this.#kafka = kafka;
    this.#batchBytes = options.batchBytes ?? 900_000;
    this.#onTopic = options.onTopic ?? (() => {});
    this.#ackTimeoutMs = options.ackTimeoutMs ?? 20_000;
  }

  /** The connections, made when they are first needed and after they broke. */
  async #connect(): Promise<KafkaConnection> {
    return this.#connection ??= await KafkaConnection.connect(this.#kafka);
  }

  /** The connections are of no use any more: the next call makes new ones. */
  async #disconnect(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.[Symbol.asyncDispose]();
  }

  async send(records: readonly SinkRecord[]): Promise<void> {
    if (this.#unfinished !== undefined && this.#unfinished !== records) this.#forget();
    for (let attempt = 1;; attempt++) {
      try {
        if (this.#unfinished === undefined) await this.#plan(records);
        this.#unfinished = records;
        const problem = await this.#rounds();
        if (problem === undefined) break;
        if (attempt === TRIES || !isPassing(problem.code)) throw this.#refused(problem);
      } catch (error) {
        if (error instanceof Error && error.name === "CandlewireError") throw error;
        // Whatever it is, connections made anew are the sure way on.
        await this.#disconnect();
        if (attempt === TRIES) throw driverError(error, ACTION);
      }
      await new Promise((resolve) => setTimeout(resolve, 20 * 4 ** (attempt - 1)));
      await this.#refresh();
    }
    this.#unfinished = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#disconnect();
  }

  /** What is not known to have arrived would leave a hole in the sequences: a new id begins at 0. */
  #forget(): void {
    this.#unfinished = undefined;
    this.#producer = undefined;
    for (const lanes of this.#lanes.values()) for (const lane of lanes) lane.batches = [];
  }

  /** Puts records into their partitions' lanes. */
  async #plan(records: readonly SinkRecord[]): Promise<void> {
    for (const lanes of this.#lanes.values()) for (const lane of lanes) lane.batches = [];
    const sizes = new Map<Lane, number>();
    let topic: string | undefined;
    let lanes: Lane[] = [];
    for (const record of records) {
      if (record.topic !== topic) {
        topic = record.topic;
        lanes = this.#lanes.get(topic) ?? await this.#open(topic);
      }
      const key = record.key === null ? null : this.#key(record.key);
      const lane = lanes[key === null ? 0 : (key.hash & 0x7fffffff) % lanes.length]!;
      const bytes = RECORD_OVERHEAD_BYTES + (key?.bytes.length ?? 0) + (record.value?.length ?? 0);
      let size = sizes.get(lane) ?? Infinity;
      if (size + bytes > this.#batchBytes) {
        lane.batches.push([]);
        size = BATCH_HEADER_BYTES;
      }
      lane.batches[lane.batches.length - 1]!.push({ key: key?.bytes ?? null, value: record.value });
      sizes.set(lane, size + bytes);
    }
  }

  #key(text: string): { bytes: Uint8Array; hash: number } {
    let key = this.#keys.get(text);
    if (key === undefined) {
      if (this.#keys.size >= KNOWN_KEYS) this.#keys.clear();
      const bytes = Buffer.from(text);
      this.#keys.set(text, key = { bytes, hash: murmur2(bytes) });
    }
    return key;
  }

  async #open(topic: string): Promise<Lane[]> {
    const connection = await this.#connect();
    const leaders = await connection.leaders(topic).catch(async (error) => {
      await this.#disconnect();
      throw driverError(error, ACTION, { topic });
    });
    if (leaders.length === 0) throw refusal(KAFKA_ERROR.unknownTopicOrPartition, ACTION, { topic });
    const lanes = leaders.map((leader) => ({ topic, ...leader, sequence: 0, batches: [] }));
    this.#lanes.set(topic, lanes);
    this.#onTopic(topic, lanes.length);
    return lanes;
  }

  /** Asks who leads the partitions now. New partitions are not used: keys would change theirs within a session. */
  async #refresh(): Promise<void> {
    try {
      const connection = await this.#connect();
      let fresh = true;
      for (const [topic, lanes] of this.#lanes) {
        if (!lanes.some((lane) => lane.batches.length > 0)) continue;
        for (const { partition, broker } of await connection.leaders(topic, fresh)) {
          const lane = lanes[partition];
          if (lane !== undefined) lane.broker = broker;
        }
        fresh = false;
      }
    } catch {
      // The next try meets the same trouble and tells of it.
      await this.#disconnect();
    }
  }

  /** Sends until every lane is empty, or one refuses: the first batch of each lane, then the next of each. */
  async #rounds(): Promise<(ProduceResult & { lane: Lane }) | undefined> {
    let resets = 0;
    for (;;) {
      const waiting = [...this.#lanes.values()].flat().filter((lane) => lane.batches.length > 0);
      if (waiting.length === 0) return undefined;
      const connection = await this.#connect();
      if (this.#producer === undefined) {
        this.#producer = await connection.producer();
        for (const lanes of this.#lanes.values()) for (const lane of lanes) lane.sequence = 0;
      }
      const byBroker = Map.groupBy(waiting, (lane) => lane.broker);
      const results = await Promise.all(
        [...byBroker].map(([broker, lanes]) => this.#request(connection, broker, lanes)),
      );
      let problem: (ProduceResult & { lane: Lane }) | undefined;
      let forgotten = false;
      for (const result of results.flat()) {
        const { lane, code } = result;
        const [batch] = lane.batches;
        if (code === 0 || code === KAFKA_ERROR.duplicateSequence) {
          lane.batches.shift();
          lane.sequence = (lane.sequence + batch!.length) % 2 ** 31;
        } else if (code === KAFKA_ERROR.messageTooLarge && batch!.length > 1) {
          const middle = batch!.length >> 1;
          lane.batches.splice(0, 1, batch!.slice(0, middle), batch!.slice(middle));
        } else if (isForgotten(code) && resets < 2) forgotten = true;
        else problem ??= result;
      }
      if (forgotten) {
        resets++;
        this.#producer = undefined;
      }
      if (problem !== undefined) return problem;
    }
  }

  async #request(
    connection: KafkaConnection,
    broker: number,
    lanes: readonly Lane[],
  ): Promise<(ProduceResult & { lane: Lane })[]> {
    const topics = new Map<string, WireBatch[]>();
    for (const { topic, partition, sequence, batches } of lanes) {
      const batch = { partition, sequence, records: batches[0]! };
      const known = topics.get(topic);
      if (known === undefined) topics.set(topic, [batch]);
      else known.push(batch);
    }
    let request = this.#requests.get(broker);
    if (request === undefined) this.#requests.set(broker, request = new ProduceRequest());
    const producer = this.#producer!;
    const body = request.encode(topics, { producer, now: Date.now(), timeoutMs: this.#ackTimeoutMs });
    const results = await connection.produce(broker, body);
    return results.map((result) => ({ ...result, lane: this.#lanes.get(result.topic)![result.partition]! }));
  }

  #refused({ topic, partition, code, lane }: ProduceResult & { lane: Lane }): CandlewireError {
    const [first] = lane.batches[0] ?? [];
    const key = first?.key == null ? null : Buffer.from(first.key).toString();
    const bytes = (first?.key?.length ?? 0) + Buffer.byteLength(first?.value ?? "");
    return refusal(code, ACTION, { topic, partition, key, bytes });
  }
}
