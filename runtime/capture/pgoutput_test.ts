import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../tests/seed.ts";
import {
  decodeFrame,
  decodePgoutput,
  type PgoutputMessage,
  POSTGRES_EPOCH_US,
  type Tuple,
} from "./pgoutput.ts";

const seed = testSeed("pgoutput");
const encoder = new TextEncoder();

/** Writes what the decoder reads; knows the format from its documentation, shares no code with the decoder. */
class Writer {
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

function encode(message: PgoutputMessage): Uint8Array {
  const w = new Writer();
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

const uint32 = fc.integer({ min: 0, max: 0xffffffff });
const lsn = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const clock = fc.integer({ min: 0, max: 4_000_000_000_000_000 });
const name = fc.string({ unit: "binary", maxLength: 20 }).filter((text) => !text.includes("\0"));
const schema = name.filter((text) => text !== "");
const tuple: fc.Arbitrary<Tuple> = fc.array(
  fc.oneof(
    fc.string({ unit: "binary", maxLength: 20 }),
    fc.string({ maxLength: 400, size: "max" }),
    fc.constant(null),
    fc.constant(undefined),
  ),
  { maxLength: 12 },
);
const message: fc.Arbitrary<PgoutputMessage> = fc.oneof(
  fc.record({ kind: fc.constant("begin" as const), commitLsn: lsn, commitTime: clock, xid: uint32 }),
  fc.record({ kind: fc.constant("commit" as const), commitLsn: lsn, endLsn: lsn, commitTime: clock }),
  fc.record({ kind: fc.constant("origin" as const), lsn, name }),
  fc.record({
    kind: fc.constant("relation" as const),
    oid: uint32,
    schema,
    table: name,
    replicaIdentity: fc.constantFrom("d", "n", "f", "i"),
    columns: fc.array(
      fc.record({
        name,
        type: uint32,
        modifier: fc.integer({ min: -1, max: 0x7fffffff }),
        key: fc.boolean(),
      }),
      { maxLength: 8 },
    ),
  }),
  fc.record({ kind: fc.constant("type" as const), oid: uint32, schema: name, name }),
  fc.record({ kind: fc.constant("insert" as const), relation: uint32, after: tuple }),
  fc.record({
    kind: fc.constant("update" as const),
    relation: uint32,
    old: fc.constantFrom("row" as const, "key" as const),
    before: tuple,
    after: tuple,
  }),
  fc.record({
    kind: fc.constant("update" as const),
    relation: uint32,
    old: fc.constant(null),
    before: fc.constant(null),
    after: tuple,
  }),
  fc.record({
    kind: fc.constant("delete" as const),
    relation: uint32,
    old: fc.constantFrom("row" as const, "key" as const),
    before: tuple,
  }),
  fc.record({
    kind: fc.constant("truncate" as const),
    relations: fc.array(uint32, { maxLength: 5 }),
    cascade: fc.boolean(),
    restartIdentity: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("message" as const),
    transactional: fc.boolean(),
    lsn,
    prefix: name,
    content: fc.uint8Array({ maxLength: 20 }),
  }),
  fc.record({ kind: fc.constant("stream_start" as const), xid: uint32, first: fc.boolean() }),
  fc.record({ kind: fc.constant("stream_stop" as const) }),
  fc.record({
    kind: fc.constant("stream_commit" as const),
    xid: uint32,
    commitLsn: lsn,
    endLsn: lsn,
    commitTime: clock,
  }),
  fc.record({ kind: fc.constant("stream_abort" as const), xid: uint32, subXid: uint32 }),
);

Deno.test("decodePgoutput() reads back every message it was written", () => {
  fc.assert(
    fc.property(message, (given) => assert.deepEqual(decodePgoutput(encode(given)), structuredClone(given))),
    { seed, numRuns: 2000 },
  );
});

Deno.test("decodePgoutput() skips the transaction id of messages within a streamed block", () => {
  const insert: PgoutputMessage = { kind: "insert", relation: 7, after: ["a", null] };
  const plain = encode(insert);
  const streamed = Uint8Array.from([plain[0]!, 0, 0, 0, 9, ...plain.subarray(1)]);
  assert.deepEqual(decodePgoutput(streamed, true), insert);
  assert.equal(decodePgoutput(streamed, false).kind, "malformed");
});

Deno.test("decodePgoutput() refuses every truncation of every message, without a throw", () => {
  fc.assert(
    fc.property(message, fc.nat(), (given, cut) => {
      const whole = encode(given);
      const part = whole.subarray(0, cut % whole.length);
      assert.equal(decodePgoutput(part).kind, "malformed");
      assert.equal(decodePgoutput(Uint8Array.from([...whole, 0])).kind, "malformed");
    }),
    { seed, numRuns: 2000 },
  );
});

Deno.test("the decoders take arbitrary bytes without a throw", () => {
  const letters = fc.constantFrom(...[..."BCORYIUDTMSEcAwkxyz"].map((letter) => letter.charCodeAt(0)));
  fc.assert(
    fc.property(letters, fc.uint8Array({ maxLength: 80 }), fc.boolean(), (first, rest, inStream) => {
      const bytes = Uint8Array.from([first, ...rest]);
      assert.equal(typeof decodePgoutput(bytes, inStream).kind, "string");
      assert.equal(typeof decodeFrame(bytes).kind, "string");
    }),
    { seed, numRuns: 5000 },
  );
  assert.equal(decodePgoutput(new Uint8Array()).kind, "malformed");
  assert.equal(decodeFrame(new Uint8Array()).kind, "malformed");
});

Deno.test("decodeFrame() reads XLogData and keepalives", () => {
  const data = new Writer().letter("w").u64(0x16b374d848n).u64(0x16b374d900n).clock(1_700_000_000_000_001)
    .letter("E").bytes;
  const frame = decodeFrame(Uint8Array.from(data));
  assert.ok(frame.kind === "data");
  assert.equal(frame.start, 0x16b374d848n);
  assert.equal(frame.end, 0x16b374d900n);
  assert.equal(frame.clock, 1_700_000_000_000_001);
  assert.deepEqual([...frame.body], [0x45]);
  const keepalive = new Writer().letter("k").u64(5n).clock(1_700_000_000_000_000).u8(1).bytes;
  assert.deepEqual(decodeFrame(Uint8Array.from(keepalive)), {
    kind: "keepalive",
    end: 5n,
    clock: 1_700_000_000_000_000,
    reply: true,
  });
});
