import assert from "node:assert/strict";
import fc from "fast-check";
import { CandlewireError } from "../error.ts";
import type { EpochMs } from "../market/epoch.ts";
import { testSeed } from "../tests/seed.ts";
import { eventually } from "../tests/until.ts";
import { retryDeadLetters } from "./dead_letters.ts";
import { ChangeDecoder } from "./decode_change.ts";
import { MemoryLog, type MemoryRecord } from "./log/memory.ts";
import { faultyStore, type StoreFault } from "./store/faulty.ts";
import { MemoryMarketStore } from "./store/memory.ts";
import { overridden } from "./store/testing/overridden.ts";
import { filter } from "./transform/filter.ts";
import { PriceMove } from "./transform/price_move.ts";
import { type ConsumerRig, startConsumer, T0, tradeRecord, TRADES } from "./testing/consumer_rig.ts";
import type { Change } from "./transform/transform.ts";

function garbage(symbol = "BTCUSDT"): MemoryRecord {
  return { topic: TRADES, key: JSON.stringify({ symbol }), value: '{"before":null,"after":{"symb' };
}

const ids = (store: MemoryMarketStore) =>
  store.rows("recent_trades").map((row) => Number(row.trade_id)).sort((a, b) => a - b);

function balanced({ consumer }: ConsumerRig): void {
  const { read, stored, unchanged, filtered, dead } = consumer.account;
  assert.equal(read, stored + unchanged + filtered + dead, "I5: every record is accounted for");
}

Deno.test("records reach the store, positions and readers, in that order (I1)", async () => {
  const log = new MemoryLog(2);
  const store = new MemoryMarketStore();
  const seen: string[] = [];
  const rig = startConsumer(log, store, {
    acknowledged: (at) => seen.push(...at.map(({ offset }) => `${offset}`)),
  });
  log.append([1, 2, 3].map((id) => tradeRecord(id)));
  await eventually(() => store.rows("recent_trades").length === 3, "three trades");
  await eventually(() => rig.context.events.length > 0, "an event");
  await rig.stop();
  assert.equal([...log.acknowledged.values()].reduce((a, b) => a + b, 0), 3);
  assert.deepEqual((await store.positions()).map(({ offset }) => offset), [3]);
  assert.equal(rig.context.events[0]!.channel, "trades");
  assert.deepEqual(rig.consumer.account, { read: 3, stored: 3, unchanged: 0, filtered: 0, dead: 0 });
});

Deno.test("fault unavailable: the store is waited for, nothing is set aside, nothing acknowledged (I1)", async () => {
  const log = new MemoryLog(1);
  const inner = new MemoryMarketStore();
  const faults: StoreFault[] = Array.from({ length: 1000 }, () => ({ kind: "unavailable" }));
  const store = faultyStore(inner, { faults });
  log.append([tradeRecord(1), garbage(), tradeRecord(2)]);
  const rig = startConsumer(log, store);
  await eventually(() => faults.length < 997, "some refusals");
  assert.deepEqual(ids(inner), []);
  assert.equal(log.acknowledged.size, 0);
  assert.equal(rig.context.state.health, "degraded");
  faults.length = 0;
  await eventually(() => ids(inner).length === 2, "the rows");
  await eventually(() => rig.context.state.health === "running", "health");
  await rig.stop();
  assert.equal((await inner.deadLetters({ limit: 9 })).length, 1);
  balanced(rig);
});

Deno.test("fault failAfterWrite: a lost answer is asked again and changes nothing (I2)", async () => {
  const log = new MemoryLog(1);
  const inner = new MemoryMarketStore();
  log.append([tradeRecord(1), tradeRecord(2), garbage()]);
  const rig = startConsumer(
    log,
    faultyStore(inner, { faults: [{ kind: "failAfterWrite" }, { kind: "failAfterWrite" }] }),
  );
  await eventually(() => log.acknowledged.size === 1, "the position");
  await rig.stop();
  assert.deepEqual(ids(inner), [1, 2]);
  assert.equal((await inner.deadLetters({ limit: 9 })).length, 1);
  balanced(rig);
});

