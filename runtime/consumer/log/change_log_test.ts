import assert from "node:assert/strict";
import fc from "fast-check";
import { JournalSink } from "../../capture/sink/journal.ts";
import { partitionFor } from "../../change/partitioner.ts";
import type { ChangeBatch, Position } from "../../change/record.ts";
import { type EpochMs, epochMs } from "../../market/epoch.ts";
import { testSeed } from "../../tests/seed.ts";
import { stackIgnore, stackName } from "../../tests/test_stack.ts";
import type { ChangeLog } from "./change_log.ts";
import { JournalLog } from "./journal.ts";
import { kafkaSubject } from "./testing/kafka_subject.ts";
import { MemoryLog } from "./memory.ts";

const seed = testSeed("change_log");
const PARTITIONS = 3;

/** A log with its writer's side, whatever the adapter. */
type Subject = AsyncDisposable & {
  /** Another reader of the same log, as after a restart: of the reader before it nothing is asked any more. */
  open(): Promise<ChangeLog & { notify?(): void }>;
  append(records: { topic: string; key: string | null; value: string | null }[], at?: EpochMs): Promise<void>;
  /** Removes what lies below, as retention does; at least up to there is gone afterwards. */
  prune(positions: Position[]): Promise<void>;
};

const ADAPTERS: Record<string, () => Promise<Subject>> = {
  async memory() {
    const log = new MemoryLog(PARTITIONS);
    return {
      open: async () => log,
      async append(records, at) {
        log.append(records.map((record) => ({ ...record, timestamp: at })));
      },
      async prune(positions) {
        for (const position of positions) log.prune(position);
      },
      async [Symbol.asyncDispose]() {},
    };
  },

  async journal() {
    const folder = await Deno.makeTempDir();
    let now = epochMs(1_000_000);
    const limits = {
      // Every append begins a segment: the reader is always crossing a border.
      segmentBytes: 1,
      segmentMs: 3_600_000,
      retentionMs: 0,
      retentionBytes: 0,
      maxBytes: 1e9,
    };
    const origin = { kind: "exchange" as const, id: "t", label: "test" };
    const sink = await JournalSink.open(folder, {
      origin,
      partitions: PARTITIONS,
      epoch: 1,
      limits,
      now: () => now,
    });
    const position = { systemId: "1", commitLsn: "0/1", changes: -1, acknowledgedLsn: "0/1", snapshot: null };
    const readers: JournalLog[] = [];
    return {
      async open() {
        const reader = new JournalLog(folder, { origin, pollIntervalMs: 5 });
        readers.push(reader);
        return reader;
      },
      async append(records, at) {
        now = at ?? epochMs(now + 1);
        await sink.append(records, position);
      },
      async prune(positions) {
        sink.acknowledge("test", positions);
        now = epochMs(now + 1);
        // One more append seals the segment before it.
        await sink.append([{ topic: "other", key: null, value: "1" }], position);
        sink.acknowledge("test", [{ topic: "other", partition: 0, offset: Number.MAX_SAFE_INTEGER }]);
        sink.retain();
      },
      async [Symbol.asyncDispose]() {
        for (const reader of readers) await reader[Symbol.asyncDispose]();
        await sink[Symbol.asyncDispose]();
        await Deno.remove(folder, { recursive: true });
      },
    };
  },

  kafka: () => kafkaSubject(PARTITIONS),
};

/** A key that falls into a partition. */
function keyIn(partition: number): string {
  for (let i = 0;; i++) {
    const key = JSON.stringify({ symbol: `S${i}` });
    if (partitionFor(key, PARTITIONS) === partition) return key;
  }
}

const record = (partition: number, value: number | string, topic = "t") => ({
  topic,
  key: keyIn(partition),
  value: JSON.stringify(value),
});

/** Polls until `count` records came, or fails. */
async function take(log: ChangeLog, count: number, maxRecords = 100): Promise<ChangeBatch[]> {
  const batches: ChangeBatch[] = [];
  const deadline = Date.now() + 60_000;
  let got = 0;
  while (got < count) {
    assert.ok(Date.now() < deadline, `only ${got} of ${count} records came`);
    for (const batch of await log.poll({ maxRecords, timeoutMs: 200 })) {
      batches.push(batch);
      got += batch.records.length;
    }
  }
  return batches;
}

const values = (batches: ChangeBatch[]) =>
  batches.flatMap((batch) => batch.records.map((r) => JSON.parse(r.value!)));

