import assert from "node:assert/strict";
import type { BookRow, CompletenessRow, KlineRow, PriceRow, StatsRow, TradeRow } from "../market/table.ts";
import { MemoryTables } from "./table/memory.ts";
import { START, type TestExchange, testExchange, until } from "./testing/market_exchange.ts";
import { type RunningProducer, startProducer } from "./testing/running_producer.ts";
import { equalsTruth, missingCandles, type Stored } from "./testing/truth.ts";

const SYMBOLS = ["BTCUSDT", "币安人生USDT"];
const MARKET = { symbols: SYMBOLS, tradeEveryMs: 100 };

const reads = (tables: MemoryTables): Stored => (table) => Promise.resolve(tables.rows(table));

async function connected(exchange: TestExchange, sockets = 1): Promise<void> {
  await until("the producer to connect", async () => (await exchange.state()).sockets.length >= sockets);
}

/** Sum of a counter over its labels. */
function total(producer: RunningProducer, name: string): number {
  let sum = 0;
  for (const [key, value] of producer.context.values) if (key.startsWith(name)) sum += value;
  return sum;
}

function gaps(tables: MemoryTables): CompletenessRow[] {
  return tables.rows<CompletenessRow>("completeness").filter((row) => row.kind !== "book");
}

Deno.test("the producer's tables equal the exchange, trade by trade and level by level (I3, I4, I9)", async () => {
  await using exchange = await testExchange(MARKET);
  const tables = new MemoryTables();
  await using producer = startProducer(exchange, tables);
  await connected(exchange);
  await exchange.run(130_000);
  await equalsTruth(exchange.market, reads(tables));
  const klines = tables.rows<KlineRow>("klines");
  assert.equal(klines.filter((row) => row.closed).length, 4);
  assert.deepEqual(gaps(tables), [], "nothing was missing");
  await until("the state to be running", () => producer.context.state.health === "running");
  await producer.stop();
  for (const symbol of SYMBOLS) {
    const last = exchange.market.trades(symbol, { limit: 1 })[0]!;
    const prices = tables.rows<PriceRow>("latest_prices").filter((row) => row.symbol === symbol);
    assert.equal(prices.sort((a, b) => b.version - a.version)[0]?.price, last.price);
    const stats = tables.rows<StatsRow>("crypto_24h_stats").find((row) => row.symbol === symbol);
    assert.equal(stats?.quote_asset, "USDT");
  }
  assert.equal(producer.context.values.get("candlewire_books_trusted"), 2);
  assert.ok(total(producer, 'candlewire_frames_total{stream="trade"}') > 2_000);
  assert.equal(total(producer, "candlewire_bad_frames_total"), 0);
});

Deno.test("dropped, doubled and reordered frames leave the same tables, and say what was missing", async (t) => {
  for (const name of ["drop", "duplicate", "reorder"]) {
    await t.step(name, async () => {
      await using exchange = await testExchange(MARKET);
      const tables = new MemoryTables();
      await using producer = startProducer(exchange, tables);
      await connected(exchange);
      await exchange.run(5_000);
      await until(
        "books",
        () => tables.rows<BookRow>("order_book").filter((row) => row.trusted).length === 2,
      );
      await exchange.fault({ name, probability: 0.05, seed: 3, ...name === "reorder" ? { by: 3 } : {} });
      await exchange.run(64_000);
      await exchange.clearFaults();
      await exchange.run(66_000);
      await equalsTruth(exchange.market, reads(tables));
      assert.deepEqual(missingCandles(tables.rows("klines"), "BTCUSDT"), []);
      if (name === "duplicate") assert.deepEqual(gaps(tables), []);
      else {
        assert.ok(gaps(tables).length > 10);
        assert.ok(gaps(tables).every((row) => row.state === "refilled"));
      }
      const backfilled = tables.rows<TradeRow>("recent_trades").filter((row) =>
        row.backfill && row.trade_time > START + 5_000
      );
      if (name === "drop") assert.ok(backfilled.length > 20, `${backfilled.length} came by REST`);
      await producer.stop();
      // The graces overlap the reordering, so nearly all of it is settled without REST.
      if (name === "reorder") assert.ok(gaps(tables).some((row) => row.cause === "reordered"));
    });
  }
});

