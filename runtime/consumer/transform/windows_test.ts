import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { formatUnits } from "../../market/decimal.ts";
import type { EpochMs } from "../../market/epoch.ts";
import type { TradeRow } from "../../market/table.ts";
import { testSeed } from "../../tests/seed.ts";
import type { MarketStore } from "../store/market_store.ts";
import { MemoryMarketStore } from "../store/memory.ts";
import { SqliteMarketStore } from "../store/sqlite.ts";
import { overridden } from "../store/testing/overridden.ts";
import type { Change } from "./transform.ts";
import { MinuteSum } from "./minute_sum.ts";
import { recomputeWindows, RunningMinutes, WINDOW_MS } from "./windows.ts";

const T0 = 1_723_161_600_000 as EpochMs; // a whole hour

function trade(id: number, at: number, price = "100.00", quantity = "1.00000000"): TradeRow {
  return {
    symbol: "BTCUSDT",
    trade_id: id,
    price,
    quantity,
    trade_time: T0 + at as EpochMs,
    is_buyer_maker: false,
    backfill: false,
  };
}

function change(row: TradeRow, kind: Change["kind"] = "upsert"): Change {
  return {
    table: "recent_trades",
    kind,
    row,
    version: row.trade_time * 1000,
    topic: "t",
    partition: 0,
    offset: row.trade_id,
  };
}

async function recompute(store: MarketStore, running?: RunningMinutes): Promise<void> {
  for (let steps = 0; steps < 1000; steps++) {
    if ((await recomputeWindows(store, { maxMinutes: 2, maxTrades: 5, running })).minutes === 0) return;
  }
  throw new Error("Recompute windows: it never ends");
}

