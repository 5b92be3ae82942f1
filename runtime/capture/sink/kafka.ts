import type { Kafka } from "kafkajs";
import { CandlewireError } from "../../error.ts";
import type { Origin } from "../../market/origin.ts";
import type { CapturePosition, ChangeSink, SinkHalves, SinkOptions, SinkRecord } from "./change_sink.ts";
import { KafkaCluster } from "../../kafka/cluster_kafka.ts";
import { driverError, KAFKA_ERROR, refusal } from "./kafka_errors.ts";
import { KafkaProducer, type KafkaProducerOptions } from "./kafka_producer.ts";

/** What the Kafka sink is opened with, beyond a client (`runtime/kafka`). */
export type KafkaSinkOptions = Omit<SinkOptions, "epoch"> & Omit<KafkaProducerOptions, "onTopic"> & {
  /** Compacted topic of one partition that holds each slot's position. */
  positionTopic: string;
  /** The position's key: the replication slot. */
  slot: string;
  /** Hears of what an operator should know and that stops nothing. */
  warn?: (message: string) => void;
};

/** A position as the topic holds it. */
type StoredPosition = { format: 1; origin: Origin; position: CapturePosition };

/**
 * Captured changes into Kafka's topics. `append` writes the records, waits until all in-sync replicas have them, and
 * then writes the position, so that it is never ahead of them (I1). A crash between the two repeats the records:
 * capabilities.atomicAppend is false, and readers apply a record twice without harm (I2). Topics are not created here.
 */
export class KafkaSink implements ChangeSink {
  readonly capabilities = { atomicAppend: false };
  readonly #kafka: Kafka;
  readonly halves: SinkHalves = {
    write: async (records) => {
      if (records.length > 0) await this.#records.send(records);
    },
    store: (position) => this.#store(position),
  };
  readonly #records: KafkaProducer;
  /** With connections of its own: a small position does not wait behind large batches. */
  readonly #positions: KafkaProducer;
  readonly #options: KafkaSinkOptions;
  /** Records that are durable while their append is not done: its position is not. */
  #written: readonly SinkRecord[] | undefined;
  /** One array for one position, so that the producer knows the call when it is repeated. */
  #positionRecord: { position: CapturePosition; records: SinkRecord[] } | undefined;

  constructor(kafka: Kafka, options: KafkaSinkOptions) {
    this.#kafka = kafka;
    this.#positions = new KafkaProducer(kafka);
    this.#records = new KafkaProducer(kafka, {
      ...options,
      onTopic: (topic, partitions) => {
        if (partitions === options.partitions) return;
        options.warn?.(
          `Topic ${topic} has ${partitions} partitions, not ${options.partitions} as configured: it is used as it is`,
        );
      },
    });
    this.#options = options;
  }

  /** Read anew each time: another capture may have had the slot meanwhile. */
  async position(): Promise<CapturePosition | undefined> {
    const { positionTopic, origin } = this.#options;
    const text = await this.#lastPosition().catch((error) => {
      throw driverError(error, `Read capture's position from ${positionTopic}`, { topic: positionTopic });
    });
    const stored = text === undefined ? undefined : this.#parse(text);
    if (stored !== undefined && (stored.origin.kind !== origin.kind || stored.origin.id !== origin.id)) {
      throw new CandlewireError(
        "capture.log_origin",
        `Open ${positionTopic}: it follows changes of "${stored.origin.label}" (${stored.origin.kind} ${stored.origin.id}), not of "${origin.label}" (${origin.kind} ${origin.id})`,
        {
          retry: "operator",
          hint: "Use another Kafka or topic prefix for this source, or the source that the topics came from",
        },
      );
    }
    return stored?.position;
  }

  async append(records: readonly SinkRecord[], position: CapturePosition): Promise<void> {
    // A call that is repeated for its position's sake does not write its records again.
    if (this.#written !== records) await this.halves.write(records);
    this.#written = records;
    // I1: the records are durable; only now the position may be.
    await this.halves.store(position);
    this.#written = undefined;
  }

  async #store(position: CapturePosition): Promise<void> {
    if (this.#positionRecord?.position !== position) {
      const { positionTopic, slot, origin } = this.#options;
      const value = JSON.stringify({ format: 1, origin, position } satisfies StoredPosition);
      this.#positionRecord = { position, records: [{ topic: positionTopic, key: slot, value }] };
    }
    await this.#positions.send(this.#positionRecord.records);
    this.#positionRecord = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#records, this.#positions].map((producer) => producer[Symbol.asyncDispose]()));
  }

  /** The value of the last record of our key, looked for from the end backwards. */
  async #lastPosition(): Promise<string | undefined> {
    const { positionTopic: topic, slot } = this.#options;
    await using cluster = new KafkaCluster(this.#kafka);
    const [range] = await cluster.watermarks([topic]);
    if (range === undefined) {
      throw refusal(KAFKA_ERROR.unknownTopicOrPartition, "Read capture's position", { topic });
    }
    for (let until = range.high, step = 100; until > range.low; step *= 10) {
      const from = Math.max(range.low, until - step);
      let found: string | null | undefined;
      for await (const { key, value } of cluster.records({ topic, partition: 0, from, until })) {
        if (key === slot) found = value;
      }
      // A tombstone: an operator has begun anew.
      if (found !== undefined) return found ?? undefined;
      until = from;
    }
    return undefined;
  }

  #parse(text: string): StoredPosition {
    const { positionTopic, slot } = this.#options;
    try {
      const stored = JSON.parse(text) as StoredPosition;
      if (
        stored.format === 1 && typeof stored.position?.commitLsn === "string" && stored.origin !== undefined
      ) {
        return stored;
      }
    } catch {
      // Told below.
    }
    throw new CandlewireError(
      "capture.position_format",
      `Read capture's position of slot "${slot}" from ${positionTopic}: ${text.slice(0, 200)}`,
      {
        retry: "operator",
        hint:
          "Nobody else may write this topic; write a tombstone for the slot's key to begin with a new snapshot",
      },
    );
  }
}
