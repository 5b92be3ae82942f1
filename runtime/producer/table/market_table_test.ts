import assert from "node:assert/strict";
import fc from "fast-check";
import { CandlewireError } from "../../error.ts";
import type { TableBatch } from "../../market/table.ts";
import { testSeed } from "../../tests/seed.ts";
import { type TestDatabase, testDatabase } from "../testing/postgres_database.ts";
import { AT, oneOfEach, rows } from "../testing/rows.ts";
import type { MarketTables } from "./market_table.ts";
import { MemoryTables } from "./memory.ts";
import { PostgresTables } from "./postgres.ts";
import { type AnyRow, ROW_SHAPES, rowKey, WRITE_ORDER } from "./row_shape.ts";

/** One adapter under the contract. */
type Adapter = {
  open(epoch?: number): Promise<MarketTables>;
  /** All rows of a table as written, in key order. */
  stored(table: keyof TableBatch): Promise<AnyRow[]>;
  /** Something that changes whenever a row is rewritten. */
  marks?(): Promise<string>;
  empty(): Promise<void>;
};

const DAY_MS = 86_400_000;

async function contract(t: Deno.TestContext, adapter: Adapter): Promise<void> {
  const step = (name: string, run: (tables: MarketTables) => Promise<void>) =>
    t.step(name, async () => {
      await adapter.empty();
      await using tables = await adapter.open();
      await run(tables);
    });

  await step("stores every column of every table to the digit (I9)", async (tables) => {
    const counts = await tables.write(oneOfEach());
    for (const table of WRITE_ORDER) {
      assert.deepEqual(counts[table], { written: 1, unchanged: 0 });
      assert.deepEqual(await adapter.stored(table), oneOfEach()[table]);
    }
  });

  await step("writes the same batch again without changing a row (I2)", async (tables) => {
    await tables.write(oneOfEach());
    const before = await adapter.marks?.();
    const counts = await tables.write(oneOfEach());
    for (const table of WRITE_ORDER) assert.deepEqual(counts[table], { written: 0, unchanged: 1 });
    assert.equal(await adapter.marks?.(), before, "a no-op update would become a change event");
  });

  await step("never lets an older row replace a newer one", async (tables) => {
    await tables.write({
      order_book: [rows.book(5)],
      klines: [rows.kline(0, 5, { closed: true })],
      crypto_24h_stats: [rows.stats(5)],
    });
    await tables.write({
      order_book: [rows.book(9, { version: 1, bids: "[]" })],
      klines: [rows.kline(0, 4)],
      crypto_24h_stats: [rows.stats(4)],
    });
    assert.equal((await adapter.stored("order_book"))[0]?.last_update_id, 5);
    assert.equal((await adapter.stored("klines"))[0]?.closed, true);
    assert.equal((await adapter.stored("crypto_24h_stats"))[0]?.version, rows.stats(5).version);
  });

  await step("settles equal event times by the last id", async (tables) => {
    await tables.write({
      order_book: [rows.book(5)],
      latest_prices: [rows.price(1, { last_trade_id: 7 })],
      crypto_24h_stats: [rows.stats(1)],
    });
    await tables.write({
      order_book: [rows.book(6)],
      latest_prices: [rows.price(1, { last_trade_id: 8, price: "2" })],
      crypto_24h_stats: [rows.stats(1, { last_trade_id: 8, last_price: "0" })],
    });
    assert.equal((await adapter.stored("order_book"))[0]?.last_update_id, 6);
    assert.equal((await adapter.stored("latest_prices"))[0]?.price, "2");
    assert.equal((await adapter.stored("crypto_24h_stats"))[0]?.last_price, "1.5");
  });

  await step("takes several rows of one key in one batch", async (tables) => {
    const counts = await tables.write({
      order_book: [rows.book(7), rows.book(9), rows.book(8)],
      recent_trades: [rows.trade(1), rows.trade(1), rows.trade(2)],
    });
    assert.deepEqual(counts.order_book, { written: 1, unchanged: 2 });
    assert.deepEqual(counts.recent_trades, { written: 2, unchanged: 1 });
    assert.equal((await adapter.stored("order_book"))[0]?.last_update_id, 9);
  });

  await step("ends with the same rows in any order, any number of times (I2)", async (tables) => {
    const seed = testSeed("market tables in any order");
    const written: TableBatch[] = [1, 2, 3].flatMap((i) => [
      { order_book: [rows.book(i, { version: 100 + (i >> 1) })] },
      { klines: [rows.kline(0, i)], completeness: [rows.gap(1, 1 + i, { version: i })] },
      { recent_trades: [rows.trade(i)], latest_prices: [rows.price(0, { last_trade_id: i })] },
    ]);
    for (const batch of written) await tables.write(batch);
    const expected = await all(adapter);
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([...written, ...written], { minLength: written.length * 2 }),
        async (order) => {
          await adapter.empty();
          await using fresh = await adapter.open();
          for (const batch of order) await fresh.write(batch);
          assert.deepEqual(await all(adapter), expected);
        },
      ),
      { seed, numRuns: 6 },
    );
  });

  await step("tells what a restart needs", async (tables) => {
    await tables.write({
      recent_trades: [rows.trade(5), rows.trade(9), rows.trade(7, { symbol: "币安人生USDT" })],
      klines: [rows.kline(0, 1, { closed: true }), rows.kline(1, 1)],
      completeness: [rows.gap(1, 2), rows.gap(4, 4, { state: "lost" })],
    });
    const wanted = ["BTCUSDT", "币安人生USDT", "NONE"];
    assert.deepEqual(
      [...await tables.lastTradeIds(wanted)].sort(),
      [["BTCUSDT", 9], ["币安人生USDT", 7]],
    );
    assert.deepEqual([...await tables.lastClosedKlines(wanted)], [["BTCUSDT", AT]]);
    assert.deepEqual(await tables.openGaps(), [rows.gap(1, 2)]);
  });
}

