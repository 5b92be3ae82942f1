import assert from "node:assert/strict";
import fc from "fast-check";
import { CandlewireError } from "../error.ts";
import { testSeed } from "../tests/seed.ts";
import { eventually } from "../tests/until.ts";
import { type ConsumerOptions } from "./consume.ts";
import type { ChangeLog } from "./log/change_log.ts";
import { MemoryLog, type MemoryRecord } from "./log/memory.ts";
import { nameOf } from "./partition_name.ts";
import type { MarketStore, StoreBatch } from "./store/market_store.ts";
import { MemoryMarketStore } from "./store/memory.ts";
import { overridden } from "./store/testing/overridden.ts";
import { MemoryGroup } from "./testing/memory_group.ts";
import { startConsumer, tradeRecord, TRADES } from "./testing/consumer_rig.ts";

/** A store as Cassandra's is: several writes at once, positions elsewhere. `before` runs in front of each write. */
function remoteStore(
  store: MarketStore,
  before: (batch: StoreBatch) => Promise<void> | undefined,
  concurrentWrites = 2,
): MarketStore {
  return overridden(store, {
    capabilities: { ...store.capabilities, transactionalPositions: false, concurrentWrites },
    async write(batch, options) {
      await before(batch);
      return await store.write(batch, options);
    },
    positions: () => Promise.resolve([]),
  });
}

/** Small batches, so that several are under way. */
const start = (log: ChangeLog, store: MarketStore, more: Partial<ConsumerOptions> = {}) =>
  startConsumer(log, store, { maxRecords: 5, pollTimeoutMs: 2, ...more });

const unavailable = () =>
  new CandlewireError("store.unavailable", "Write a batch: the store is down", { retry: "retry" });
const ids = (store: MemoryMarketStore) =>
  store.rows("recent_trades").map((row) => Number(row.trade_id)).sort((a, b) => a - b);

Deno.test("the next batch is written while one is; its position waits for the one before (I1)", async () => {
  const log = new MemoryLog(1);
  const inner = new MemoryMarketStore();
  const holds = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let writes = 0;
  const store = remoteStore(inner, () => holds[writes++]?.promise);
  log.append(Array.from({ length: 20 }, (_, at) => tradeRecord(at + 1, "AUSDT")));
  const rig = start(log, store);
  await eventually(() => writes === 2, "two writes");
  holds[1]!.resolve();
  await eventually(() => ids(inner).length === 5, "the second batch's rows");
  assert.deepEqual(ids(inner), [6, 7, 8, 9, 10]);
  assert.equal(log.acknowledged.size, 0, "I1: the first batch is not durable");
  assert.equal(writes, 2, "I10: no third write before there is room");
  holds[0]!.resolve();
  await eventually(() => ids(inner).length === 20, "all rows");
  await rig.stop();
  assert.deepEqual([...log.acknowledged.values()], [20]);
  assert.deepEqual(rig.consumer.account, { read: 20, stored: 20, unchanged: 0, filtered: 0, dead: 0 });
});

Deno.test("a full dead-letter store stops its partition also behind a write that is under way (I5)", async () => {
  const log = new MemoryLog(2);
  const inner = new MemoryMarketStore({ deadLetters: { maxCount: 1, maxBytes: 1 << 20 } });
  const store = remoteStore(inner, () => new Promise((resolve) => setTimeout(resolve, 1)));
  const bad = (id: number) => tradeRecord(id, "AUSDT", { price: "much" });
  // AUSDT and BUSDT lie in different partitions of two.
  log.append([bad(1), bad(2), ...Array.from({ length: 30 }, (_, at) => tradeRecord(at + 3, "AUSDT"))]);
  log.append(Array.from({ length: 30 }, (_, at) => tradeRecord(at + 100, "CUSDT")));
  const partitions = new Map((await log.watermarks()).map((mark) => [mark.high, nameOf(mark)]));
  const rig = start(log, store);
  // What was under way behind the letters may be stored too; no position tells of it.
  await eventually(() => ids(inner).filter((id) => id >= 100).length === 30, "the other partition's rows");
  await eventually(() => rig.context.state.health === "blocked", "blocked");
  assert.equal(log.acknowledged.get(partitions.get(32)!) ?? 0, 1);
  await inner.dropDeadLetter((await inner.deadLetters({ limit: 1 }))[0]!.id);
  rig.consumer.roomMade();
  await eventually(() => ids(inner).length === 60, "all rows");
  await eventually(() => rig.context.state.health === "running", "health");
  await rig.stop();
  const { read, stored, dead, unchanged } = rig.consumer.account;
  assert.equal(read, stored + dead + unchanged);
});

