import { Buffer } from "node:buffer";
import { CandlewireError } from "../../error.ts";
import { HEADER_BYTES } from "./cassandra_request.ts";

/** A statement of a batch: what stands before its values on the wire. */
export type Statement = { prefix: Uint8Array; name: string };

/** Bytes between the header and the first statement: type and count. */
const BEGIN_BYTES = HEADER_BYTES + 3;
/** After the last: consistency and flags. */
const END_BYTES = 3;
const UNLOGGED = 1;
const PREPARED = 1;
/** Anything of one row beyond its texts. */
const FIXED_BYTES = 512;
/** A mutation may have 16 MiB (commitlog_segment_size / 2); a row that alone has half of it is refused. */
const MAX_TEXT_BYTES = 8 << 20;

const UTF8 = new TextEncoder();

/** The bytes that stand before the values of a prepared statement in a BATCH body. */
export function statementOf(name: string, id: Uint8Array, values: number): Statement {
  const prefix = new Uint8Array(1 + 2 + id.length + 2);
  const view = new DataView(prefix.buffer);
  prefix[0] = PREPARED;
  view.setUint16(1, id.length);
  prefix.set(id, 3);
  view.setUint16(3 + id.length, values);
  return { name, prefix };
}

/**
 * Encodes the body of BATCH requests (native protocol 4) one after the other in one buffer that grows to the largest.
 * Values are written in the order of the statement's markers. What cannot be encoded throws `store.bad_row`.
 */
export class CassandraFrame {
  #bytes = Buffer.allocUnsafe(256 * 1024);
  #view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
  #at = BEGIN_BYTES;
  #statements = 0;

  get statements(): number {
    return this.#statements;
  }

  get length(): number {
    return this.#at;
  }

  /** Forgets what was begun. */
  clear(): void {
    this.#at = BEGIN_BYTES;
    this.#statements = 0;
  }

  /** The finished frame, a copy; then begins the next. */
  take(consistency: number): Buffer {
    this.#bytes[HEADER_BYTES] = UNLOGGED;
    this.#view.setUint16(HEADER_BYTES + 1, this.#statements);
    this.#view.setUint16(this.#at, consistency);
    this.#bytes[this.#at + 2] = 0;
    const frame = Buffer.allocUnsafeSlow(this.#at + END_BYTES);
    this.#bytes.copy(frame, 0, 0, this.#at + END_BYTES);
    this.clear();
    return frame;
  }

  begin(statement: Statement): void {
    const { prefix } = statement;
    if (this.#at + FIXED_BYTES > this.#bytes.length) this.#grow(FIXED_BYTES);
    this.#bytes.set(prefix, this.#at);
    this.#at += prefix.length;
    this.#statements++;
  }

  /** A text that was encoded before. */
  bytes(value: Uint8Array): void {
    if (this.#at + value.length + FIXED_BYTES > this.#bytes.length) this.#grow(value.length + FIXED_BYTES);
    this.#view.setInt32(this.#at, value.length);
    this.#bytes.set(value, this.#at + 4);
    this.#at += 4 + value.length;
  }

  text(value: string | null, column: string): void {
    if (value === null) return this.null();
    if (typeof value !== "string") refuse(column, value, "text");
    const most = value.length * 3;
    if (most > MAX_TEXT_BYTES) {
      refuse(column, `${value.slice(0, 40)}… (${value.length} characters)`, "shorter text");
    }
    if (this.#at + most + FIXED_BYTES > this.#bytes.length) this.#grow(most + FIXED_BYTES);
    const { written } = UTF8.encodeInto(value, this.#bytes.subarray(this.#at + 4));
    this.#view.setInt32(this.#at, written);
    this.#at += 4 + written;
  }

  /** Decimal text as a double. */
  decimal(value: string, column: string): void {
    if (typeof value !== "string" || value === "") refuse(column, value, "a decimal");
    this.double(Number(value), column);
  }

  double(value: number, column: string): void {
    if (!Number.isFinite(value)) refuse(column, value, "a finite number");
    this.#view.setInt32(this.#at, 8);
    this.#view.setFloat64(this.#at + 4, value);
    this.#at += 12;
  }

  /** bigint or timestamp, to 2^53 (trade_index's time stamp of id 0); no BigInt is made of it. */
  long(value: number, column: string): void {
    if (!(Number.isInteger(value) && Math.abs(value) <= 2 ** 53)) refuse(column, value, "an integer");
    this.#view.setInt32(this.#at, 8);
    this.#view.setInt32(this.#at + 4, Math.floor(value / 0x1_0000_0000));
    // ToUint32 is modulo 2^32, also below zero.
    this.#view.setUint32(this.#at + 8, value >>> 0);
    this.#at += 12;
  }

  int(value: number, column: string): void {
    if ((value | 0) !== value) refuse(column, value, "an integer of 32 bits");
    this.#view.setInt32(this.#at, 4);
    this.#view.setInt32(this.#at + 4, value);
    this.#at += 8;
  }

  boolean(value: boolean, column: string): void {
    if (typeof value !== "boolean") refuse(column, value, "true or false");
    this.#view.setInt32(this.#at, 1);
    this.#bytes[this.#at + 4] = value ? 1 : 0;
    this.#at += 5;
  }

  null(): void {
    this.#view.setInt32(this.#at, -1);
    this.#at += 4;
  }

  #grow(by: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#at + by));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer, grown.byteOffset, grown.byteLength);
  }
}

function refuse(column: string, value: unknown, expected: string): never {
  throw new CandlewireError(
    "store.bad_row",
    `Store a row: ${column} is ${String(JSON.stringify(value) ?? value).slice(0, 80)}, expected ${expected}`,
  );
}
