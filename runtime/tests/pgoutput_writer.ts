import { type PgoutputMessage, POSTGRES_EPOCH_US, type Tuple } from "../capture/pgoutput.ts";

const encoder = new TextEncoder();

/** Writes what the decoder reads; knows the format from its documentation, shares no code with the decoder. */
export class PgoutputWriter {
  bytes: number[] = [];
  u8(value: number): this {
    this.bytes.push(value);
    return this;
  }
  letter(text: string): this {
    return this.u8(text.charCodeAt(0));
  }
  u16(value: number): this {
    return this.u8(value >> 8).u8(value & 255);
  }
  u32(value: number): this {
    return this.u16(value >>> 16).u16(value & 0xffff);
  }
  u64(value: bigint): this {
    return this.u32(Number((value >> 32n) & 0xffffffffn)).u32(Number(value & 0xffffffffn));
  }
  clock(us: number): this {
    return this.u64(BigInt.asUintN(64, BigInt(us - POSTGRES_EPOCH_US)));
  }
  text(value: string): this {
    this.bytes.push(...encoder.encode(value));
    return this.u8(0);
  }
  tuple(row: Tuple): this {
    this.u16(row.length);
    for (const value of row) {
      if (value === null) this.letter("n");
      else if (value === undefined) this.letter("u");
      else {
        const bytes = encoder.encode(value);
        this.letter("t").u32(bytes.length).bytes.push(...bytes);
      }
    }
    return this;
  }
}

/** A message's bytes as pgoutput sends them. */
export function encodePgoutput(message: PgoutputMessage): Uint8Array {
  const w = new PgoutputWriter();
  switch (message.kind) {
    case "begin":
      w.letter("B").u64(message.commitLsn).clock(message.commitTime).u32(message.xid);
      break;
    case "commit":
      w.letter("C").u8(0).u64(message.commitLsn).u64(message.endLsn).clock(message.commitTime);
      break;
    case "origin":
      w.letter("O").u64(message.lsn).text(message.name);
      break;
    case "relation":
      w.letter("R").u32(message.oid).text(message.schema).text(message.table).letter(message.replicaIdentity);
      w.u16(message.columns.length);
      for (const c of message.columns) w.u8(c.key ? 1 : 0).text(c.name).u32(c.type).u32(c.modifier >>> 0);
      break;
    case "type":
      w.letter("Y").u32(message.oid).text(message.schema).text(message.name);
      break;
    case "insert":
      w.letter("I").u32(message.relation).letter("N").tuple(message.after);
      break;
    case "update":
      w.letter("U").u32(message.relation);
      if (message.before !== null) w.letter(message.old === "row" ? "O" : "K").tuple(message.before);
      w.letter("N").tuple(message.after);
      break;
    case "delete":
      w.letter("D").u32(message.relation).letter(message.old === "row" ? "O" : "K").tuple(message.before);
      break;
    case "truncate":
      w.letter("T").u32(message.relations.length);
      w.u8((message.cascade ? 1 : 0) | (message.restartIdentity ? 2 : 0));
      for (const oid of message.relations) w.u32(oid);
      break;
    case "message":
      w.letter("M").u8(message.transactional ? 1 : 0).u64(message.lsn).text(message.prefix);
      w.u32(message.content.length).bytes.push(...message.content);
      break;
    case "stream_start":
      w.letter("S").u32(message.xid).u8(message.first ? 1 : 0);
      break;
    case "stream_stop":
      w.letter("E");
      break;
    case "stream_commit":
      w.letter("c").u32(message.xid).u8(0).u64(message.commitLsn).u64(message.endLsn).clock(
        message.commitTime,
      );
      break;
    case "stream_abort":
      w.letter("A").u32(message.xid).u32(message.subXid);
      break;
  }
  return Uint8Array.from(w.bytes);
}

/** An XLogData frame around a message. */
export function dataFrame(message: PgoutputMessage, start: bigint, end = start): Uint8Array {
  const header = new PgoutputWriter().letter("w").u64(start).u64(end).clock(POSTGRES_EPOCH_US).bytes;
  return Uint8Array.from([...header, ...encodePgoutput(message)]);
}

/** A keepalive frame. */
export function keepaliveFrame(end: bigint, reply: boolean): Uint8Array {
  return Uint8Array.from(
    new PgoutputWriter().letter("k").u64(end).clock(POSTGRES_EPOCH_US).u8(reply ? 1 : 0).bytes,
  );
}