Deno.test("what a rebalance takes away is neither held back nor told of; what comes again is counted", async () => {
  const log = new MemoryLog(2);
  const inner = new MemoryMarketStore();
  log.append(
    ["AUSDT", "CUSDT"].flatMap((symbol, place) =>
      Array.from({ length: 10 }, (_, at) => tradeRecord(place * 100 + at, symbol))
    ),
  );
  const group = new MemoryGroup(log);
  const changes: number[][] = [];
  const rig = start(group.reader(), remoteStore(inner, () => undefined), {
    reassigned: async ({ assigned, revoked }) => void changes.push([assigned.length, revoked.length]),
  });
  await group.share(() => 0);
  await eventually(() => group.committed.size === 2, "positions");
  await eventually(() => ids(inner).length === 20, "all rows");
  const lag = () => rig.context.values.get("candlewire_consumer_lag_records");
  assert.equal(rig.consumer.positions.length, 2);
  await group.share(({ partition }) => partition === 0 ? 0 : 1);
  assert.deepEqual(rig.consumer.positions.map(({ partition }) => partition), [0]);
  assert.equal(rig.consumer.reads({ topic: TRADES, partition: 1 }), false);
  // The group has forgotten: all comes again.
  group.committed.clear();
  await group.share(() => 0);
  await eventually(() => rig.consumer.account.read === 30, "the records that come again");
  await rig.stop();
  assert.equal(
    rig.context.values.get(`candlewire_redelivered_records_total{topic=${JSON.stringify(TRADES)}}`),
    10,
  );
  assert.deepEqual(changes.filter(([assigned, revoked]) => assigned! + revoked! > 0), [[2, 0], [0, 1], [
    1,
    0,
  ]]);
  assert.equal(lag(), 0);
  assert.equal(ids(inner).length, 20);
});

Deno.test("any rebalances, faults and orders of writes leave each record stored or a dead letter, and no position ahead of it (I1, I2, I5)", async () => {
  const seed = testSeed("shared");
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ id: fc.integer({ min: 1, max: 40 }), bad: fc.integer({ min: 0, max: 9 }) }), {
        minLength: 1,
        maxLength: 80,
      }),
      fc.array(fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 4, maxLength: 4 }), { maxLength: 6 }),
      fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 40 }),
      async (events, shares, faults) => {
        const log = new MemoryLog(4);
        const inner = new MemoryMarketStore();
        const isBad = ({ bad }: { bad: number }) => bad === 0;
        log.append(
          events.map((event) => tradeRecord(event.id, `S${event.id}`, isBad(event) ? { price: null } : {})),
        );
        const records = new Map<string, MemoryRecord[]>();
        for (const { topic, partition, high } of await log.watermarks()) {
          const batch = await log.read({ topic, partition, from: 0, until: high, maxRecords: 1000 });
          records.set(nameOf({ topic, partition }), batch.records.map((record) => ({ topic, ...record })));
        }
        const ahead: string[] = [];
        const letters = new Set<string>();
        const stored = () => new Set(ids(inner));
        const group = new MemoryGroup(log, (position) => {
          const durable = stored();
          for (const [offset, record] of records.get(nameOf(position))!.slice(0, position.offset).entries()) {
            const { trade_id, price } = JSON.parse(record.value!).after;
            const name = `${nameOf(position)}/${offset}`;
            if (price === null ? !letters.has(name) : !durable.has(trade_id)) ahead.push(name);
          }
        });
        const waits = [...faults];
        const store = remoteStore(inner, async (batch) => {
          const fault = waits.shift() ?? 0;
          if (fault === 5) throw unavailable();
          for (let turn = 0; turn < fault * 3; turn++) await Promise.resolve();
          if (fault === 4) await new Promise((resolve) => setTimeout(resolve, 1));
          for (const { topic, partition, offset } of batch.deadLetters) {
            letters.add(`${nameOf({ topic, partition })}/${offset}`);
          }
        }, 3);
        const rigs = [0, 1, 2].map(() => start(group.reader(), store));
        for (const share of [...shares, [0, 1, 2, 0]]) {
          await group.share(({ partition }) => share[partition]!);
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        const all = [...records].every.bind([...records]);
        await eventually(
          () => all(([name, { length }]) => group.committed.get(name) === length),
          "every position",
        );
        for (const rig of rigs) await rig.stop();
        const good = new Set(events.filter((event) => !isBad(event)).map(({ id }) => id));
        assert.deepEqual([...stored()], [...good].sort((a, b) => a - b));
        assert.equal((await inner.deadLetters({ limit: 1000 })).length, events.filter(isBad).length);
        assert.deepEqual(ahead, [], "I1");
        for (const { consumer } of rigs) {
          const { read, stored, unchanged, filtered, dead } = consumer.account;
          assert.equal(read, stored + unchanged + filtered + dead, "I5");
        }
      },
    ),
    { seed, numRuns: 40 },
  );
});
