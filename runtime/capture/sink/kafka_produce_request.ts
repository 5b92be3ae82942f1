import { Buffer } from "node:buffer";
import { crc32c } from "../../kafka/crc32c.ts";

/** One record, ready to be written. */
export type WireRecord = { key: Uint8Array | null; value: string | null };

/** The records that one partition gets by one request: one record batch. `sequence`: of the first record. */
export type WireBatch = { partition: number; sequence: number; records: readonly WireRecord[] };

/** What the batches of a request have in common. */
export type WireProducer = { id: bigint; epoch: number };

/** Bytes of a batch before its records. */
export const BATCH_HEADER_BYTES = 61;
/** A record's bytes beside its key and value, at most. */
export const RECORD_OVERHEAD_BYTES = 22;

/**
 * Writes the body of a Produce request (version 7, acks of all in-sync replicas) with record batches of format 2, as
 * bytes into one buffer that is used again by the next request. A driver that makes several objects a record spends ten
 * times as much on it (docs/adr); so this is ours, and connections, authentication and metadata are the driver's.
 *
 * Source: Kafka documentation, "Record Batch" and "Produce API"; KIP-98 for producer id, epoch and sequence.
 */
export class ProduceRequest {
  #bytes: Uint8Array;
  #view: DataView;
  #at = 0;
  readonly #encoder = new TextEncoder();

  constructor(capacity = 1 << 20) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** The body; valid until the next call. `now`: the records' time, ms since 1970. */
  encode(
    topics: ReadonlyMap<string, readonly WireBatch[]>,
    options: { producer: WireProducer; now: number; timeoutMs: number },
  ): Buffer {
    this.#at = 0;
    this.#reserve(64);
    this.#int16(-1); // no transactional id
    this.#int16(-1); // acks: all in-sync replicas
    this.#int32(options.timeoutMs);
    this.#int32(topics.size);
    for (const [topic, batches] of topics) {
      const name = this.#encoder.encode(topic);
      this.#reserve(name.length + 16);
      this.#int16(name.length);
      this.#bytes.set(name, this.#at);
      this.#at += name.length;
      this.#int32(batches.length);
      for (const batch of batches) this.#batch(batch, options.producer, options.now);
    }
    return Buffer.from(this.#bytes.buffer, 0, this.#at);
  }

  #batch({ partition, sequence, records }: WireBatch, producer: WireProducer, now: number): void {
    this.#reserve(8 + BATCH_HEADER_BYTES);
    this.#int32(partition);
    const sizeAt = this.#at;
    this.#at += 4;
    const start = this.#at;
    this.#int64(0n); // base offset: the broker's to give
    this.#at += 4; // length, below
    this.#int32(-1); // partition leader epoch: the broker's to give
    this.#bytes[this.#at++] = 2; // magic
    const crcAt = this.#at;
    this.#at += 4;
    this.#int16(0); // attributes: no compression, create time, no transaction
    this.#int32(records.length - 1);
    this.#int64(BigInt(now));
    this.#int64(BigInt(now));
    this.#int64(producer.id);
    this.#int16(producer.epoch);
    this.#int32(sequence);
    this.#int32(records.length);
    for (let i = 0; i < records.length; i++) this.#record(records[i]!, i);
    this.#view.setInt32(sizeAt, this.#at - start);
    this.#view.setInt32(start + 8, this.#at - start - 12);
    this.#view.setUint32(crcAt, crc32c(this.#bytes, crcAt + 4, this.#at));
  }

  #record({ key, value }: WireRecord, offsetDelta: number): void {
    const keyBytes = key === null ? 0 : key.length;
    // UTF-8 takes at most three bytes a UTF-16 unit.
    this.#reserve(RECORD_OVERHEAD_BYTES + keyBytes + (value === null ? 0 : value.length * 3));
    const start = this.#at;
    // Lengths stand before what they measure. Nearly all text is ASCII: take its length for that, and mend it if not.
    for (let valueBytes = value === null ? 0 : value.length;;) {
      const body = 3 + varintBytes(offsetDelta) + varintBytes(key === null ? -1 : keyBytes) + keyBytes +
        varintBytes(value === null ? -1 : valueBytes) + valueBytes;
      this.#at = start;
      this.#varint(body);
      this.#bytes[this.#at++] = 0; // attributes
      this.#bytes[this.#at++] = 0; // time stamp: the batch's
      this.#varint(offsetDelta);
      this.#varint(key === null ? -1 : keyBytes);
      if (key !== null) this.#bytes.set(key, this.#at);
      this.#at += keyBytes;
      this.#varint(value === null ? -1 : valueBytes);
      if (value !== null) {
        const { written } = this.#encoder.encodeInto(value, this.#bytes.subarray(this.#at));
        if (written !== valueBytes) {
          valueBytes = written;
          continue;
        }
        this.#at += written;
      }
      this.#bytes[this.#at++] = 0; // no headers
      return;
    }
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + bytes));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }

  #int16(value: number): void {
    this.#view.setInt16(this.#at, value);
    this.#at += 2;
  }

  #int32(value: number): void {
    this.#view.setInt32(this.#at, value);
    this.#at += 4;
  }

  #int64(value: bigint): void {
    this.#view.setBigInt64(this.#at, value);
    this.#at += 8;
  }

  #varint(value: number): void {
    let rest = (value << 1 ^ value >> 31) >>> 0;
    while (rest > 127) {
      this.#bytes[this.#at++] = rest & 127 | 128;
      rest >>>= 7;
    }
    this.#bytes[this.#at++] = rest;
  }
}

/** Bytes of a zigzag varint. */
function varintBytes(value: number): number {
  const rest = (value << 1 ^ value >> 31) >>> 0;
  return rest < 1 << 7 ? 1 : rest < 1 << 14 ? 2 : rest < 1 << 21 ? 3 : rest < 1 << 28 ? 4 : 5;
}
