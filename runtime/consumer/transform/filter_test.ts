import assert from "node:assert/strict";
import type { EpochMs } from "../../market/epoch.ts";
import type { Retention } from "../store/market_store.ts";
import { expired } from "./expired.ts";
import { filter } from "./filter.ts";
import type { Change, Outcome } from "./transform.ts";

const NOW = 1_723_161_600_000 as EpochMs;

function price(symbol: string, age: number, kind: Change["kind"] = "upsert"): Change {
  const updated_at = NOW - age as EpochMs;
  return {
    table: "latest_prices",
    kind,
    row: { symbol, price: "1", updated_at, last_trade_id: 0, version: updated_at * 1000 },
    version: updated_at * 1000,
    topic: "t",
    partition: 0,
    offset: 0,
  };
}

const told = (outcomes: Outcome[]) =>
  outcomes.map((outcome) => outcome.kind === "filter" ? outcome.rule : outcome.kind);

Deno.test("expired() filters what retention would remove at once; deletions pass", () => {
  const retention = { latest_prices: 1000, klines: null } as Retention;
  const transform = expired(retention, () => NOW);
  assert.ok(!transform.tables.includes("klines"));
  assert.deepEqual(
    told(
      transform.apply([
        price("A", 1000),
        price("A", 1001),
        price("A", -5),
        price("A", 9999, "delete"),
      ]) as Outcome[],
    ),
    ["keep", "expired", "keep", "keep"],
  );
});

Deno.test("filter() counts by the first rule that hits", () => {
  const transform = filter([
    { name: "stablecoins", notSymbols: ["USDCUSDT"] },
    { name: "watchlist", tables: ["latest_prices"], onlySymbols: ["BTCUSDT", "USDCUSDT"] },
  ]);
  assert.deepEqual(
    told(transform.apply([price("BTCUSDT", 0), price("USDCUSDT", 0), price("ETHUSDT", 0)]) as Outcome[]),
    ["keep", "filter:stablecoins", "filter:watchlist"],
  );
  assert.deepEqual(
    told(filter([{ name: "none", tables: ["latest_prices"] }]).apply([price("A", 0)]) as Outcome[]),
    [
      "filter:none",
    ],
  );
});