for (const [adapter, make] of Object.entries(ADAPTERS)) {
  const needsServers = adapter === "kafka";
  const name = needsServers ? stackName(adapter) : adapter;
  const test = (title: string, fn: () => Promise<void>) =>
    Deno.test({ name: title, fn, ...(needsServers ? stackIgnore : {}) });

  test(`${name}: delivers every record once, in offset order, with a position that follows it`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.tuple(fc.nat(PARTITIONS - 1), fc.nat(999)), { maxLength: 8 }), {
          maxLength: 5,
        }),
        fc.integer({ min: 1, max: 9 }),
        async (groups, maxRecords) => {
          await using subject = await make();
          const log = await subject.open();
          await log.subscribe(["t"]);
          for (const group of groups) await subject.append(group.map(([p, value]) => record(p, value)));
          const all = groups.flat();
          const batches = await take(log, all.length, maxRecords);
          for (let p = 0; p < PARTITIONS; p++) {
            const mine = batches.filter((batch) => batch.partition === p);
            assert.deepEqual(
              values(mine),
              all.filter(([partition]) => partition === p).map(([, v]) => v),
            );
            let next = 0;
            for (const batch of mine) {
              for (const r of batch.records) {
                assert.ok(r.offset >= next);
                next = r.offset + 1;
              }
              assert.equal(batch.next, next);
              assert.ok(batch.highWatermark >= batch.next);
            }
          }
          assert.deepEqual(await log.poll({ maxRecords, timeoutMs: 0 }), []);
        },
      ),
      { seed, numRuns: { memory: 100, journal: 15, kafka: 6 }[adapter] },
    );
  });

  test(`${name}: a poll returns no more records than asked for`, async () => {
    await using subject = await make();
    const log = await subject.open();
    await log.subscribe(["t"]);
    await subject.append(Array.from({ length: 50 }, (_, i) => record(i % PARTITIONS, i)));
    for (let i = 0; i < 5; i++) {
      const batches = await log.poll({ maxRecords: 7, timeoutMs: 20_000 });
      const count = values(batches).length;
      assert.ok(count >= 1 && count <= 7, `${count} records`);
    }
  });

  test(`${name}: one busy partition does not keep the others waiting`, async () => {
    await using subject = await make();
    const log = await subject.open();
    await subject.append(Array.from({ length: 500 }, (_, i) => record(0, i)));
    await subject.append([record(1, "one"), record(2, "two")]);
    await log.subscribe(["t"]);
    const seen: unknown[] = [];
    while (seen.length < 200 && !(seen.includes("one") && seen.includes("two"))) {
      const polled = values(await log.poll({ maxRecords: 10, timeoutMs: 20_000 }));
      assert.ok(polled.length > 0, "there is more to read");
      seen.push(...polled);
      // A log that fetches beside us gets a turn.
      await new Promise((resolve) => setTimeout(resolve));
    }
    assert.ok(
      seen.includes("one") && seen.includes("two"),
      `both quiet partitions were read: ${seen.length}`,
    );
  });

  test(`${name}: begins where it is told, else at the oldest record`, async () => {
    await using subject = await make();
    await subject.append([0, 1, 2, 3].map((v) => record(0, v)));
    await subject.append([10, 11].map((v) => record(1, v)));
    const log = await subject.open();
    await log.subscribe(["t"], { from: [{ topic: "t", partition: 0, offset: 3 }] });
    const seen = values(await take(log, 3));
    assert.deepEqual(seen.sort((a, b) => a - b), [3, 10, 11]);
  });

  test(`${name}: delivers again what was not acknowledged before a restart (I1)`, async () => {
    await using subject = await make();
    await subject.append([0, 1, 2].map((v) => record(0, v)));
    const log = await subject.open();
    await log.subscribe(["t"]);
    await take(log, 3);
    await log.acknowledge([{ topic: "t", partition: 0, offset: 1 }]);
    await log.acknowledge([{ topic: "t", partition: 0, offset: 1 }]);
    const again = await subject.open();
    await again.subscribe(["t"], { from: [{ topic: "t", partition: 0, offset: 1 }] });
    assert.deepEqual(values(await take(again, 2)), [1, 2]);
  });

  test(`${name}: waits for topics that do not exist yet, and leaves others alone`, async () => {
    await using subject = await make();
    const log = await subject.open();
    await log.subscribe(["late"]);
    assert.deepEqual(await log.poll({ maxRecords: 10, timeoutMs: 0 }), []);
    const waiting = take(log, 1);
    await subject.append([record(0, 1, "t")]);
    await subject.append([record(0, 2, "late")]);
    assert.deepEqual(values(await waiting), [2]);
  });

  test(`${name}: wakes a waiting poll, and ends it on abort`, async () => {
    await using subject = await make();
    const log = await subject.open();
    await log.subscribe(["t"]);
    const polled = log.poll({ maxRecords: 10, timeoutMs: 60_000 });
    await subject.append([record(0, 7)]);
    log.notify?.();
    assert.deepEqual(values(await polled), [7]);
    const controller = new AbortController();
    const waiting = log.poll({ maxRecords: 10, timeoutMs: 60_000, signal: controller.signal });
    controller.abort();
    assert.deepEqual(await waiting, []);
  });

  test(`${name}: pauses a partition, and goes on where it stopped`, async () => {
    await using subject = await make();
    const log = await subject.open();
    await log.subscribe(["t"]);
    await subject.append([record(0, 1), record(1, 2)]);
    await take(log, 2);
    log.pause([{ topic: "t", partition: 0 }]);
    await subject.append([record(0, 3), record(1, 4)]);
    assert.deepEqual(values(await take(log, 1)), [4]);
    assert.deepEqual(await log.poll({ maxRecords: 10, timeoutMs: 0 }), []);
    log.resume([{ topic: "t", partition: 0 }]);
    assert.deepEqual(values(await take(log, 1)), [3]);
  });

  test(`${name}: names the range when it is asked for what was removed`, async () => {
    await using subject = await make();
    await subject.append([0, 1, 2, 3].map((v) => record(0, v)));
    await subject.append([4, 5].map((v) => record(0, v)));
    await subject.prune([{ topic: "t", partition: 0, offset: 4 }]);
    const log = await subject.open();
    const low = (await log.watermarks()).find((w) => w.topic === "t" && w.partition === 0)!.low;
    assert.equal(low, 4);
    await log.subscribe(["t"], { from: [{ topic: "t", partition: 0, offset: 1 }] });
    await assert.rejects(() => log.poll({ maxRecords: 10, timeoutMs: 0 }), {
      code: "log.out_of_range",
      message: /partition 0 at offset 1: the log has 4 to 6, offsets 1 to 3 were removed/,
    });
    await assert.rejects(
      () => log.read({ topic: "t", partition: 0, from: 0, until: 2, maxRecords: 5 }),
      { code: "log.out_of_range" },
    );
    await log.subscribe(["t"]);
    assert.deepEqual(values(await take(log, 2)), [4, 5]);
  });

  test(`${name}: refuses a position beyond its end`, async () => {
    await using subject = await make();
    await subject.append([record(0, 1)]);
    const log = await subject.open();
    await log.subscribe(["t"], { from: [{ topic: "t", partition: 0, offset: 9 }] });
    await assert.rejects(() => log.poll({ maxRecords: 10, timeoutMs: 0 }), { code: "log.out_of_range" });
  });

  test(`${name}: reads a range without touching positions, until it is exhausted`, async () => {
    await using subject = await make();
    await subject.append([0, 1, 2].map((v) => record(0, v)));
    await subject.append([3, 4, 5, 6].map((v) => record(0, v)));
    const log = await subject.open();
    const first = await log.read({ topic: "t", partition: 0, from: 1, until: 6, maxRecords: 3 });
    assert.deepEqual(values([first]), [1, 2, 3]);
    assert.equal(first.next, 4);
    const rest = await log.read({ topic: "t", partition: 0, from: first.next, until: 6, maxRecords: 30 });
    assert.deepEqual(values([rest]), [4, 5]);
    assert.equal(rest.next, 6);
    assert.equal(rest.highWatermark, 7);
    const none = await log.read({ topic: "t", partition: 0, from: 7, until: 99, maxRecords: 30 });
    assert.deepEqual([none.records.length, none.next], [0, 7]);
    await log.subscribe(["t"]);
    assert.equal(values(await take(log, 7)).length, 7);
  });

  test(`${name}: finds the first record at or after a time`, async () => {
    await using subject = await make();
    await subject.append([record(0, 0), record(1, 0)], epochMs(5_000_000));
    await subject.append([record(0, 1)], epochMs(5_001_000));
    await subject.append([record(0, 2)], epochMs(5_002_000));
    const log = await subject.open();
    const at = async (time: number) =>
      // A log may know of partitions that have no records yet.
      Object.fromEntries(
        (await log.offsetsAt("t", time)).filter((p) => p.partition < 2).map((p) => [p.partition, p.offset]),
      );
    assert.deepEqual(await at(0), { 0: 0, 1: 0 });
    assert.deepEqual(await at(5_000_001), { 0: 1, 1: 1 });
    assert.deepEqual(await at(5_002_000), { 0: 2, 1: 1 });
    assert.deepEqual(await at(6_000_000), { 0: 3, 1: 1 });
    assert.deepEqual(await log.offsetsAt("unknown", 0), []);
  });

  test(`${name}: keeps null keys and values, and UTF-8`, async () => {
    await using subject = await make();
    await subject.append([
      { topic: "t", key: null, value: null },
      { topic: "t", key: null, value: JSON.stringify("币安人生\n\u2028😀") },
    ]);
    const log = await subject.open();
    await log.subscribe(["t"]);
    const [batch] = await take(log, 2);
    assert.equal(batch!.partition, 0);
    assert.deepEqual(batch!.records.map((r) => [r.key, r.value]), [
      [null, null],
      [null, JSON.stringify("币安人生\n\u2028😀")],
    ]);
  });
}
