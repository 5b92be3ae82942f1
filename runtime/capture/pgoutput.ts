import { Buffer } from "node:buffer";

/**
 * Decodes PostgreSQL's logical replication stream: the walsender's frames and pgoutput, protocol 1 and 2. Pure and
 * total: bytes to a message or to a {@linkcode Malformed}; nothing throws, whatever the bytes.
 *
 * Format: PostgreSQL documentation, "Streaming Replication Protocol" and "Logical Replication Message Formats".
 */
export type PgoutputMessage =
  /** `commitLsn`: where the commit record begins; `commitTime`: microseconds since 1970. */
  | { kind: "begin"; commitLsn: bigint; commitTime: number; xid: number }
  /** `endLsn`: behind the commit record; acknowledging it means that the transaction is never sent again. */
  | { kind: "commit"; commitLsn: bigint; endLsn: bigint; commitTime: number }
  | { kind: "origin"; lsn: bigint; name: string }
  | Relation
  | { kind: "type"; oid: number; schema: string; name: string }
  | { kind: "insert"; relation: number; after: Tuple }
  /** `before`: the old row (`old: "row"`, REPLICA IDENTITY FULL) or its key alone (`old: "key"`, others null). */
  | { kind: "update"; relation: number; old: "row" | "key" | null; before: Tuple | null; after: Tuple }
  | { kind: "delete"; relation: number; old: "row" | "key"; before: Tuple }
  | { kind: "truncate"; relations: number[]; cascade: boolean; restartIdentity: boolean }
  | { kind: "message"; transactional: boolean; lsn: bigint; prefix: string; content: Uint8Array }
  | { kind: "stream_start"; xid: number; first: boolean }
  | { kind: "stream_stop" }
  | { kind: "stream_commit"; xid: number; commitLsn: bigint; endLsn: bigint; commitTime: number }
  | { kind: "stream_abort"; xid: number; subXid: number };

/** One row's values in the relation's column order: text, null, or undefined for an unchanged TOAST value. */
export type Tuple = (string | null | undefined)[];

/** A table as the stream describes it before its first change. */
export type Relation = {
  kind: "relation";
  oid: number;
  schema: string;
  table: string;
  /** `d` default, `n` nothing, `f` full, `i` index. */
  replicaIdentity: string;
  columns: RelationColumn[];
};

/** A published column. `key`: part of the replica identity. `modifier`: atttypmod, -1 for none. */
export type RelationColumn = { name: string; type: number; modifier: number; key: boolean };

/** Bytes that are no message. */
export type Malformed = { kind: "malformed"; reason: string };

/** A frame of the replication connection. `start` and `end` are WAL positions; clocks are µs since 1970. */
export type Frame =
  | { kind: "data"; start: bigint; end: bigint; clock: number; body: Uint8Array }
  | { kind: "keepalive"; end: bigint; clock: number; reply: boolean };

/** Microseconds between 1970-01-01 and PostgreSQL's epoch, 2000-01-01. */
export const POSTGRES_EPOCH_US = 946_684_800_000_000;

/** `w` XLogData or `k` primary keepalive. */
export function decodeFrame(bytes: Uint8Array): Frame | Malformed {
  const kind = bytes[0];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (kind === 0x77) {
    if (bytes.length < 25) return malformed(`XLogData of ${bytes.length} bytes, less than its header of 25`);
    return {
      kind: "data",
      start: view.getBigUint64(1),
      end: view.getBigUint64(9),
      clock: clockAt(view, 17),
      body: bytes.subarray(25),
    };
  }
  if (kind === 0x6b) {
    if (bytes.length !== 18) return malformed(`Keepalive of ${bytes.length} bytes, not 18`);
    return { kind: "keepalive", end: view.getBigUint64(1), clock: clockAt(view, 9), reply: bytes[17] !== 0 };
  }
  return malformed(`Frame of unknown type ${byteText(kind)}`);
}

/**
 * One pgoutput message. `inStream`: true between `stream_start` and `stream_stop` (protocol 2), where messages
 * carry their transaction's id first.
 */
