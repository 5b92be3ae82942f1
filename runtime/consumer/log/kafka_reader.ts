import type { ChangeBatch, ChangeRecord, Position, TopicPartition } from "../../change/record.ts";
import { CandlewireError } from "../../error.ts";
import type { KafkaCluster, Watermark } from "../../kafka/cluster_kafka.ts";
import { decodeBatch } from "../../kafka/record_batch.ts";
import { at } from "./kafka_partition.ts";
import { outOfRange } from "./out_of_range.ts";

/** How long watermarks are taken for current. */
const WATERMARKS_MS = 500;
/** How long one `read` may take. */
const READ_MS = 20_000;
/** Bytes of one answer. */
const MAX_BYTES = 1 << 20;

/** Reads of Kafka beside the consumer group: fixed ranges, watermarks, offsets by time. No position is touched. */
export class KafkaReader {
  readonly #cluster: KafkaCluster;
  #marks: { at: number; topics: string; value: Promise<Watermark[]> } | undefined;

  constructor(cluster: KafkaCluster) {
    this.#cluster = cluster;
  }

  /** As of half a second ago at most. */
  async watermarks(topics: string[]): Promise<Watermark[]> {
    const now = performance.now();
    const wanted = topics.join();
    if (this.#marks?.topics !== wanted || now - this.#marks.at > WATERMARKS_MS) {
      this.#marks = { at: now, topics: wanted, value: this.#cluster.watermarks(topics) };
    }
    const marks = this.#marks;
    try {
      return await marks.value;
    } catch (error) {
      if (this.#marks === marks) this.#marks = undefined;
      throw error;
    }
  }

  /** See `ChangeLog.read`. A batch that cannot be read rejects once it is the first of what is asked for. */
  async read(
    range: TopicPartition & { from: number; until: number; maxRecords: number },
  ): Promise<ChangeBatch> {
    const { topic, partition, from, until, maxRecords } = range;
    const marks = await this.#cluster.watermarks([topic]);
    const { low, high } = marks.find((mark) => mark.partition === partition) ?? { low: 0, high: 0 };
    if (from < low || from > high) throw outOfRange({ topic, partition, offset: from }, low, high);
    const end = Math.max(from, Math.min(until, high));
    const records: ChangeRecord[] = [];
    const deadline = performance.now() + READ_MS;
    let next = from;
    while (next < end && records.length < maxRecords && performance.now() < deadline) {
      const limits = { maxBytes: MAX_BYTES, maxWaitMs: 100 };
      for (const batch of await this.#cluster.fetch({ topic, partition, offset: next }, limits)) {
        if (batch.last < next || next >= end || records.length >= maxRecords) continue;
        let whole: ChangeRecord[];
        try {
          whole = decodeBatch(batch, next);
        } catch (error) {
          if (records.length > 0) return { topic, partition, records, next, highWatermark: high };
          throw at(range, batch.base, error);
        }
        for (const record of whole) {
          if (record.offset >= end || records.length >= maxRecords) break;
          records.push(record);
          next = record.offset + 1;
        }
        // Offsets may have holes, at the end of a batch too.
        if (records.length < maxRecords) next = Math.min(end, batch.last + 1);
      }
    }
    if (next < end && records.length === 0) {
      throw new CandlewireError(
        "log.unavailable",
        `Read ${topic} partition ${partition} at ${next}: no answer`,
        {
          retry: "retry",
        },
      );
    }
    return { topic, partition, records, next, highWatermark: high };
  }

  /** See `ChangeLog.offsetsAt`. */
  async offsetsAt(topic: string, time: number): Promise<Position[]> {
    const [positions, marks] = await Promise.all([
      this.#cluster.offsetsAt(topic, time),
      this.#cluster.watermarks([topic]),
    ]);
    const highs = new Map(marks.map((mark) => [mark.partition, mark.high]));
    return positions.map(({ partition, offset }) => ({
      topic,
      partition,
      offset: offset < 0 ? highs.get(partition) ?? 0 : offset,
    }));
  }
}
