import assert from "node:assert/strict";
import type { BookRow, CompletenessRow } from "../market/table.ts";
import { followSourceClock, type SourceClock } from "./source_clock.ts";
import { MemoryTables } from "./table/memory.ts";
import { testExchange, until } from "./testing/market_exchange.ts";
import { startProducer } from "./testing/running_producer.ts";
import { equalsTruth } from "./testing/truth.ts";

/** The newest times of what is written at a cadence. */
const newest = (tables: MemoryTables) =>
  (["order_book", "latest_prices", "crypto_24h_stats"] as const).map((table) =>
    Math.max(...tables.rows<{ updated_at: number }>(table).map((row) => row.updated_at))
  );

Deno.test("a wall clock that is set back by an hour delays no book, no statistic and no refill", async () => {
  await using exchange = await testExchange({ symbols: ["BTCUSDT", "ETHUSDT"], tradeEveryMs: 100 });
  const tables = new MemoryTables();
  await using producer = startProducer(exchange, tables);
  await until("the producer to connect", async () => (await exchange.state()).sockets.length > 0);
  await exchange.run(5_000);
  await until(
    "books",
    () => tables.rows<BookRow>("order_book").filter((row) => row.trusted).length === 2,
  );
  const wall = Date.now;
  try {
    Date.now = () => wall() - 3_600_000;
    const before = newest(tables);
    await exchange.run(7_000);
    await until("books, prices and statistics of after the step", () => {
      const now = newest(tables);
      return now.every((time, i) => time > before[i]!);
    }, () => ({ before, now: newest(tables) }));
    await exchange.fault({ name: "cut" });
    await exchange.run(9_000);
    await until("the next connection", async () => (await exchange.state()).sockets.length > 0);
    await exchange.run(12_000);
    await equalsTruth(exchange.market, (table) => Promise.resolve(tables.rows(table)));
    await producer.stop();
  } finally {
    Date.now = wall;
  }
  const gaps = tables.rows<CompletenessRow>("completeness");
  assert.ok(gaps.some((row) => row.cause === "disconnect"));
  assert.ok(gaps.every((row) => row.state === "refilled"));
});

Deno.test("the source's lag is measured by the exchange's clock, whatever ours says", async () => {
  // The market's virtual time is months away from the wall clock's.
  await using exchange = await testExchange({ symbols: ["BTCUSDT"] }, { paused: false, speed: 1 });
  await using producer = startProducer(exchange, new MemoryTables());
  const lag = () => producer.context.values.get("candlewire_source_lag_seconds");
  await until("a lag", () => lag() !== undefined);
  assert.ok(Math.abs(lag()!) < 10, `${lag()} s`);
  // A clock that cannot be asked for costs nothing else.
  await exchange.fault({ name: "http5xx", path: "/api/v3/time" });
  await exchange.fault({ name: "cut" });
  await until("the state to be running", () => producer.context.state.health === "running");
  assert.ok(Math.abs(lag()!) < 10, `${lag()} s`);
  await producer.stop();
});

// Last: what a clock was set forward by stays with the process.
Deno.test("a wall clock that is set forward is measured against the exchange's at once", async () => {
  const stop = new AbortController();
  const clock: SourceClock = { offsetMs: undefined };
  let ahead = 0;
  const following = followSourceClock(clock, () => Promise.resolve(-ahead), {
    intake: { connects: 0 },
    signal: stop.signal,
    onFailure: (error) => assert.fail(String(error)),
  });
  await until("the first measurement", () => clock.offsetMs !== undefined);
  const wall = Date.now;
  try {
    ahead = 3_600_000;
    Date.now = () => wall() + ahead;
    await until("the next", () => clock.offsetMs === -ahead);
  } finally {
    Date.now = wall;
    stop.abort();
    await following;
  }
});