Deno.test("fault hold: while a write is under way nothing more is read and no position moves (I1)", async () => {
  const log = new MemoryLog(1);
  const inner = new MemoryMarketStore();
  const held = Promise.withResolvers<void>();
  const store = faultyStore(inner, { faults: [{ kind: "hold", until: held.promise }] });
  log.append(Array.from({ length: 60 }, (_, id) => tradeRecord(id + 1)));
  const rig = startConsumer(log, store);
  await eventually(() => store.writes === 1, "the first write");
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(store.writes, 1);
  assert.equal(log.acknowledged.size, 0);
  held.resolve();
  await eventually(() => ids(inner).length === 60, "all rows");
  await rig.stop();
});

Deno.test("fault reject: rows the store can never take become dead letters, all others are stored (I5)", async () => {
  const seed = testSeed("reject");
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 1, max: 70 }), { maxLength: 6 }), async (bad) => {
      const log = new MemoryLog(3);
      const inner = new MemoryMarketStore();
      const store = faultyStore(inner, {
        rejects: ({ row }: Change) => bad.includes((row as { trade_id: number }).trade_id),
      });
      const all = Array.from({ length: 70 }, (_, at) => at + 1);
      log.append(all.map((id) => tradeRecord(id, `S${id % 5}`)));
      const rig = startConsumer(log, store);
      await eventually(() => rig.consumer.account.read === 70, "all records");
      await rig.stop();
      assert.deepEqual(ids(inner), all.filter((id) => !bad.includes(id)));
      const letters = await inner.deadLetters({ limit: 100 });
      assert.deepEqual(
        letters.map(({ value }) => JSON.parse(value!).after.trade_id).sort((a, b) => a - b),
        bad.sort((a, b) => a - b),
      );
      assert.ok(letters.every(({ code }) => code === "store.bad_row"));
      assert.equal(rig.consumer.account.dead, bad.length);
      balanced(rig);
    }),
    { seed, numRuns: 15 },
  );
});

Deno.test("bad records become dead letters with cause, position and payload, and a retry settles them (I5)", async () => {
  const log = new MemoryLog(1);
  const store = new MemoryMarketStore();
  const { quantity: _, ...renamed } = JSON.parse(tradeRecord(2).value!).after;
  const value = JSON.stringify({ before: null, after: { ...renamed, qty: "7" }, source: {}, op: "c" });
  log.append([tradeRecord(1), { ...tradeRecord(2), value }, garbage(), { ...tradeRecord(3), value: null }]);
  const rig = startConsumer(log, store);
  await eventually(() => rig.consumer.account.read === 4, "all records");
  assert.deepEqual(rig.consumer.account, { read: 4, stored: 1, unchanged: 0, filtered: 1, dead: 2 });
  assert.equal(rig.context.values.get('candlewire_filtered_total{rule="tombstone"}'), 1);
  const [mismatch, cut] = await store.deadLetters({ limit: 9 });
  assert.equal(mismatch!.code, "transform.schema_mismatch");
  assert.match(mismatch!.message, /column "quantity" is missing/);
  assert.deepEqual([mismatch!.offset, mismatch!.value, cut!.code], [1, value, "transform.bad_json"]);
  const counts = await rig.consumer.exclusive(() =>
    retryDeadLetters(store, {}, {
      decoder: new ChangeDecoder({ columns: { recent_trades: { qty: "quantity" } } }),
      transforms: [],
      now: () => T0 as EpochMs,
    })
  );
  assert.deepEqual(counts, { retried: 2, stored: 1, filtered: 0, failed: 1 });
  assert.deepEqual(ids(store), [1, 2]);
  assert.deepEqual(
    (await store.deadLetters({ limit: 9 })).map(({ offset, attempts }) => [offset, attempts]),
    [[2, 2]],
  );
  await rig.stop();
});

