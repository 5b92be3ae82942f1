import type { ChangeBatch, ChangeRecord, TopicPartition } from "../../change/record.ts";
import { CandlewireError } from "../../error.ts";
import { decodeBatch, type RecordBatch } from "../../kafka/record_batch.ts";

/**
 * One partition that this instance owns: what was fetched and not yet delivered, as raw record batches, and the
 * positions. Decoding waits until delivery, so that what a rebalance drops costs nothing, and bytes bound the memory.
 */
export class KafkaPartition implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  /** The next offset to fetch: behind all that lies here. */
  fetched: number;
  /** The next offset to deliver. */
  delivered: number;
  /** All below is durable downstream, as far as we were told. */
  acknowledged: number;
  /** What the group has; -1 for none. */
  committed: number;
  readonly #start: number;
  highWatermark: number;
  /** Nothing can be delivered until someone acts. */
  failure: CandlewireError | undefined;
  /** Bytes that wait here. */
  bytes = 0;
  #waiting: RecordBatch[] = [];
  #decoded: ChangeRecord[] = [];
  /** How many of `#decoded` were delivered. */
  #done = 0;
  /** Behind the batch that was decoded last. */
  #passed: number;

  constructor({ topic, partition }: TopicPartition, at: { start: number; committed: number; high: number }) {
    this.topic = topic;
    this.partition = partition;
    this.#start = at.start;
    this.fetched =
      this.delivered =
      this.acknowledged =
      this.#passed =
        at.start;
    this.committed = at.committed;
    this.highWatermark = at.high;
  }

  /** Whether the group is to be told of what was acknowledged. */
  get uncommitted(): boolean {
    return this.acknowledged > this.#start && this.acknowledged !== this.committed;
  }

  /** Whether there is something to deliver. */
  get waits(): boolean {
    return this.#waiting.length > 0 || this.#done < this.#decoded.length;
  }

  /**
   * Takes what was fetched from offset `from` on; what is here already is passed over. False, and nothing is taken, when
   * it begins behind what is wanted next: an answer to an older question, which would leave out what lies between.
   */
  push(batches: readonly RecordBatch[], highWatermark: number, from: number): boolean {
    if (from > this.fetched) return false;
    for (const batch of batches) {
      if (batch.last < this.fetched) continue;
      this.#waiting.push(batch);
      this.bytes += batch.bytes.length;
      this.fetched = batch.last + 1;
    }
    this.highWatermark = Math.max(highWatermark, this.fetched);
    return true;
  }

  /** Forgets what was not delivered: it is to be fetched again. */
  clear(): void {
    this.#waiting = [];
    this.#decoded = [];
    this.#done = 0;
    this.bytes = 0;
    this.fetched = this.#passed = this.delivered;
  }

  /** At most `maxRecords`; undefined when none are here. Throws `log.corrupt_batch`, and again each time. */
  take(maxRecords: number): ChangeBatch | undefined {
    let records: ChangeRecord[] = [];
    while (records.length < maxRecords) {
      const left = this.#decoded.length - this.#done;
      if (left === 0) {
        // What is whole goes out before a batch that is not.
        if (!this.#decodeNext(records.length > 0)) break;
      } else if (records.length === 0 && this.#done === 0 && left <= maxRecords) {
        records = this.#decoded;
        this.#decoded = [];
      } else {
        const end = this.#done + Math.min(left, maxRecords - records.length);
        while (this.#done < end) records.push(this.#decoded[this.#done++]!);
      }
    }
    const before = this.delivered;
    this.delivered = this.#done < this.#decoded.length
      ? this.#decoded[this.#done]!.offset
      : Math.max(this.#passed, before);
    if (records.length > 0) {
      const { topic, partition, delivered: next, highWatermark } = this;
      return { topic, partition, records, next, highWatermark };
    }
    // Nothing but markers of transactions: nobody will acknowledge them.
    if (this.acknowledged === before) this.acknowledged = this.delivered;
    return undefined;
  }

  #decodeNext(quiet: boolean): boolean {
    const batch = this.#waiting[0];
    if (batch === undefined) return false;
    try {
      this.#decoded = decodeBatch(batch, this.delivered);
    } catch (error) {
      if (quiet) return false;
      throw at(this, batch.base, error);
    }
    this.#done = 0;
    this.#waiting.shift();
    this.bytes -= batch.bytes.length;
    this.#passed = batch.last + 1;
    return true;
  }
}

/** The error with the place it is about. */
export function at({ topic, partition }: TopicPartition, offset: number, error: unknown): unknown {
  if (!(error instanceof CandlewireError)) return error;
  const { code, message, retry, hint, details } = error;
  return new CandlewireError(code, `Read ${topic} partition ${partition} at offset ${offset}: ${message}`, {
    retry,
    hint,
    cause: error,
    details: { ...details, topic, partition, offset },
  });
}