Deno.test("cut connections are opened again, and what was missed is refilled (I3)", async () => {
  await using exchange = await testExchange(MARKET);
  const tables = new MemoryTables();
  await using producer = startProducer(exchange, tables, { config: { streamsPerConnection: 4 } });
  await connected(exchange, 2);
  for (let i = 1; i <= 4; i++) {
    await exchange.run(i * 5_000);
    await exchange.fault({ name: "cut" });
    // The market goes on while nobody listens.
    await exchange.run(i * 5_000 + 2_500);
    await connected(exchange, 2);
  }
  await exchange.run(30_000);
  await equalsTruth(exchange.market, reads(tables));
  await producer.stop();
  const causes = new Set(tables.rows<CompletenessRow>("completeness").map((row) => row.cause));
  assert.ok(causes.has("disconnect"), [...causes].join());
  assert.ok(tables.rows<CompletenessRow>("completeness").every((row) => row.state === "refilled"));
  assert.ok(total(producer, "candlewire_reconnects_total") >= 4);
});

Deno.test("a connection is replaced with an overlap at its age and when the server announces its end", async () => {
  await using exchange = await testExchange(MARKET, { paused: false, speed: 5 });
  const tables = new MemoryTables();
  await using producer = startProducer(exchange, tables, {
    config: { maxConnectionAgeMs: 1_000, overlapMs: 100, reconnectBaseMs: 1, reconnectCapMs: 2 },
  });
  const replaced = () => total(producer, 'candlewire_reconnects_total{cause="replaced"}');
  await until("two replacements", () => replaced() >= 2);
  await exchange.fault({ name: "serverShutdown", graceMs: 60_000 });
  const before = replaced();
  await until("the next replacement", () => replaced() > before);
  await exchange.freeze();
  await equalsTruth(exchange.market, reads(tables));
  await producer.stop();
  const causes = tables.rows<CompletenessRow>("completeness").map((row) => `${row.kind} ${row.cause}`);
  assert.deepEqual(causes.filter((cause) => cause !== "trade start"), [], "no frame was missed");
});

Deno.test("a silent connection is replaced", async () => {
  await using exchange = await testExchange(MARKET, { paused: false, speed: 5 });
  const tables = new MemoryTables();
  await using producer = startProducer(exchange, tables, { config: { silenceMs: 500 } });
  await until("trades", () => tables.rows("recent_trades").length > 50);
  await exchange.fault({ name: "stall" });
  await until("the silence to be noticed", () => total(producer, "candlewire_reconnects_total") > 0);
  await exchange.clearFaults();
  await exchange.freeze();
  await equalsTruth(exchange.market, reads(tables));
  await producer.stop();
  const causes = tables.rows<CompletenessRow>("completeness").map((row) => row.cause);
  assert.ok(causes.includes("silence"), causes.join());
});

Deno.test("a refusal by 429, 418 or 5xx delays a refill and loses nothing", async (t) => {
  for (
    const fault of [{ name: "http429", seconds: 4 }, { name: "http418", seconds: 4 }, { name: "http5xx" }]
  ) {
    await t.step(fault.name, async () => {
      await using exchange = await testExchange(MARKET);
      const tables = new MemoryTables();
      await using producer = startProducer(exchange, tables);
      await connected(exchange);
      await exchange.run(5_000);
      await until(
        "books",
        () => tables.rows<BookRow>("order_book").filter((row) => row.trusted).length === 2,
      );
      await exchange.fault({ ...fault, path: "/api/v3/*", count: 6 });
      await exchange.fault({ name: "cut" });
      await exchange.run(10_000);
      await connected(exchange);
      await exchange.run(15_000);
      await equalsTruth(exchange.market, reads(tables));
      await producer.stop();
      if (fault.name !== "http5xx") {
        assert.ok(producer.context.logs.some((line) => /rate_limited/.test(line.message)));
      }
    });
  }
});

Deno.test("a region block names the market-data-only hosts and is got over when it ends", async () => {
  await using exchange = await testExchange(MARKET);
  await exchange.fault({ name: "http451", path: "/api/*", count: 1 });
  const tables = new MemoryTables();
  await using producer = startProducer(exchange, tables);
  await until("the block to be shown", () => producer.context.state.health === "blocked");
  assert.match(
    producer.context.state.detail,
    /source\.region_blocked.*status 451.*data-api\.binance\.vision/,
  );
  assert.match(producer.context.state.detail, /wss:\/\/data-stream\.binance\.vision/);
  await producer.stop();
});