Deno.test("a full dead-letter store stops its partition alone, and it goes on when there is room (I5, I10)", async () => {
  const log = new MemoryLog(2);
  const store = new MemoryMarketStore({ deadLetters: { maxCount: 2, maxBytes: 1e6 } });
  const at = (partition: number, record: MemoryRecord) => ({ ...record, partition });
  log.append([
    at(0, tradeRecord(1)),
    at(0, garbage()),
    at(0, tradeRecord(2)),
    at(0, garbage()),
    at(0, tradeRecord(3)),
    at(0, garbage()),
    at(0, tradeRecord(4)),
    at(1, tradeRecord(11, "ETHUSDT")),
  ]);
  const rig = startConsumer(log, store);
  await eventually(() => rig.context.state.health === "blocked", "the blocked partition");
  assert.match(rig.context.state.detail, /dead-letter store is full; stopped: .*\/0 at offset 5/);
  assert.deepEqual(ids(store), [1, 2, 3, 11]);
  assert.equal(log.acknowledged.get(`${TRADES}/0`), 5);
  log.append([at(1, tradeRecord(12, "ETHUSDT")), at(0, tradeRecord(5))]);
  await eventually(() => ids(store).includes(12), "the other partition");
  assert.ok(!ids(store).includes(4) && !ids(store).includes(5));
  await rig.consumer.exclusive(() => store.dropDeadLetter(`${TRADES}-0-1`));
  rig.consumer.roomMade();
  await eventually(() => ids(store).includes(5), "the partition to go on");
  await eventually(() => rig.context.state.health === "running", "health");
  assert.deepEqual(ids(store), [1, 2, 3, 4, 5, 11, 12]);
  await rig.stop();
  balanced(rig);
});

Deno.test("a row refused by the store with no room for its letter holds its partition, unacknowledged", async () => {
  const log = new MemoryLog(1);
  const inner = new MemoryMarketStore({ deadLetters: { maxCount: 1, maxBytes: 1e6 } });
  const store = faultyStore(inner, {
    rejects: ({ row }: Change) => (row as { trade_id: number }).trade_id % 3 === 0,
  });
  log.append([1, 2, 3, 4, 5, 6, 7].map((id) => tradeRecord(id)));
  const rig = startConsumer(log, store);
  await eventually(() => rig.context.state.health === "blocked", "the blocked partition");
  assert.equal(log.acknowledged.size, 0);
  await rig.stop();
  log.resume([{ topic: TRADES, partition: 0 }]); // as a log that a new process opens
  const again = startConsumer(log, inner);
  await eventually(() => ids(inner).length === 7, "all rows after the fix");
  await again.stop();
});

Deno.test("a restart goes on at the stored positions; what comes twice is counted and harmless (I2)", async () => {
  const log = new MemoryLog(2);
  const store = new MemoryMarketStore();
  log.append(Array.from({ length: 20 }, (_, id) => tradeRecord(id + 1, `S${id % 4}`)));
  const first = startConsumer(log, store);
  await eventually(() => ids(store).length === 20, "the first twenty");
  await first.stop();
  log.append([tradeRecord(21, "S0"), tradeRecord(1, "S0")]);
  const second = startConsumer(log, store);
  await eventually(() => second.consumer.account.read === 2, "what came since");
  await second.stop();
  assert.equal(ids(store).length, 21);
  assert.equal(second.consumer.account.unchanged, 1);
  balanced(second);
});

Deno.test("an operator's error blocks without losing what was read, and a fenced consumer ends", async () => {
  const log = new MemoryLog(1);
  const inner = new MemoryMarketStore();
  let broken = 2;
  const store = overridden(inner, {
    write(...args) {
      if (broken === 0) return inner.write(...args);
      broken--;
      return Promise.reject(
        new CandlewireError("store.corrupt", "Write: the file is damaged", {
          retry: "operator",
          hint: "Mend it",
        }),
      );
    },
  });
  log.append([tradeRecord(1), tradeRecord(2)]);
  const rig = startConsumer(log, store);
  await eventually(() => ids(inner).length === 2, "the rows after the repair");
  assert.ok(rig.context.logs.some(({ message }) => message.includes("damaged")));
  await rig.stop();
  balanced(rig);
  const fenced = overridden(inner, {
    write: () => Promise.reject(new CandlewireError("store.fenced", "Write: fenced", { retry: "operator" })),
  });
  log.append([tradeRecord(3)]);
  const late = startConsumer(log, fenced);
  await assert.rejects(late.ended, /fenced/);
});

Deno.test("an unavailable log is waited for", async () => {
  const log = new MemoryLog(1);
  const store = new MemoryMarketStore();
  log.unavailable = new CandlewireError("log.unavailable", "Poll: no broker", { retry: "retry" });
  const rig = startConsumer(log, store);
  await eventually(() => rig.context.state.health === "degraded", "degraded");
  log.unavailable = null;
  log.append([tradeRecord(1)]);
  await eventually(() => ids(store).length === 1, "the row");
  await eventually(() => rig.context.state.health === "running", "health");
  await rig.stop();
});