export function decodePgoutput(bytes: Uint8Array, inStream = false): PgoutputMessage | Malformed {
  const reader = new Reader(bytes);
  const type = reader.uint8();
  if (inStream && STREAMED.has(type)) reader.uint32();
  const message = decodeBody(type, reader);
  if (message.kind === "malformed") return message;
  if (reader.failed) return malformed(`Message "${byteText(type)}" ends early at ${bytes.length} bytes`);
  if (reader.at !== bytes.length) {
    return malformed(`Message "${byteText(type)}" has ${bytes.length - reader.at} bytes too many`);
  }
  return message;
}

/** Messages that carry a transaction id within a streamed block: R Y I U D T M. */
const STREAMED = new Set([..."RYIUDTM"].map((letter) => letter.charCodeAt(0)));

function decodeBody(type: number, reader: Reader): PgoutputMessage | Malformed {
  switch (type) {
    case 0x49: { // I
      const relation = reader.uint32();
      const tag = reader.uint8();
      if (tag !== 0x4e) return malformed(`Insert holds tuple "${byteText(tag)}", not "N"`);
      const after = reader.tuple();
      return typeof after === "string" ? malformed(after) : { kind: "insert", relation, after };
    }
    case 0x55: { // U
      const relation = reader.uint32();
      let tag = reader.uint8();
      let before: Tuple | null = null;
      let old: "row" | "key" | null = null;
      if (tag === 0x4b || tag === 0x4f) {
        old = tag === 0x4f ? "row" : "key";
        const tuple = reader.tuple();
        if (typeof tuple === "string") return malformed(tuple);
        before = tuple;
        tag = reader.uint8();
      }
      if (tag !== 0x4e) return malformed(`Update holds tuple "${byteText(tag)}", not "N"`);
      const after = reader.tuple();
      if (typeof after === "string") return malformed(after);
      return { kind: "update", relation, old, before, after };
    }
    case 0x44: { // D
      const relation = reader.uint32();
      const tag = reader.uint8();
      if (tag !== 0x4b && tag !== 0x4f) {
        return malformed(`Delete holds tuple "${byteText(tag)}", not "K" or "O"`);
      }
      const before = reader.tuple();
      if (typeof before === "string") return malformed(before);
      return { kind: "delete", relation, old: tag === 0x4f ? "row" : "key", before };
    }
    case 0x42: // B
      return { kind: "begin", commitLsn: reader.lsn(), commitTime: reader.clock(), xid: reader.uint32() };
    case 0x43: // C
      reader.uint8();
      return { kind: "commit", commitLsn: reader.lsn(), endLsn: reader.lsn(), commitTime: reader.clock() };
    case 0x52: // R
      return relationOf(reader);
    case 0x59: // Y
      return { kind: "type", oid: reader.uint32(), schema: reader.text(), name: reader.text() };
    case 0x4f: // O
      return { kind: "origin", lsn: reader.lsn(), name: reader.text() };
    case 0x54: { // T
      const count = reader.uint32();
      const flags = reader.uint8();
      if (count * 4 > reader.left) {
        return malformed(`Truncate of ${count} relations in ${reader.left} bytes`);
      }
      const relations = Array.from({ length: count }, () => reader.uint32());
      return { kind: "truncate", relations, cascade: (flags & 1) !== 0, restartIdentity: (flags & 2) !== 0 };
    }
    case 0x4d: { // M
      const transactional = (reader.uint8() & 1) !== 0;
      const lsn = reader.lsn();
      const prefix = reader.text();
      return { kind: "message", transactional, lsn, prefix, content: reader.bytes(reader.uint32()) };
    }
    case 0x53: // S
      return { kind: "stream_start", xid: reader.uint32(), first: reader.uint8() === 1 };
    case 0x45: // E
      return { kind: "stream_stop" };
    case 0x63: { // c
      const xid = reader.uint32();
      reader.uint8();
      return {
        kind: "stream_commit",
        xid,
        commitLsn: reader.lsn(),
        endLsn: reader.lsn(),
        commitTime: reader.clock(),
      };
    }
    case 0x41: // A
      return { kind: "stream_abort", xid: reader.uint32(), subXid: reader.uint32() };
    default:
      return malformed(`Message of unknown type ${byteText(type)}`);
  }
}

