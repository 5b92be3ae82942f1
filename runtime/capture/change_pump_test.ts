import assert from "node:assert/strict";
import fc from "fast-check";
import { formatLsn, parseLsn } from "../change/lsn.ts";
import { CandlewireError } from "../error.ts";
import { dataFrame, keepaliveFrame } from "../tests/pgoutput_writer.ts";
import { testSeed } from "../tests/seed.ts";
import { eventually } from "../tests/until.ts";
import { ChangePump } from "./change_pump.ts";
import type { ValueModes } from "./column_value.ts";
import { EnvelopeWriter } from "./envelope_writer.ts";
import type { PgoutputMessage } from "./pgoutput.ts";
import type { CapturePosition } from "./sink/change_sink.ts";
import { MemorySink } from "./sink/memory.ts";

const seed = testSeed("change_pump");
const MODES: ValueModes = {
  decimalHandlingMode: "string",
  timePrecisionMode: "adaptive",
  intervalHandlingMode: "numeric",
  binaryHandlingMode: "bytes",
  hstoreHandlingMode: "map",
  includeUnknownDatatypes: false,
  unavailableValuePlaceholder: "__debezium_unavailable_value",
};
const START: CapturePosition = {
  systemId: "1",
  commitLsn: "0/0",
  changes: -1,
  acknowledgedLsn: "0/0",
  snapshot: null,
};
const RELATION: PgoutputMessage = {
  kind: "relation",
  oid: 7,
  schema: "public",
  table: "t",
  replicaIdentity: "d",
  columns: [{ name: "symbol", type: 25, modifier: -1, key: true }],
};

/** A pump over a memory sink, and a stream that remembers what was acknowledged. */
function bench(sink: MemorySink, position: CapturePosition, maxPendingChars = 1e6) {
  const acknowledged: bigint[] = [];
  const controller = new AbortController();
  const state = { paused: false, blocked: null as CandlewireError | null, commits: 0 };
  const writer = new EnvelopeWriter({
    topicPrefix: "binance",
    database: "db",
    version: "test",
    keyColumns: ["symbol"],
    modes: MODES,
    skippedOperations: [],
  });
  const pump = new ChangePump({
    stream: {
      acknowledge: (lsn) => void acknowledged.push(lsn),
      pause: () => void (state.paused = true),
      resume: () => void (state.paused = false),
    },
    sink,
    writer,
    position,
    learn: async (relation) => {
      await Promise.resolve();
      const columns = relation.columns.map((column) => ({
        name: column.name,
        type: { kind: "scalar" as const, name: "text" },
        modifier: -1,
        identity: column.key,
        primaryKey: true,
      }));
      writer.table({ oid: relation.oid, schema: relation.schema, table: relation.table, columns });
    },
    maxPendingChars,
    onAppend: (_counts, commits) => void (state.commits += commits.length),
    onBlocked: (error) => void (state.blocked = error),
    onLag: () => {},
    signal: controller.signal,
    retryDelayMs: 1,
  });
  return { pump, acknowledged, state, controller };
}

/** The frames of transactions, each with that many inserts. LSNs: 1000 a transaction, 1 a change. */
function frames(transactions: number[], from = 1): Uint8Array[] {
  const all: Uint8Array[] = [dataFrame(RELATION, 0n)];
  for (const [i, count] of transactions.entries()) {
    const number = BigInt(from + i);
    const commitLsn = number * 1000n + 900n;
    all.push(dataFrame({ kind: "begin", commitLsn, commitTime: 1e15, xid: Number(number) }, number * 1000n));
    for (let n = 0; n < count; n++) {
      const after = [`${number}-${n}`];
      all.push(dataFrame({ kind: "insert", relation: 7, after }, number * 1000n + BigInt(n)));
    }
    const endLsn = commitLsn + 10n;
    all.push(dataFrame({ kind: "commit", commitLsn, endLsn, commitTime: 1e15 }, endLsn));
  }
  return all;
}

const symbols = (sink: MemorySink) => sink.records.map((record) => JSON.parse(record.key!).symbol);
const names = (transactions: number[]) =>
  transactions.flatMap((count, i) => Array.from({ length: count }, (_, n) => `${i + 1}-${n}`));

