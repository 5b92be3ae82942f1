import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../tests/seed.ts";
import { encodePgoutput, PgoutputWriter } from "../tests/pgoutput_writer.ts";
import { decodeFrame, decodePgoutput, type PgoutputMessage, type Tuple } from "./pgoutput.ts";

const seed = testSeed("pgoutput");
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
    fc.property(
      message,
      (given) => assert.deepEqual(decodePgoutput(encodePgoutput(given)), structuredClone(given)),
    ),
    { seed, numRuns: 2000 },
  );
});

Deno.test("decodePgoutput() skips the transaction id of messages within a streamed block", () => {
  const insert: PgoutputMessage = { kind: "insert", relation: 7, after: ["a", null] };
  const plain = encodePgoutput(insert);
  const streamed = Uint8Array.from([plain[0]!, 0, 0, 0, 9, ...plain.subarray(1)]);
  assert.deepEqual(decodePgoutput(streamed, true), insert);
  assert.equal(decodePgoutput(streamed, false).kind, "malformed");
});

Deno.test("decodePgoutput() refuses every truncation of every message, without a throw", () => {
  fc.assert(
    fc.property(message, fc.nat(), (given, cut) => {
      const whole = encodePgoutput(given);
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
  const data =
    new PgoutputWriter().letter("w").u64(0x16b374d848n).u64(0x16b374d900n).clock(1_700_000_000_000_001)
      .letter("E").bytes;
  const frame = decodeFrame(Uint8Array.from(data));
  assert.ok(frame.kind === "data");
  assert.equal(frame.start, 0x16b374d848n);
  assert.equal(frame.end, 0x16b374d900n);
  assert.equal(frame.clock, 1_700_000_000_000_001);
  assert.deepEqual([...frame.body], [0x45]);
  const keepalive = new PgoutputWriter().letter("k").u64(5n).clock(1_700_000_000_000_000).u8(1).bytes;
  assert.deepEqual(decodeFrame(Uint8Array.from(keepalive)), {
    kind: "keepalive",
    end: 5n,
    clock: 1_700_000_000_000_000,
    reply: true,
  });
});