function relationOf(reader: Reader): Relation | Malformed {
  const oid = reader.uint32();
  const schema = reader.text();
  const table = reader.text();
  const replicaIdentity = String.fromCharCode(reader.uint8());
  const count = reader.uint16();
  if (count * 10 > reader.left) return malformed(`Relation of ${count} columns in ${reader.left} bytes`);
  const columns: RelationColumn[] = [];
  for (let i = 0; i < count; i++) {
    const key = (reader.uint8() & 1) !== 0;
    columns.push({ name: reader.text(), type: reader.uint32(), modifier: reader.int32(), key });
  }
  // An empty schema stands for pg_catalog.
  return {
    kind: "relation",
    oid,
    schema: schema === "" ? "pg_catalog" : schema,
    table,
    replicaIdentity,
    columns,
  };
}

const utf8 = new TextDecoder();

/** Reads forward; past the end it answers zeros and remembers, so that callers check once. */
class Reader {
  at = 0;
  failed = false;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  // The whole message as Latin-1: a substring of it costs a tenth of decoding each value, and is right for ASCII.
  readonly #latin: string;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#latin = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  }

  get left(): number {
    return this.#bytes.length - this.at;
  }

  uint8(): number {
    return this.#has(1) ? this.#bytes[this.at++]! : 0;
  }

  uint16(): number {
    if (!this.#has(2)) return 0;
    this.at += 2;
    return this.#view.getUint16(this.at - 2);
  }

  uint32(): number {
    if (!this.#has(4)) return 0;
    this.at += 4;
    return this.#view.getUint32(this.at - 4);
  }

  int32(): number {
    return this.uint32() | 0;
  }

  lsn(): bigint {
    if (!this.#has(8)) return 0n;
    this.at += 8;
    return this.#view.getBigUint64(this.at - 8);
  }

  clock(): number {
    if (!this.#has(8)) return 0;
    this.at += 8;
    return clockAt(this.#view, this.at - 8);
  }

  /** Text up to a zero byte. */
  text(): string {
    const end = this.#bytes.indexOf(0, this.at);
    if (end < 0) {
      this.failed = true;
      this.at = this.#bytes.length;
      return "";
    }
    const start = this.at;
    this.at = end + 1;
    return this.#slice(start, end);
  }

  bytes(length: number): Uint8Array {
    if (!this.#has(length)) return new Uint8Array();
    this.at += length;
    // A copy: the driver reuses its buffer.
    return this.#bytes.slice(this.at - length, this.at);
  }

  /** A row, or the reason why it is none. */
  tuple(): Tuple | string {
    const count = this.uint16();
    if (count > this.left) return `Tuple of ${count} columns in ${this.left} bytes`;
    const row: Tuple = new Array(count);
    for (let i = 0; i < count; i++) {
      const tag = this.uint8();
      if (tag === 0x74) { // t
        const length = this.uint32();
        if (!this.#has(length)) return `Column ${i + 1} of ${length} bytes in ${this.left} bytes`;
        this.at += length;
        row[i] = this.#slice(this.at - length, this.at);
      } else if (tag === 0x6e) { // n
        row[i] = null;
      } else if (tag === 0x75) { // u
        row[i] = undefined;
      } else {
        return this.failed ? "Tuple ends early" : `Column ${i + 1} has the unknown tag ${byteText(tag)}`;
      }
    }
    return row;
  }

  #slice(start: number, end: number): string {
    const bytes = this.#bytes;
    // Long values are left to the native decoder, which scans faster than this loop.
    if (end - start > 256) return utf8.decode(bytes.subarray(start, end));
    for (let i = start; i < end; i++) if (bytes[i]! > 127) return utf8.decode(bytes.subarray(start, end));
    return this.#latin.substring(start, end);
  }

  #has(length: number): boolean {
    if (this.at + length <= this.#bytes.length) return true;
    this.failed = true;
    return false;
  }
}

/** A timestamp of PostgreSQL (µs since 2000) as µs since 1970; exact up to the year 2255. */
function clockAt(view: DataView, at: number): number {
  return view.getInt32(at) * 4_294_967_296 + view.getUint32(at + 4) + POSTGRES_EPOCH_US;
}

function malformed(reason: string): Malformed {
  return { kind: "malformed", reason };
}

function byteText(byte: number | undefined): string {
  if (byte === undefined) return "(none)";
  return byte > 32 && byte < 127 ? String.fromCharCode(byte) : `0x${byte.toString(16).padStart(2, "0")}`;
}