Deno.test("every change once, in order, cut anywhere and sent again from any transaction (I1)", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 6 }),
      fc.array(fc.nat(60), { maxLength: 4 }),
      fc.integer({ min: 1, max: 3000 }),
      fc.boolean(),
      async (transactions, cuts, maxPendingChars, halves) => {
        const sink = new MemorySink(4, { halves });
        const all = frames(transactions);
        for (const cut of [...cuts, all.length]) {
          const position = await sink.position() ?? START;
          const { pump, acknowledged } = bench(sink, position, maxPendingChars);
          // PostgreSQL sends again from any transaction that was not acknowledged: here from the first.
          for (const frame of all.slice(0, cut)) {
            pump.frame(frame);
            // Parts are appended in between, as under load.
            if (cut % 3 === 0) await pump.drain();
          }
          // The relation is learnt in a turn of its own.
          await new Promise((resolve) => setTimeout(resolve, 0));
          await pump.drain();
          const reached = (await sink.position())?.acknowledgedLsn ?? "0/0";
          for (const lsn of acknowledged) assert.ok(lsn <= BigInt(`0x${reached.split("/")[1]}`));
        }
        assert.deepEqual(symbols(sink), names(transactions));
      },
    ),
    { seed, numRuns: 60 },
  );
});

for (const halves of [false, true]) {
  Deno.test(`nothing is acknowledged before the sink has it (I1)${halves ? ", records and position apart" : ""}`, async () => {
    const sink = new MemorySink(4, { halves });
    const release = Promise.withResolvers<void>();
    sink.hold = release.promise;
    const { pump, acknowledged } = bench(sink, START);
    for (const frame of frames([3, 2])) pump.frame(frame);
    pump.frame(keepaliveFrame(5000n, true));
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.ok(
      acknowledged.every((lsn): boolean => lsn === 0n),
      `acknowledged ${acknowledged} with nothing stored`,
    );
    release.resolve();
    await eventually(
      () => acknowledged.includes(5000n),
      "the keepalive after the commit is never acknowledged",
    );
    assert.equal(sink.records.length, 5);
    assert.ok(parseLsn((await sink.position())!.acknowledgedLsn)! >= 5000n);
  });
}

Deno.test("a quiet stream's position moves by keepalives, and is stored before it is acknowledged", async () => {
  const sink = new MemorySink();
  const { pump, acknowledged } = bench(sink, START);
  pump.frame(keepaliveFrame(5000n, true));
  await eventually(() => acknowledged.includes(5000n), "the idle position is never acknowledged");
  assert.equal((await sink.position())!.acknowledgedLsn, formatLsn(5000n));
  // Within a transaction a keepalive says nothing of what is still to come.
  const [relation, begin, insert] = frames([1], 6);
  for (const frame of [relation!, begin!, insert!, keepaliveFrame(9000n, true)]) pump.frame(frame);
  await eventually(() => sink.records.length === 1, "the change does not come");
  assert.ok(acknowledged.every((lsn) => lsn <= 5000n), `acknowledged ${acknowledged}`);
});

Deno.test("fault `reject`: a sink that is full pauses the stream, and everything comes once it accepts (I10)", async () => {
  const sink = new MemorySink();
  const full = new CandlewireError("capture.journal_full", "Append: full", { retry: "retry" });
  sink.reject = Array.from({ length: 5 }, () => full);
  const { pump, acknowledged, state } = bench(sink, START);
  for (const frame of frames([2])) pump.frame(frame);
  await eventually(() => state.blocked !== null, "nobody is told");
  assert.ok(state.paused);
  assert.ok(acknowledged.every((lsn): boolean => lsn === 0n));
  await eventually(() => sink.records.length === 2, "the changes are lost");
  assert.equal(state.blocked, null);
  assert.equal(state.paused, false);
});

Deno.test("fault `failAfterWrite`: the next start finds the position and repeats nothing", async () => {
  const sink = new MemorySink();
  sink.failAfterWrite = new Error("the answer was lost");
  const first = bench(sink, START);
  for (const frame of frames([2, 1])) first.pump.frame(frame);
  await assert.rejects(() => first.pump.failed, /the answer was lost/);
  const second = bench(sink, (await sink.position())!);
  for (const frame of frames([2, 1, 1])) second.pump.frame(frame);
  await eventually(() => sink.records.length >= 4, "the last change does not come");
  assert.deepEqual(symbols(sink), names([2, 1, 1]));
});

Deno.test("a transaction larger than what may wait is appended in parts, and the stream rests meanwhile", async () => {
  const sink = new MemorySink();
  const { pump, state } = bench(sink, START, 2000);
  for (const frame of frames([50])) {
    pump.frame(frame);
    if (state.paused) await pump.drain();
  }
  await eventually(() => sink.records.length === 50, "changes are missing");
  assert.deepEqual(symbols(sink), names([50]));
});

Deno.test("bytes that are no message fail the pump with a name, and lose nothing", async () => {
  const sink = new MemorySink();
  const { pump } = bench(sink, START);
  pump.frame(Uint8Array.from([0x77, 1, 2]));
  await assert.rejects(() => pump.failed, { code: "capture.malformed", retry: "retry", message: /XLogData/ });
});
