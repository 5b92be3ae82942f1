import assert from "node:assert/strict";
import { CandlewireError } from "../error.ts";
import type { Lsn } from "../change/lsn.ts";
import { dataFrame } from "../tests/pgoutput_writer.ts";
import { ChangePump } from "./change_pump.ts";
import type { ValueModes } from "./column_value.ts";
import { EnvelopeWriter } from "./envelope_writer.ts";
import type { PgoutputMessage, Relation } from "./pgoutput.ts";
import type { CapturePosition } from "./sink/change_sink.ts";
import { MemorySink } from "./sink/memory.ts";

/** What becomes of changes around a failure of the pump: none may be passed over by the position (I1, I5). */

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
const RELATION: Relation = {
  kind: "relation",
  oid: 7,
  schema: "public",
  table: "t",
  replicaIdentity: "d",
  columns: [{ name: "symbol", type: 25, modifier: -1, key: true }],
};
const BEGIN: PgoutputMessage = { kind: "begin", commitLsn: 900n, commitTime: 1e15, xid: 1 };
const COMMIT: PgoutputMessage = { kind: "commit", commitLsn: 900n, endLsn: 910n, commitTime: 1e15 };
const insert = (name: string, relation = 7): PgoutputMessage => ({ kind: "insert", relation, after: [name] });
const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

/** A pump that goes on from what the sink has, as after a reconnect. */
async function pumpOn(sink: MemorySink) {
  const acknowledged: Lsn[] = [];
  const controller = new AbortController();
  const writer = new EnvelopeWriter({
    topicPrefix: "binance",
    database: "db",
    version: "test",
    keyColumns: ["symbol"],
    modes: MODES,
    skippedOperations: [],
  });
  const type = { kind: "scalar" as const, name: "text" };
  writer.table({
    ...RELATION,
    columns: [{ name: "symbol", type, modifier: -1, identity: true, primaryKey: true }],
  });
  const pump = new ChangePump({
    stream: { acknowledge: (lsn) => void acknowledged.push(lsn), pause() {}, resume() {} },
    sink,
    writer,
    position: await sink.position() ?? START,
    learn: async () => {},
    maxPendingChars: 1e6,
    onAppend() {},
    onBlocked() {},
    onLag() {},
    signal: controller.signal,
    retryDelayMs: 1,
  });
  let lsn = 100n;
  const send = (message: PgoutputMessage) => pump.frame(dataFrame(message, lsn++));
  return { pump, send, acknowledged, controller };
}

const symbols = (sink: MemorySink) => sink.records.map((record) => JSON.parse(record.key!).symbol);

/** PostgreSQL sends again what was not acknowledged. */
async function sendAgain(sink: MemorySink, messages: PgoutputMessage[]): Promise<void> {
  const { pump, send } = await pumpOn(sink);
  for (const message of messages) send(message);
  await pump.drain();
}

Deno.test("a change that cannot be encoded is not passed over by the drain that follows (I1)", async () => {
  const sink = new MemorySink();
  const { pump, send } = await pumpOn(sink);
  send(BEGIN);
  send(insert("a"));
  send(insert("b", 99));
  // The driver still hands over what it had in its buffer.
  send(insert("c"));
  send(COMMIT);
  await assert.rejects(() => pump.failed, { code: "capture.malformed" });
  await pump.drain().catch(() => {});
  await turn();
  await sendAgain(sink, [BEGIN, insert("a"), insert("b"), insert("c"), COMMIT]);
  assert.deepEqual(symbols(sink), ["a", "b", "c"]);
});

Deno.test("bytes that are no message are not passed over by the drain that follows (I1)", async () => {
  const sink = new MemorySink();
  const { pump, send } = await pumpOn(sink);
  send(BEGIN);
  send(insert("a"));
  pump.frame(Uint8Array.from([0x77, 1, 2]));
  send(insert("c"));
  send(COMMIT);
  await assert.rejects(() => pump.failed, { code: "capture.malformed" });
  await pump.drain().catch(() => {});
  await turn();
  await sendAgain(sink, [BEGIN, insert("a"), insert("b"), insert("c"), COMMIT]);
  assert.deepEqual(symbols(sink), ["a", "b", "c"]);
});

for (const stopping of [true, false]) {
  const what = stopping ? "is given up at a stop" : "fails for good";
  Deno.test(`what comes behind an append that ${what} does not move the position past it (I1)`, async () => {
    const sink = new MemorySink();
    const { pump, send, acknowledged, controller } = await pumpOn(sink);
    const held = Promise.withResolvers<void>();
    sink.hold = held.promise;
    sink.reject = [
      new CandlewireError(
        stopping ? "capture.journal_full" : "capture.journal_corrupt",
        "Append: refused",
        { retry: stopping ? "retry" : "operator" },
      ),
    ];
    send(BEGIN);
    send(insert("a"));
    const drained = pump.drain().catch(() => {});
    await turn();
    // The stream was asked to rest, and the driver's buffer holds the end of the transaction.
    send(insert("b"));
    send(COMMIT);
    if (stopping) controller.abort();
    held.resolve();
    sink.hold = null;
    await drained;
    await pump.drain().catch(() => {});
    await turn();
    assert.deepEqual(acknowledged, []);
    await sendAgain(sink, [BEGIN, insert("a"), insert("b"), COMMIT]);
    assert.deepEqual(symbols(sink), ["a", "b"]);
  });
}

Deno.test("a position that comes just as the one before it has been stored is stored too, at every distance of the two", async () => {
  for (let distance = 0; distance < 20; distance++) {
    const sink = new MemorySink(4, { halves: true });
    const { write, store } = sink.halves!;
    const held = { write: Promise.withResolvers<void>(), store: Promise.withResolvers<void>() };
    let writes = 0;
    Object.assign(sink, {
      halves: {
        write: async (records: Parameters<typeof write>[0]) => {
          if (writes++ > 0) await held.write.promise;
          await write(records);
        },
        store: async (position: CapturePosition) => {
          await held.store.promise;
          await store(position);
        },
      },
    });
    const { pump, send } = await pumpOn(sink);
    for (const message of [BEGIN, insert("a")]) send(message);
    await turn();
    for (const message of [insert("b"), COMMIT]) send(message);
    await turn();
    // Both answers come in one turn of the event loop.
    held.store.resolve();
    for (let n = 0; n < distance; n++) await Promise.resolve();
    held.write.resolve();
    await pump.drain();
    assert.equal((await sink.position())?.changes, -1, `distance ${distance}`);
  }
});