Deno.test("damaged frames are counted by code and cost nothing that was good", async () => {
  await using exchange = await testExchange(MARKET);
  const tables = new MemoryTables();
  await using producer = startProducer(exchange, tables, { config: { maxFrameBytes: 65_536 } });
  await connected(exchange);
  const kinds = ["malformed", "truncated", "unknown", "binary", "notJson", "outOfRange"];
  for (const [i, kind] of kinds.entries()) {
    await exchange.fault({ name: "garbage", kind, count: 20, probability: 0.3, seed: i });
  }
  await exchange.fault({ name: "garbage", kind: "oversized", bytes: 100_000, count: 3 });
  await exchange.run(20_000);
  await equalsTruth(exchange.market, reads(tables));
  await producer.stop();
  for (const code of ["not_json", "oversized_frame", "bad_frame"]) {
    assert.ok(total(producer, `candlewire_bad_frames_total{code="source.${code}"}`) > 0, code);
  }
  assert.equal(total(producer, "candlewire_reconnects_total"), 0, "no connection was given up for it");
});

Deno.test("a restart finds by ids what it missed while down, and takes up open ranges (I3)", async () => {
  await using exchange = await testExchange(MARKET);
  const tables = new MemoryTables();
  const first = startProducer(exchange, tables);
  await connected(exchange);
  await exchange.run(10_000);
  await equalsTruth(exchange.market, reads(tables));
  await first.stop();
  // As a kill would leave it: a range found, its refill not begun.
  const known = tables.rows<TradeRow>("recent_trades").filter((row) => row.symbol === "BTCUSDT");
  const hole = known.slice(20, 30);
  for (const row of hole) {
    tables.tables.get("recent_trades")!.delete(`BTCUSDT\n${row.trade_id}\n${row.trade_time}`);
  }
  await tables.write({
    completeness: [{
      symbol: "BTCUSDT",
      kind: "trade",
      first_id: hole[0]!.trade_id,
      last_id: hole.at(-1)!.trade_id,
      cause: "disconnect",
      state: "open",
      detected_at: hole[0]!.trade_time,
      updated_at: hole[0]!.trade_time,
      version: 1,
    }],
  });
  await exchange.run(190_000);
  await using second = startProducer(exchange, tables, { config: { initialTrades: 0, initialKlines: 0 } });
  await connected(exchange);
  await exchange.run(200_000);
  await equalsTruth(exchange.market, reads(tables));
  assert.deepEqual(missingCandles(tables.rows("klines"), "BTCUSDT"), []);
  await second.stop();
  const causes = new Set(gaps(tables).map((row) => `${row.kind} ${row.cause} ${row.state}`));
  assert.ok(causes.has("trade producer_down refilled"), [...causes].join());
  assert.ok(causes.has("trade disconnect refilled"), [...causes].join());
});

Deno.test("what the exchange no longer has is recorded as lost, by range", async () => {
  await using exchange = await testExchange(MARKET);
  const tables = new MemoryTables();
  await using producer = startProducer(exchange, tables, { symbols: ["BTCUSDT"] });
  await connected(exchange);
  await exchange.run(3_000);
  await until("trades", () => tables.rows("recent_trades").length > 20);
  // The market-data-only host: no history, only the latest 1,000 trades.
  await exchange.fault({ name: "http403", path: "/api/v3/historicalTrades" });
  await exchange.fault({ name: "cut" });
  await exchange.run(90_000);
  await connected(exchange);
  await exchange.run(91_000);
  const settled = () => gaps(tables).filter((row) => row.kind === "trade" && row.state !== "open");
  await until(
    "the range to be settled",
    () => settled().length >= 2 && !gaps(tables).some((row) => row.state === "open"),
    () => gaps(tables),
  );
  const lost = settled().find((row) => row.state === "lost")!;
  const refilled = settled().find((row) => row.state === "refilled")!;
  assert.equal(lost.cause, "disconnect");
  assert.equal(lost.last_id + 1, refilled.first_id);
  const ids = new Set(tables.rows<TradeRow>("recent_trades").map((row) => row.trade_id));
  const range = exchange.market.truth.tradeRange("BTCUSDT")!;
  const first = Math.min(...ids);
  // I3: every id is stored once, or listed.
  for (let id = first; id <= range.last; id++) {
    assert.equal(ids.has(id), id < lost.first_id || id > lost.last_id, String(id));
  }
  await producer.stop();
});

