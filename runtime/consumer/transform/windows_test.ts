import assert from "node:assert/strict";
import fc from "fast-check";
import { formatUnits } from "../../market/decimal.ts";
import type { EpochMs } from "../../market/epoch.ts";
import type { TradeRow } from "../../market/table.ts";
import { testSeed } from "../../tests/seed.ts";
import { MemoryMarketStore } from "../store/memory.ts";
import type { Change } from "./transform.ts";
import { minuteWindows, recomputeWindows, WINDOW_MS } from "./windows.ts";

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

async function recompute(store: MemoryMarketStore): Promise<void> {
  for (let steps = 0; steps < 1000; steps++) {
    if ((await recomputeWindows(store, { maxMinutes: 2, maxTrades: 5 })).minutes === 0) return;
  }
  throw new Error("Recompute windows: it never ends");
}

async function windows(store: MemoryMarketStore) {
  const found = [];
  for (const length of Object.keys(WINDOW_MS) as (keyof typeof WINDOW_MS)[]) {
    found.push(
      ...await store.storedWindows("BTCUSDT", length, T0 - 7_200_000 as EpochMs, T0 + 7_200_000 as EpochMs),
    );
  }
  return found;
}

Deno.test("minuteWindows() gives exact sums, VWAP rounded half up, and variance of the seconds' closes", () => {
  const { seconds, minute } = minuteWindows("BTCUSDT", T0, [
    trade(1, 0, "100.00", "1.5"),
    trade(2, 999, "110.00", "0.5"),
    trade(3, 1000, "99.99", "0.00000001"),
    trade(4, 5000, "121.00", "1.00000000"),
  ]);
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