Deno.test("filters are counted by their rule; an alert is durable and published before its row is stored", async () => {
  const log = new MemoryLog(1);
  const inner = new MemoryMarketStore();
  const order: string[] = [];
  const store = overridden(inner, {
    write(...args) {
      order.push("write");
      return inner.write(...args);
    },
    raiseAlerts(alerts) {
      order.push("raiseAlerts");
      return inner.raiseAlerts(alerts);
    },
  });
  const rig = startConsumer(log, store, {
    transforms: [
      filter([{ name: "no_eth", notSymbols: ["ETHUSDT"] }]),
      new PriceMove([{ name: "fall", symbols: ["*"], percent: -5, withinMs: 60_000 }]),
    ],
  });
  log.append([
    tradeRecord(1),
    tradeRecord(2, "ETHUSDT"),
    tradeRecord(3, "BTCUSDT", { price: "94.99000000" }),
    tradeRecord(4, "BTCUSDT", { price: "94.00000000" }),
  ]);
  await eventually(() => rig.consumer.account.read === 4, "all records");
  await rig.stop();
  assert.equal(rig.context.values.get('candlewire_filtered_total{rule="filter:no_eth"}'), 1);
  assert.deepEqual(order, ["raiseAlerts", "write"]);
  const alerts = rig.context.events.filter(({ channel }) => channel === "alerts");
  assert.equal(alerts.length, 1);
  assert.equal(alerts[0]!.event.message, "BTCUSDT −5.01 % within 1 minute");
  balanced(rig);
});

Deno.test("an alert that could not be stored is raised once an operator has mended the store", async () => {
  const log = new MemoryLog(1);
  const inner = new MemoryMarketStore();
  let broken = 2;
  const store = overridden(inner, {
    raiseAlerts(alerts) {
      if (broken === 0) return inner.raiseAlerts(alerts);
      broken--;
      return Promise.reject(new CandlewireError("store.failed", "Store an alert", { retry: "operator" }));
    },
  });
  const rig = startConsumer(log, store, {
    transforms: [new PriceMove([{ name: "fall", symbols: ["*"], percent: -5, withinMs: 60_000 }])],
  });
  log.append([tradeRecord(1), tradeRecord(2, "BTCUSDT", { price: "90.00000000" })]);
  await eventually(() => rig.consumer.account.read === 2, "all records");
  await rig.stop();
  assert.equal(broken, 0);
  assert.equal(rig.context.events.filter(({ channel }) => channel === "alerts").length, 1);
  balanced(rig);
});

Deno.test("any interleaving of faults ends with the same store and every record accounted for (I1, I2, I5)", async () => {
  const seed = testSeed("faults");
  const fault = fc.constantFrom<StoreFault["kind"]>("unavailable", "failAfterWrite");
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ id: fc.integer({ min: 1, max: 15 }), bad: fc.boolean(), again: fc.boolean() }), {
        minLength: 1,
        maxLength: 30,
      }),
      fc.array(fault, { maxLength: 6 }),
      fc.integer({ min: 1, max: 7 }),
      async (events, kinds, maxRecords) => {
        const log = new MemoryLog(3);
        const inner = new MemoryMarketStore();
        const records = events.flatMap(({ id, bad, again }) => {
          const record = bad ? garbage(`S${id}`) : tradeRecord(id, `S${id}`);
          return again ? [record, record] : [record];
        });
        log.append(records);
        const store = faultyStore(inner, { faults: kinds.map((kind) => ({ kind }) as StoreFault) });
        const rig = startConsumer(log, store, { maxRecords });
        await eventually(() => rig.consumer.account.read === records.length, "all records");
        await rig.stop();
        const good = new Set(events.filter(({ bad }) => !bad).map(({ id }) => id));
        assert.deepEqual(ids(inner), [...good].sort((a, b) => a - b));
        assert.equal(rig.consumer.account.dead, (await inner.deadLetters({ limit: 100 })).length);
        balanced(rig);
      },
    ),
    { seed, numRuns: 40 },
  );
});
