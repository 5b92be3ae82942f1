import assert from "node:assert/strict";
import { CandlewireError } from "../error.ts";
import { MemoryTables } from "./table/memory.ts";
import type { AnyRow } from "./table/row_shape.ts";
import { until } from "./testing/market_exchange.ts";
import { testDatabase } from "./testing/postgres_database.ts";
import { AT, rows } from "./testing/rows.ts";
import type { MarketTables } from "./table/market_table.ts";
import { PostgresTables } from "./table/postgres.ts";
import { WriteQueue, type WriteQueueOptions } from "./write_queue.ts";

const DAY_MS = 86_400_000;

/** A running queue and what it told. */
function started(tables: MarketTables, options: Partial<WriteQueueOptions> = {}) {
  const told = { bad: [] as AnyRow[], blocked: [] as (string | null)[], filtered: [] as string[] };
  const queue = new WriteQueue(tables, {
    maxBatchRows: 100,
    maxQueuedRows: 50,
    lingerMs: 1,
    retryBaseMs: 1,
    makePartitions: () => Promise.resolve("made"),
    onWritten: () => {},
    onFiltered: (rule, table, count) => told.filtered.push(`${rule} ${table} ${count}`),
    onBadRow: (_table, row) => told.bad.push(row),
    onBlocked: (error) => told.blocked.push(error?.code ?? null),
    ...options,
  });
  const stopping = new AbortController();
  const giveUp = new AbortController();
  const ended = queue.run(stopping.signal, giveUp.signal);
  ended.catch(() => {});
  return {
    queue,
    told,
    ended,
    drain() {
      stopping.abort();
      return ended;
    },
    async [Symbol.asyncDispose]() {
      giveUp.abort();
      await ended.catch(() => {});
    },
  };
}

Deno.test("an unavailable database or a lost answer delays rows and loses none (I5)", async () => {
  const tables = new MemoryTables();
  tables.faults.push("reject", "failAfterWrite", "reject");
  await using run = started(tables);
  for (let i = 0; i < 30; i++) run.queue.push({ recent_trades: [rows.trade(i)] });
  await run.drain();
  assert.equal(tables.rows("recent_trades").length, 30);
  assert.equal(run.queue.queuedRows, 0);
  assert.deepEqual(run.told.blocked, ["table.unavailable", "table.unavailable", "table.unavailable", null]);
});

Deno.test("a bad row is set aside by itself and the others of its batch are stored (I5)", async () => {
  const tables = new MemoryTables();
  tables.isBad = (_table, row) => row.trade_id === 7 || row.trade_id === 9;
  await using run = started(tables);
  for (let i = 0; i < 30; i++) run.queue.push({ recent_trades: [rows.trade(i)], order_book: [rows.book(i)] });
  await run.drain();
  assert.equal(tables.rows("recent_trades").length, 28);
  assert.equal(tables.rows("order_book").length, 1);
  assert.deepEqual(run.told.bad.map((row) => row.trade_id).sort(), [7, 9]);
});

Deno.test("room() waits while the queue is full, and write() tells its own counts", async () => {
  const tables = new MemoryTables();
  tables.faults.push("reject", "reject", "reject");
  await using run = started(tables);
  run.queue.push({ recent_trades: Array.from({ length: 60 }, (_, i) => rows.trade(i)) });
  assert.equal(run.queue.full, true);
  await run.queue.room(new AbortController().signal);
  assert.equal(run.queue.full, false);
  assert.equal(tables.rows("recent_trades").length, 60);
  const { counts } = await run.queue.write({ recent_trades: [rows.trade(1), rows.trade(99)] });
  assert.deepEqual(counts.recent_trades, { written: 1, unchanged: 1 });
});

Deno.test("a newer writer ends the queue, and whoever waits is told", async () => {
  const tables = new MemoryTables();
  tables.faults.push("fence");
  await using run = started(tables);
  await assert.rejects(() => run.queue.write({ recent_trades: [rows.trade(1)] }), { code: "table.fenced" });
  await assert.rejects(() => run.ended, { code: "table.fenced" });
});

Deno.test("old days get their partition from the host, or are left out by the rule `expired`", async () => {
  await using database = await testDatabase({ from: AT, to: AT });
  await using tables = new PostgresTables({ ...database.login, epoch: 1 });
  let calls = 0;
  await using run = started(tables, {
    async makePartitions(range) {
      calls++;
      if (calls === 1) {
        throw new CandlewireError("host.unreachable", "Ask the host: not now", { retry: "retry" });
      }
      if (range.from < AT - 10 * DAY_MS) return "refused";
      await database.partitions(range.table, range);
      return "made";
    },
  });
  const days = [0, 1, 5, 400].map((days) =>
    rows.trade(days, { trade_time: (AT - days * DAY_MS) as typeof AT })
  );
  run.queue.push({ recent_trades: days });
  await until("the rows to be written", () => run.queue.queuedRows === 0);
  await run.drain();
  const stored = await database.owner.query("SELECT trade_id::int FROM recent_trades ORDER BY 1");
  assert.deepEqual(stored.rows.map((row) => row.trade_id), [0, 1, 5]);
  assert.deepEqual(run.told.filtered, ["expired recent_trades 1"]);
});

Deno.test("of days that follow each other only those past retention are left out (I5)", async () => {
  await using database = await testDatabase({ from: AT - 30 * DAY_MS, to: AT - 30 * DAY_MS });
  await using tables = new PostgresTables({ ...database.login, epoch: 1 });
  await using run = started(tables, {
    async makePartitions(range) {
      if (range.from < AT - 2 * DAY_MS) return "refused";
      await database.partitions(range.table, range);
      return "made";
    },
  });
  run.queue.push({
    recent_trades: [0, 1, 2, 3, 4].map((days) =>
      rows.trade(days, { trade_time: (AT - days * DAY_MS) as typeof AT })
    ),
  });
  await until("the rows to be written", () => run.queue.queuedRows === 0);
  await run.drain();
  const stored = await database.owner.query("SELECT trade_id::int FROM recent_trades ORDER BY 1");
  const kept = [0, 1, 2, 3, 4].filter((days) => Math.floor(AT / DAY_MS - days) * DAY_MS >= AT - 2 * DAY_MS);
  assert.deepEqual(stored.rows.map((row) => row.trade_id), kept);
  assert.equal(
    run.told.filtered.map((text) => Number(text.split(" ")[2])).reduce((sum, count) => sum + count, 0),
    5 - kept.length,
  );
});
