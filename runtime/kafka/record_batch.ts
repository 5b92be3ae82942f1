import { BINARY_PREFIX, type ChangeRecord } from "../change/record.ts";
import type { EpochMs } from "../market/epoch.ts";
import { corrupt, decompress } from "./codecs_kafka.ts";
import { crc32c } from "./crc32c.ts";

/**
 * One record batch as it lies in a fetch's answer, its records not looked at yet. Source: Kafka's protocol guide,
 * "Record batch" (magic 2).
 */
export type RecordBatch = {
  /** First and last offset; records may be missing in between. */
  base: number;
  last: number;
  /** The batch's bytes, head included. */
  bytes: Uint8Array;
  /** No records for a reader: a transaction's marker, or its aborted records. */
  hidden: boolean;
};

/** A transaction that was aborted: its records from an offset on are not for readers. */
export type AbortedTransaction = { producerId: bigint; firstOffset: number };

const HEAD_BYTES = 61;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
const LOG_APPEND_TIME = 0x08;

/**
 * The batches of one partition in a fetch's answer. The last one is left out where it is cut off, which is how a broker
 * keeps to the limit of bytes. `aborted` is in the order of the answer (by first offset).
 */
export function splitBatches(
  records: Uint8Array,
  aborted: readonly AbortedTransaction[] = [],
): RecordBatch[] {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  const batches: RecordBatch[] = [];
  const active = new Set<bigint>();
  let nextAborted = 0;
  for (let at = 0; at + 12 <= records.length;) {
    const length = 12 + view.getInt32(at + 8);
    if (length > records.length - at) break;
    const base = int64(view, at);
    if (length < 12) {
      batches.push({ base, last: base, bytes: records.subarray(at), hidden: false });
      break;
    }
    const bytes = records.subarray(at, at + length);
    if (length < HEAD_BYTES || records[at + 16] !== 2) {
      // Before magic 2 one offset stands for a message; decodeBatch says what is wrong with it.
      batches.push({ base, last: base, bytes, hidden: false });
      at += length;
      continue;
    }
    const attributes = view.getInt16(at + 21);
    const last = base + view.getInt32(at + 23);
    let hidden = (attributes & CONTROL) !== 0;
    if (aborted.length > 0) {
      while (nextAborted < aborted.length && aborted[nextAborted]!.firstOffset <= last) {
        active.add(aborted[nextAborted++]!.producerId);
      }
      const producerId = view.getBigInt64(at + 43);
      if (hidden) {
        if (isAbortMarker(bytes)) active.delete(producerId);
      } else hidden = (attributes & TRANSACTIONAL) !== 0 && active.has(producerId);
    }
    batches.push({ base, last, bytes, hidden });
    at += length;
  }
  return batches;
}

/**
 * The records of a batch from an offset on. Throws `log.corrupt_batch` for whatever is not as it must be: the checksum,
 * the compression, a length.
 */
export function decodeBatch({ base, bytes, hidden }: RecordBatch, from = 0): ChangeRecord[] {
  if (hidden) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEAD_BYTES || bytes[16] !== 2) {
    throw corrupt(`its format is magic ${bytes[16]}, of before Kafka 0.11`);
  }
  if (crc32c(bytes, 21) !== view.getUint32(17)) throw corrupt("its checksum does not fit");
  const attributes = view.getInt16(21);
  const first = int64(view, 27);
  const appended = (attributes & LOG_APPEND_TIME) === 0 ? undefined : int64(view, 35);
  const count = view.getInt32(57);
  const data = decompress(attributes & 7, bytes.subarray(HEAD_BYTES));
  return decodeRecords(data, { count, base, first, appended, from });
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

function decodeRecords(
  data: Uint8Array,
  head: { count: number; base: number; first: number; appended: number | undefined; from: number },
): ChangeRecord[] {
  const { count, base, first, appended, from } = head;
  // A record has seven bytes at least: a count beyond that is a lie that must cost nothing.
  if (count < 0 || count > data.length / 7) {
    throw corrupt(`${data.length} bytes cannot hold ${count} records`);
  }
  const records: ChangeRecord[] = [];
  const reader = new VarintReader(data);
  for (let i = 0; i < count; i++) {
    const length = reader.read();
    const end = reader.at + length;
    if (length < 7 - 1 || end > data.length) throw corrupt(`record ${i} of ${count} is cut off`);
    reader.at++;
    // Read also where the batch's time counts: it stands before what follows.
    const delta = reader.readLong();
    const timestamp = appended ?? first + delta;
    const offset = base + reader.read();
    if (offset >= from) {
      const key = text(reader, end);
      const value = text(reader, end);
      records.push({ offset, key, value, timestamp: timestamp as EpochMs });
    }
    // Headers are not ours: they lie before the end and are passed over.
    reader.at = end;
  }
  return records;
}

function text(reader: VarintReader, end: number): string | null {
  const length = reader.read();
  if (length < 0) return null;
  const start = reader.at;
  reader.at = start + length;
  if (reader.at > end) throw corrupt("a key or value is cut off");
  return length === 0 ? "" : textOf(reader.data.subarray(start, reader.at));
}

/** Text, or what stands for bytes that are none. */
function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return BINARY_PREFIX + bytes.toBase64();
  }
}

/** Reads zigzag varints; behind the end it reads zeros, which the lengths around it catch. */
class VarintReader {
  at = 0;
  readonly data: Uint8Array;

  constructor(data: Uint8Array) {
    this.data = data;
  }

  /** Up to 32 bits. */
  read(): number {
    const { data } = this;
    let byte = data[this.at++] ?? 0;
    let value = byte & 127;
    for (let shift = 7; byte >= 128 && shift < 35; shift += 7) {
      byte = data[this.at++] ?? 0;
      value |= (byte & 127) << shift;
    }
    return (value >>> 1) ^ -(value & 1);
  }

  /** Up to 64 bits; exact within ±2^53, and times are. */
  readLong(): number {
    const { data } = this;
    let byte = data[this.at++] ?? 0;
    let value = byte & 127;
    for (let scale = 128; byte >= 128 && scale < 2 ** 70; scale *= 128) {
      byte = data[this.at++] ?? 0;
      value += (byte & 127) * scale;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}

/** Offsets and times are below 2^53. */
function int64(view: DataView, at: number): number {
  return view.getInt32(at) * 2 ** 32 + view.getUint32(at + 4);
}

/** A control record's key: version, then type 0 for abort, 1 for commit. */
function isAbortMarker(bytes: Uint8Array): boolean {
  const reader = new VarintReader(bytes.subarray(HEAD_BYTES));
  reader.read();
  reader.at++;
  reader.readLong();
  reader.read();
  const length = reader.read();
  return length >= 4 && reader.data[reader.at + 2] === 0 && reader.data[reader.at + 3] === 0;
}
