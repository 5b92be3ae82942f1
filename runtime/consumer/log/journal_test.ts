import assert from "node:assert/strict";
import { JournalSink } from "../../capture/sink/journal.ts";
import { epochMs } from "../../market/epoch.ts";
import { JournalLog } from "./journal.ts";

const TOPIC = "binance.public.recent_trades";
const ORIGIN = { kind: "exchange" as const, id: "t", label: "test" };
const POSITION = {
  systemId: "1",
  commitLsn: "0/1",
  changes: -1,
  acknowledgedLsn: "0/1",
  snapshot: null,
};

Deno.test("a segment that is finished between a look at it and a look at the folder is read to its end", async () => {
  const folder = await Deno.makeTempDir();
  let now = epochMs(1_000_000);
  const limits = {
    segmentBytes: 1e9,
    segmentMs: 1000,
    retentionMs: 1e9,
    retentionBytes: 1e9,
    maxBytes: 1e10,
  };
  const sink = await JournalSink.open(folder, {
    origin: ORIGIN,
    partitions: 1,
    epoch: 1,
    limits,
    now: () => now,
  });
  const append = (value: string) => sink.append([{ topic: TOPIC, key: '{"symbol":"A"}', value }], POSITION);
  const log = new JournalLog(folder, { origin: ORIGIN, pollIntervalMs: 5 });
  const read = async () =>
    (await log.poll({ maxRecords: 100, timeoutMs: 50 })).flatMap(({ records }) =>
      records.map(({ value }) => value)
    );
  await append("1");
  await log.subscribe([TOPIC]);
  assert.deepEqual(await read(), ["1"]);
  // The writer is another process: it may get far between two system calls of the reader.
  const readDirSync = Deno.readDirSync;
  let appended: Promise<unknown> | undefined;
  Deno.readDirSync = (path) => {
    if (appended === undefined) {
      // Both run to their end at once: the sink is synchronous underneath.
      const last = append("2");
      now = epochMs(now + 2000);
      appended = Promise.all([last, append("3")]);
    }
    return readDirSync(path);
  };
  try {
    await log.watermarks();
  } finally {
    Deno.readDirSync = readDirSync;
  }
  await appended;
  assert.deepEqual([...await read(), ...await read()], ["2", "3"]);
  await log[Symbol.asyncDispose]();
  await sink[Symbol.asyncDispose]();
  await Deno.remove(folder, { recursive: true });
});
