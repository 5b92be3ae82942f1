import assert from "node:assert/strict";
import type { BookRow, CompletenessRow } from "../market/table.ts";
import { MemoryTables } from "./table/memory.ts";
import { testExchange, until } from "./testing/market_exchange.ts";
import { startProducer } from "./testing/running_producer.ts";
import { equalsTruth } from "./testing/truth.ts";

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
    await exchange.fault({ name: "cut" });
    await exchange.run(8_000);
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