async function all(adapter: Adapter): Promise<unknown> {
  const tables: Record<string, AnyRow[]> = {};
  for (const table of WRITE_ORDER) tables[table] = await adapter.stored(table);
  return tables;
}

Deno.test("market tables in memory", async (t) => {
  let tables = new MemoryTables();
  await contract(t, {
    open: () => Promise.resolve(tables),
    stored: (table) =>
      Promise.resolve(
        tables.rows(table).sort((a, b) => rowKey(table, a) < rowKey(table, b) ? -1 : 1),
      ),
    empty: () => Promise.resolve(void (tables = new MemoryTables())),
  });
});

Deno.test("market tables in PostgreSQL", async (t) => {
  await using database = await testDatabase({ from: AT, to: AT });
  const open = (epoch = 1) => new PostgresTables({ ...database.login, epoch });
  await contract(t, {
    open: (epoch) => Promise.resolve(open(epoch)),
    stored: (table) => storedRows(database, table),
    async marks() {
      const marks = [];
      for (const table of WRITE_ORDER) {
        marks.push((await database.owner.query(`SELECT xmin::text, ctid::text FROM ${table}`)).rows);
      }
      return JSON.stringify(marks);
    },
    empty: () => database.empty(),
  });

  await t.step("refuses a writer that a newer one has followed", async () => {
    await database.empty();
    await using old = open(1);
    await old.write(oneOfEach());
    await using newer = open(2);
    await newer.write({});
    await assert.rejects(() => old.write({ order_book: [rows.book(99)] }), { code: "table.fenced" });
    assert.equal((await storedRows(database, "order_book"))[0]?.last_update_id, 5);
    await using late = open(1);
    await assert.rejects(() => late.write({}), { code: "table.fenced", retry: "operator" });
  });

  await t.step("names every row that can never be stored, and writes nothing of its batch", async () => {
    await database.empty();
    await using tables = open();
    const trades = Array.from({ length: 40 }, (_, i) => rows.trade(i));
    trades[7] = rows.trade(7, { price: "abc" });
    trades[33] = rows.trade(33, { symbol: null as unknown as string });
    const error = await tables.write({ recent_trades: trades, order_book: [rows.book(1)] }).catch((e) => e);
    assert.ok(error instanceof CandlewireError);
    assert.equal(error.code, "table.bad_row");
    assert.match(error.message, /recent_trades, row 7: .*"abc"/);
    assert.deepEqual((error.details.rows as { index: number }[]).map((row) => row.index), [7, 33]);
    assert.equal((await storedRows(database, "order_book")).length, 0);
    await tables.write({ recent_trades: trades.filter((_, i) => i !== 7 && i !== 33) });
    assert.equal((await storedRows(database, "recent_trades")).length, 38);
  });

  await t.step("names the days that lack a partition, and writes once they are there", async () => {
    await database.empty();
    await using tables = open();
    const day = Math.floor(AT / DAY_MS) * DAY_MS;
    const old = [1, 2, 5].map((days) => rows.trade(days, { trade_time: (day - days * DAY_MS) as typeof AT }));
    const batch: TableBatch = { recent_trades: [rows.trade(0), ...old] };
    const error = await tables.write(batch).catch((e) => e);
    assert.equal(error.code, "table.missing_partition");
    assert.equal(error.retry, "retry");
    const ranges = error.details.ranges as { table: string; from: number; to: number }[];
    assert.deepEqual(ranges.map((range) => [(range.from - day) / DAY_MS, (range.to + 1 - day) / DAY_MS]), [
      [-5, -4],
      [-2, 1],
    ]);
    for (const range of ranges) await database.partitions(range.table, range);
    assert.equal((await tables.write(batch)).recent_trades.written, 4);
  });

  await t.step("goes on after its connection was cut, with the same batch (lost answer)", async () => {
    await database.empty();
    await using tables = open();
    await tables.write(oneOfEach());
    await database.owner.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'candlewire producer'",
    );
    let counts: Awaited<ReturnType<MarketTables["write"]>> | undefined;
    for (let i = 0; i < 3 && counts === undefined; i++) {
      counts = await tables.write(oneOfEach()).catch((error) => {
        assert.equal(error.code, "table.unavailable");
        assert.equal(error.retry, "retry");
        return undefined;
      });
    }
    assert.deepEqual(counts?.recent_trades, { written: 0, unchanged: 1 });
  });

  await t.step("tells a schema that it does not know from a row that is bad", async () => {
    await database.empty();
    await using tables = open();
    await tables.write({});
    await database.owner.query("ALTER TABLE order_book RENAME COLUMN depth TO levels");
    try {
      await assert.rejects(() => tables.write(oneOfEach()), {
        code: "table.schema_mismatch",
        message: /"depth"/,
        retry: "operator",
      });
    } finally {
      await database.owner.query("ALTER TABLE order_book RENAME COLUMN levels TO depth");
    }
    assert.equal((await tables.write(oneOfEach())).order_book.written, 1);
  });
});

async function storedRows(database: TestDatabase, table: keyof TableBatch): Promise<AnyRow[]> {
  const shape = ROW_SHAPES[table];
  const columns = Object.entries(shape.columns).map(([name, kind]) =>
    kind === "ms"
      ? `(extract(epoch FROM ${name}) * 1000)::bigint AS ${name}`
      : kind === "decimal"
      ? `${name}::text`
      : name
  );
  const found = await database.owner.query(
    `SELECT ${columns.join(", ")} FROM ${table} ORDER BY ${shape.key.join(", ")}`,
  );
  return found.rows.map((row: AnyRow) =>
    Object.fromEntries(
      Object.entries(shape.columns).map(([name, kind]) => [
        name,
        kind === "id" || kind === "count" || kind === "ms" ? Number(row[name]) : row[name],
      ]),
    )
  );
}