/** Makes stores of a kind, and ends all of them with itself. */
function storesOf(name: string): { open(): MarketStore } & AsyncDisposable {
  const folder = Deno.makeTempDirSync();
  const opened: MarketStore[] = [];
  const options = {
    origin: { kind: "exchange", id: "test", label: "test" },
    writer: "consumer",
    epoch: 1,
  } as const;
  return {
    open() {
      const store = name === "memory"
        ? new MemoryMarketStore()
        : new SqliteMarketStore(join(folder, `${opened.length}.db`), options);
      opened.push(store);
      return store;
    },
    async [Symbol.asyncDispose]() {
      for (const store of opened) await store[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** A store that counts the trades read of it, and whose windows are refused while it is told so. */
function watched(store: MarketStore) {
  const seen = { read: 0, refusing: false };
  const through = overridden(store, {
    async minuteTrades(...args) {
      const trades = await store.minuteTrades(...args);
      seen.read += trades.length;
      return trades;
    },
    async writeWindows(...args) {
      if (seen.refusing) throw new Error("disk full");
      await store.writeWindows(...args);
    },
  });
  return { seen, store: through };
}

async function windows(store: MarketStore) {
  const found = [];
  for (const length of Object.keys(WINDOW_MS) as (keyof typeof WINDOW_MS)[]) {
    found.push(
      ...await store.storedWindows("BTCUSDT", length, T0 - 7_200_000 as EpochMs, T0 + 7_200_000 as EpochMs),
    );
  }
  return found;
}

Deno.test("MinuteSum gives exact sums, VWAP rounded half up, and variance of the seconds' closes", () => {
  const sum = new MinuteSum("BTCUSDT", T0);
  sum.add([
    trade(1, 0, "100.00", "1.5"),
    trade(2, 999, "110.00", "0.5"),
    trade(3, 1000, "99.99", "0.00000001"),
    trade(4, 5000, "121.00", "1.00000000"),
  ]);
  const { seconds, minute } = sum.windows();
  assert.deepEqual(seconds.map(({ open_time, trade_count }) => [open_time - T0, trade_count]), [
    [0, 2],
    [1000, 1],
    [5000, 1],
  ]);
  assert.deepEqual([seconds[0]!.volume, seconds[0]!.quote_volume, seconds[0]!.vwap], [
    "2.00000000",
    "205.00000000",
    "102.50000000",
  ]);
  assert.ok(Math.abs(seconds[0]!.realised_variance! - Math.log(1.1) ** 2) < 1e-15);
  assert.equal(minute.volume, "3.00000001");
  assert.equal(minute.quote_volume, "326.0000009999");
  assert.equal(minute.vwap, "108.66666664");
  const expected = Math.log(99.99 / 110) ** 2 + Math.log(121 / 99.99) ** 2;
  assert.ok(Math.abs(minute.realised_variance! - expected) < 1e-12);
  assert.deepEqual([minute.first_trade_id, minute.last_trade_id, minute.trade_count], [1, 4, 4]);
});

Deno.test("windows follow from the stored trades alone, whatever came in which order and how often (I2)", async () => {
  const seed = testSeed("windows");
  const event = fc.record({
    id: fc.integer({ min: 1, max: 12 }),
    gone: fc.integer({ min: 0, max: 4 }).map((value) => value === 0),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { minLength: 1, maxLength: 25 }),
      fc.array(fc.boolean(), { minLength: 25, maxLength: 25 }),
      async (events, pauses) => {
        // Ids lie over two hours, so that every length of window changes.
        const row = (id: number) =>
          trade(id, (id - 6) * 613_000, `${100 + id}.50`, formatUnits(BigInt(id) * 12_345n, 8));
        const live = new MemoryMarketStore();
        for (let at = 0; at < events.length; at++) {
          const { id, gone } = events[at]!;
          const changes = [change(row(id), gone ? "delete" : "upsert")];
          await live.write({ changes, positions: [], deadLetters: [], at: T0 });
          if (pauses[at]) await recompute(live);
        }
        await recompute(live);
        const once = new MemoryMarketStore();
        const left = live.rows("recent_trades") as unknown as TradeRow[];
        await once.write({ changes: left.map((row) => change(row)), positions: [], deadLetters: [], at: T0 });
        await recompute(once);
        assert.deepEqual(await windows(live), await windows(once));
      },
    ),
    { seed, numRuns: 100 },
  );
});

for (const name of ["memory", "SQLite"]) {
  Deno.test(`${name}: windows of running minutes are those of all their trades, whatever happens to which of them (I2)`, async () => {
    const event = fc.record({
      // Most come in order; some are late, come again with another version, or are deleted.
      id: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, {
        weight: 1,
        arbitrary: fc.integer({ min: 1, max: 40 }),
      }),
      gone: fc.integer({ min: 0, max: 4 }).map((value) => value === 0),
      at: fc.integer({ min: 0, max: 119_999 }),
      price: fc.integer({ min: 1, max: 9_999_999 }).map((units) => formatUnits(BigInt(units), 2)),
      recomputed: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 40 }), async (events) => {
        await using stores = storesOf(name);
        const [live, once] = [stores.open(), stores.open()];
        const running = new RunningMinutes(1);
        let next = 1;
        const kept = new Map<number, Change>();
        for (const [at, { id, gone, at: time, price, recomputed }] of events.entries()) {
          const known = kept.get(id)?.row as TradeRow | undefined;
          // A trade keeps its time, whatever else of it is corrected.
          const row = trade(
            known?.trade_id ?? next++,
            known === undefined ? time : known.trade_time - T0,
            price,
          );
          const made = { ...change(row, gone ? "delete" : "upsert"), version: T0 * 1000 + at };
          await live.write({ changes: [made], positions: [], deadLetters: [], at: T0 });
          if (gone) kept.delete(row.trade_id);
          else kept.set(row.trade_id, made);
          if (recomputed) await recompute(live, running);
        }
        await recompute(live, running);
        await once.write({ changes: [...kept.values()], positions: [], deadLetters: [], at: T0 });
        await recompute(once);
        assert.deepEqual(await windows(live), await windows(once));
      }),
      { seed: testSeed(`running minutes ${name}`), numRuns: name === "memory" ? 200 : 40 },
    );
  });

  Deno.test(`${name}: of a minute that only grows, each trade is read once`, async () => {
    await using stores = storesOf(name);
    const { store, seen } = watched(stores.open());
    const running = new RunningMinutes(1);
    const write = async (id: number, kind?: Change["kind"]) => {
      await store.write({
        changes: [change(trade(id, id * 100), kind)],
        positions: [],
        deadLetters: [],
        at: T0,
      });
    };
    for (let id = 1; id <= 50; id++) {
      await write(id);
      await recompute(store, running);
    }
    assert.equal(seen.read, 50);
    await write(7, "delete");
    await recompute(store, running);
    assert.equal(seen.read, 50 + 49, "a minute that lost a trade is read as a whole");
    await write(51);
    seen.refusing = true;
    await assert.rejects(recompute(store, running), /disk full/);
    seen.refusing = false;
    await recompute(store, running);
    assert.equal(seen.read, 50 + 49 + 1 + 50, "and so is one whose windows did not become durable");
    const [minute] = (await windows(store)).filter(({ window }) => window === "1m");
    assert.equal(minute!.trade_count, 50);
  });
}

Deno.test("longer windows are sums of their minutes", async () => {
  const store = new MemoryMarketStore();
  const rows = Array.from({ length: 100 }, (_, at) => trade(at + 1, at * 31_000, `${100 + at % 7}.25`));
  await store.write({ changes: rows.map((row) => change(row)), positions: [], deadLetters: [], at: T0 });
  await recompute(store);
  const all = await windows(store);
  for (const length of ["1s", "1m", "5m", "1h"]) {
    const some = all.filter(({ window }) => window === length);
    assert.equal(some.reduce((sum, { trade_count }) => sum + trade_count, 0), 100, length);
  }
  const [hour] = all.filter(({ window }) => window === "1h");
  const minutes = all.filter(({ window }) => window === "1m");
  assert.equal(
    hour!.realised_variance,
    minutes.reduce((sum, { realised_variance }) => sum + realised_variance!, 0),
  );
  assert.deepEqual(await store.dirtyMinutes(10), []);
});