Deno.test("while the database is away the sockets are held back, and nothing is lost (I5, I10)", async () => {
  await using exchange = await testExchange({ ...MARKET, tradeEveryMs: 25 }, { pauseAtBytes: 65_536 });
  const tables = new MemoryTables();
  await using producer = startProducer(exchange, tables, {
    config: { maxQueuedRows: 500, maxBatchRows: 200 },
  });
  await connected(exchange);
  await exchange.run(1_000);
  for (let i = 0; i < 5; i++) tables.faults.push(i % 2 === 0 ? "reject" : "failAfterWrite");
  const running = exchange.run(25_000);
  await until("it to be blocked", () => producer.context.state.health === "blocked");
  await until("it to write again", () => tables.faults.length === 0);
  await running;
  await equalsTruth(exchange.market, reads(tables));
  await producer.stop();
});

Deno.test("a newer instance ends this one", async () => {
  await using exchange = await testExchange(MARKET);
  const tables = new MemoryTables();
  await using producer = startProducer(exchange, tables);
  await connected(exchange);
  tables.faults.push("fence");
  const running = exchange.run(5_000);
  running.catch(() => {});
  await assert.rejects(() => producer.ended, { code: "table.fenced" });
});

Deno.test("symbols that do not trade are named; none at all is an error with a remedy", async () => {
  await using exchange = await testExchange(MARKET);
  await using some = startProducer(exchange, new MemoryTables(), { symbols: ["BTCUSDT", "NOSUCH"] });
  await connected(exchange);
  assert.ok(some.context.logs.some((line) => line.message === "These symbols do not trade: NOSUCH"));
  const none = startProducer(exchange, new MemoryTables(), { symbols: ["NOSUCH"] });
  await assert.rejects(() => none.ended, { code: "source.unknown_symbols", message: /NOSUCH/ });
});

Deno.test("rows of other venues are checked, and the bad ones are named (I5)", async () => {
  await using exchange = await testExchange(MARKET);
  const tables = new MemoryTables();
  await using producer = startProducer(exchange, tables);
  await connected(exchange);
  const row = {
    symbol: "XBTUSD",
    trade_id: 1,
    price: "1.50",
    quantity: "2",
    trade_time: START,
    is_buyer_maker: false,
    backfill: false,
  };
  const answer = await producer.context.invoke("rows", {
    batch: { recent_trades: [row, { ...row, trade_id: 2, price: 1.5 }], nothing: [] },
  }) as Record<string, unknown>;
  assert.deepEqual(answer.recent_trades, { written: 1, unchanged: 0 });
  assert.deepEqual(answer.refused, [
    { table: "recent_trades", index: 1, reason: "Column price is 1.5" },
    { table: "nothing", index: -1, reason: '"nothing" is no table, or its rows are no list' },
  ]);
  assert.ok(tables.rows<TradeRow>("recent_trades").some((stored) => stored.symbol === "XBTUSD"));
  const books = await producer.context.invoke("books", {}) as unknown[];
  assert.equal(books.length, 2);
});

Deno.test("a write that the database does not answer shows in the state before it fails (I7)", async () => {
  await using exchange = await testExchange(MARKET, { paused: false, speed: 1 });
  const tables = new MemoryTables();
  await using producer = startProducer(exchange, tables);
  await until("the state to be running", () => producer.context.state.health === "running");
  const release = Promise.withResolvers<void>();
  const write = tables.write.bind(tables);
  tables.write = async (batch) => {
    await release.promise;
    return await write(batch);
  };
  await until("the state to be degraded", () => producer.context.state.health === "degraded");
  assert.match(producer.context.state.detail, /PostgreSQL has not answered a write for \d+ s/);
  release.resolve();
  await until("it to run again", () => producer.context.state.health === "running");
  await producer.stop();
});
