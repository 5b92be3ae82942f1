import assert from "node:assert/strict";
import fc from "fast-check";
import { CandlewireError } from "../../error.ts";
import type { EpochMs } from "../../market/epoch.ts";
import type { BookRow, KlineRow, PriceRow, StatsRow, TableName, TableRows } from "../../market/table.ts";
import { testSeed } from "../../tests/seed.ts";
import { TcpProxy } from "../../tests/tcp_proxy.ts";
import { stackIgnore, stackName } from "../../tests/test_stack.ts";
import { wait } from "../../wait.ts";
import type { Change } from "../transform/transform.ts";
import type { MarketStore, StoreBatch } from "./market_store.ts";
import { CassandraMarketStore } from "./cassandra.ts";
import { KEEP_ALL, TEST_ORIGIN, TestKeyspace } from "./testing/cassandra_keyspace.ts";
import { minuteOf } from "./trade_runs.ts";

const T0 = 1_723_161_240_000; // a whole minute
const MINUTE = 60_000;

/** One keyspace for all tests, each with symbols of its own; the last test drops it. */
let shared: TestKeyspace | undefined;
let symbols = 0;

function test(name: string, run: (keyspace: TestKeyspace, symbol: string) => Promise<void>): void {
  Deno.test({
    name: stackName(`cassandra: ${name}`),
    ...stackIgnore,
    sanitizeResources: false,
    fn: async () => await run(shared ??= await TestKeyspace.create(), `T${++symbols}USDT`),
  });
}

function change<T extends TableName>(
  table: T,
  row: TableRows[T],
  version: number,
  more: Partial<Change> = {},
): Change {
  const topic = `binance.public.${table}`;
  return { table, kind: "upsert", row, version, topic, partition: 0, offset: 0, ...more } as Change;
}

function trade(symbol: string, id: number, time = T0 + id, more: Partial<Change> = {}): Change {
  return change(
    "recent_trades",
    {
      symbol,
      trade_id: id,
      price: "61234.56000000",
      quantity: "0.00123000",
      trade_time: time as EpochMs,
      is_buyer_maker: true,
      backfill: false,
    },
    time * 1000,
    { offset: id, ...more },
  );
}

function book(
  symbol: string,
  at: number,
  sides: { bids: [string, string][]; asks: [string, string][] },
): Change {
  const row: BookRow = {
    symbol,
    bids: JSON.stringify(sides.bids),
    asks: JSON.stringify(sides.asks),
    depth: 100,
    last_update_id: at,
    trusted: true,
    updated_at: T0 + at as EpochMs,
    version: (T0 + at) * 1000,
  };
  return change("order_book", row, row.version, {
    enrichment: { best_bid: sides.bids[0]?.[0] ?? null, best_ask: null, spread: null, mid: null },
  });
}

const batch = (changes: Change[], at = T0): StoreBatch => ({
  changes,
  positions: [],
  deadLetters: [],
  at: at as EpochMs,
});

const isCode = (code: string) => (error: unknown) => error instanceof CandlewireError && error.code === code;

async function shuffledInTwos(store: MarketStore, changes: Change[], choices: () => number): Promise<void> {
  const again = [...changes, ...changes.slice(0, 3)];
  for (let at = again.length - 1; at > 0; at--) {
    const other = choices() % (at + 1);
    [again[at], again[other]] = [again[other]!, again[at]!];
  }
  for (let at = 0; at < again.length; at += 2) await store.write(batch(again.slice(at, at + 2)));
}

test("every table is written as the schema says, its marks beside it", async (keyspace, symbol) => {
  await using store = await keyspace.open();
  const stats: StatsRow = {
    symbol,
    price_change_percent: "-1.250",
    last_price: "61234.56000000",
    high_price: "62000.00000000",
    low_price: "60000.00000000",
    volume: "12345678901234.12345678",
    quote_volume: "98765432109876.87654321",
    trade_count: 5_000_000_000,
    last_trade_id: 4_000_000_000,
    quote_asset: null,
    updated_at: T0 as EpochMs,
    version: T0 * 1000,
  };
  const price: PriceRow = {
    symbol,
    price: "0.00000001",
    updated_at: T0 as EpochMs,
    last_trade_id: 7,
    version: T0 * 1000 + 7,
  };
  const kline: KlineRow = {
    symbol,
    open_time: T0 as EpochMs,
    close_time: T0 + 59_999 as EpochMs,
    open_price: "1",
    high_price: "2.5",
    low_price: "0.5",
    close_price: "2",
    volume: "10.00",
    quote_volume: "15.12345678",
    number_of_trades: 3,
    first_trade_id: -1,
    last_trade_id: -1,
    closed: true,
    backfill: true,
    version: (T0 + 119_999) * 1000,
  };
  const gap = {
    symbol,
    kind: "trade" as const,
    first_id: 5,
    last_id: 9,
    cause: "disconnect",
    state: "lost" as const,
    detected_at: T0 as EpochMs,
    updated_at: T0 + 1 as EpochMs,
    version: (T0 + 1) * 1000,
  };
  await store.write(batch([
    change("crypto_24h_stats", stats, stats.version),
    change("latest_prices", price, price.version),
    change("klines", kline, kline.version),
    change("completeness", gap, gap.version),
    book(symbol, 1, { bids: [["2.5", "1"]], asks: [] }),
  ]));
  const one = async (table: string) =>
    (await keyspace.rows(`SELECT * FROM ${table} WHERE symbol = ?`, [symbol]))[0];
  assert.equal((await one("crypto_24h_stats")).last_price, 61234.56);
  const marks = await one("stats_marks");
  assert.equal(marks.volume_text, stats.volume);
  assert.equal(marks.quote_volume_text, stats.quote_volume);
  assert.equal(Number(marks.trade_count), 5_000_000_000);
  assert.equal(marks.quote_asset, null);
  assert.equal((await one("latest_prices")).price, 1e-8);
  assert.equal(Number((await one("price_marks")).last_trade_id), 7);
  assert.equal((await one("klines")).number_of_trades, 3);
  const candle = await one("kline_marks");
  assert.deepEqual([candle.closed, candle.quote_volume_text, Number(candle.first_trade_id)], [
    true,
    "15.12345678",
    -1,
  ]);
  assert.equal((await one("completeness")).state, "lost");
  assert.equal((await one("order_book")).asks, "[]");
  assert.equal((await one("book_marks")).best_bid, "2.5");
  const [{ version }] = await keyspace.rows(
    "SELECT WRITETIME(price) AS version FROM latest_prices WHERE symbol = ?",
    [symbol],
  );
  assert.equal(Number(version), price.version);
});

test("the article's queries run", async (keyspace) => {
  await keyspace.rows("SELECT symbol, volume FROM crypto_24h_stats");
  await keyspace.rows(
    "SELECT open_time, number_of_trades FROM klines WHERE symbol = 'ETHUSDT' ALLOW FILTERING",
  );
});

test(
  "a row lives as long as its retention leaves it, and no longer for being late",
  async (keyspace, symbol) => {
    await using store = await keyspace.open({ retention: { ...KEEP_ALL, recent_trades: 3_600_000 } });
    const now = Date.now();
    const late = now - 3_000_000;
    await store.write(
      batch([trade(symbol, 1, now), trade(symbol, 2, late), trade(symbol, 3, now - 4_000_000)], now),
    );
    const rows = await keyspace.rows(
      "SELECT trade_id, TTL(price) AS ttl FROM recent_trades WHERE symbol = ?",
      [symbol],
    );
    const ttl = new Map(rows.map((row) => [Number(row.trade_id), row.ttl]));
    assert.ok(ttl.get(1) > 3540 && ttl.get(1) <= 3600, `${ttl.get(1)}`);
    assert.ok(ttl.get(2) > 540 && ttl.get(2) <= 600, `${ttl.get(2)}`);
    // What had expired meanwhile is not kept for ever.
    assert.ok((ttl.get(3) ?? 0) <= 1);
  },
);

test(
  "a retention beyond what Cassandra can say keeps for ever, and a clock that was ahead shortens no life",
  async (keyspace, symbol) => {
    const now = Date.now();
    const years = 365 * 86_400_000;
    await using store = await keyspace.open({
      retention: { ...KEEP_ALL, recent_trades: 15 * years, latest_prices: 3_600_000 },
    });
    const ahead = now + 7_200_000;
    const row: PriceRow = {
      symbol,
      price: "1",
      updated_at: now as EpochMs,
      last_trade_id: 1,
      version: now * 1000,
    };
    await store.write(batch([trade(symbol, 1, now), change("latest_prices", row, row.version)], ahead));
    const [kept] = await keyspace.rows("SELECT TTL(price) AS ttl FROM recent_trades WHERE symbol = ?", [
      symbol,
    ]);
    assert.equal(kept.ttl, null);
    const [price] = await keyspace.rows("SELECT TTL(price) AS ttl FROM latest_prices WHERE symbol = ?", [
      symbol,
    ]);
    assert.ok(price.ttl > 3500 && price.ttl <= 3600, `${price.ttl}`);
  },
);

test(
  "a letter that another instance has removed comes again with its payload (I5)",
  async (keyspace, symbol) => {
    await using one = await keyspace.open({ writer: "consumer-1" });
    await using other = await keyspace.open({ writer: "consumer-2" });
    const letter = {
      topic: `binance.public.${symbol}`,
      partition: 0,
      offset: 7,
      code: "change.malformed",
      message: "no JSON",
      key: "k",
      value: "v",
    };
    const write = (store: MarketStore) => store.write({ ...batch([]), deadLetters: [letter] });
    await write(one);
    const select = { limit: 10, topic: letter.topic };
    const [known] = await other.deadLetters(select);
    assert.ok(await one.dropDeadLetter(known!.id));
    // At time stamps of one millisecond, of two clients, the removal would win.
    await wait(2, new AbortController().signal);
    await write(other);
    const [again] = await other.deadLetters(select);
    assert.deepEqual([again?.key, again?.value], ["k", "v"]);
    assert.ok(await other.dropDeadLetter(known!.id));
  },
);

test("recent prices are those of the symbols asked for", async (keyspace, symbol) => {
  await using store = await keyspace.open();
  const prices = [`${symbol}A`, `${symbol}B`].flatMap((name) => [
    trade(name, 1),
    change("latest_prices", {
      symbol: name,
      price: "2",
      updated_at: T0 as EpochMs,
      last_trade_id: 1,
      version: T0 * 1000,
    }, T0 * 1000),
  ]);
  await store.write(batch(prices));
  const found = await store.recentPrices(MINUTE, 1000, { owns: (name) => name === `${symbol}B` });
  assert.deepEqual(found.map(({ symbol }) => symbol), [`${symbol}B`, `${symbol}B`]);
});

test("windows are not computed from trades of which some have expired", async (keyspace, symbol) => {
  const retention = { ...KEEP_ALL, recent_trades: 3_600_000 };
  const now = Date.now();
  {
    await using store = await keyspace.open({ retention });
    // As a replay brings them: of the oldest minute, half has expired or soon will.
    await store.write(
      batch(
        [trade(symbol, 1, now - 3_599_000), trade(symbol, 2, now - 1_800_000), trade(symbol, 3, now)],
        now,
      ),
    );
    const minutes = (await store.dirtyMinutes(100)).filter((dirty) => dirty.symbol === symbol);
    assert.deepEqual(minutes.map(({ minute }) => minute), [minuteOf(now - 1_800_000), minuteOf(now)]);
  }
  // Nor by one that finds the mark in the table.
  await using next = await keyspace.open({ retention });
  const minutes = (await next.dirtyMinutes(100)).filter((dirty) => dirty.symbol === symbol);
  assert.equal(minutes.length, 2);
});

test("levels are those of the newest book, whatever the order (I2)", async (keyspace, symbol) => {
  await using store = await keyspace.open({ levels: 3 });
  const seed = testSeed("levels");
  const side = fc.array(fc.tuple(fc.constantFrom("1", "2.5", "3"), fc.constantFrom("4", "5")), {
    maxLength: 5,
  });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ bids: side, asks: side }), { minLength: 1, maxLength: 5 }),
      fc.infiniteStream(fc.nat()),
      async (books, choices) => {
        const name = `${symbol}_${++run}`;
        const changes = books.map((sides, at) => book(name, at, sides));
        await shuffledInTwos(store, changes, () => choices.next().value as number);
        const newest = books.at(-1)!;
        const found = await keyspace.rows(
          "SELECT side, level, price FROM order_book_levels WHERE symbol = ?",
          [name],
        );
        const expected = (["asks", "bids"] as const).flatMap((key) =>
          newest[key].slice(0, 3).map(([price], at) => ({
            side: key === "asks" ? "ask" : "bid",
            level: at + 1,
            price: Number(price),
          }))
        );
        assert.deepEqual(found.map((row) => ({ ...row })), expected);
      },
    ),
    { seed, numRuns: 15 },
  );
});

test(
  "trade_index merges to the smallest and the greatest id, and lineage finds each trade (I2)",
  async (keyspace, symbol) => {
    await using left = await keyspace.open({ writer: "left" });
    await using right = await keyspace.open({ writer: "right" });
    const seed = testSeed("index");
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 12 }),
        fc.infiniteStream(fc.nat()),
        async (ids, choices) => {
          const name = `${symbol}_${++run}`;
          const of = (id: number) => trade(name, id, T0 + id * 1000);
          // Two writers, as at a rebalance, each with what it remembers of its own.
          await shuffledInTwos(left, ids.slice(0, 6).map(of), () => choices.next().value as number);
          await shuffledInTwos(right, ids.slice(4).map(of), () => choices.next().value as number);
          const found = await keyspace.rows(
            "SELECT minute, first_id, last_id FROM trade_index WHERE symbol = ?",
            [name],
          );
          const expected = new Map<number, number[]>();
          for (const id of ids) {
            const minute = Math.floor((T0 + id * 1000) / MINUTE) * MINUTE;
            expected.set(minute, [...expected.get(minute) ?? [], id]);
          }
          assert.deepEqual(
            new Map(found.map((row) => [row.minute.getTime(), [Number(row.first_id), Number(row.last_id)]])),
            new Map(
              [...expected].sort(([a], [b]) => b - a).map(([minute, all]) => [
                minute,
                [Math.min(...all), Math.max(...all)],
              ]),
            ),
          );
          const runs = await keyspace.rows("SELECT * FROM lineage WHERE symbol = ?", [name]);
          for (const id of ids) {
            const at = runs.find((row) =>
              Number(row.first_trade_id) <= id && Number(row.last_trade_id) >= id
            );
            assert.ok(at !== undefined, `trade ${id}`);
            assert.ok(Number(at.first_offset) <= id && Number(at.last_offset) >= id);
          }
        },
      ),
      { seed, numRuns: 15 },
    );
  },
);

test("a backfilled trade is told, until a newer version of it came by stream", async (keyspace, symbol) => {
  await using store = await keyspace.open();
  const refilled = trade(symbol, 1);
  refilled.row = { ...refilled.row, backfill: true } as typeof refilled.row;
  await store.write(batch([refilled, trade(symbol, 2)]));
  const backfill = async () => (await store.minuteTrades(symbol, T0 as EpochMs)).map((row) => row.backfill);
  assert.deepEqual(await backfill(), [true, false]);
  await store.write(batch([{ ...trade(symbol, 1), version: refilled.version + 1 }]));
  assert.deepEqual(await backfill(), [false, false]);
  await store.write(batch([refilled]));
  assert.deepEqual(await backfill(), [false, false]);
});

test(
  "marks outlive their writer, go to it again at its start, and to others later",
  async (keyspace, symbol) => {
    {
      await using store = await keyspace.open({ writer: `${symbol}-a` });
      await store.write(batch([trade(symbol, 1)]));
    }
    const ours = async (store: MarketStore) =>
      (await store.dirtyMinutes(1e6)).filter((dirty) => dirty.symbol === symbol);
    await using other = await keyspace.open({ writer: `${symbol}-b` });
    assert.deepEqual(await ours(other), []);
    await using again = await keyspace.open({ writer: `${symbol}-a` });
    const [dirty] = await ours(again);
    assert.equal(dirty!.minute, T0);
    await again.writeWindows([], [dirty!]);
    await using third = await keyspace.open({ writer: `${symbol}-a` });
    assert.deepEqual(await ours(third), []);
    // A mark that nobody has renewed for long.
    await keyspace.rows(
      "INSERT INTO dirty_minutes (symbol, minute, mark, writer) VALUES (?, ?, ?, 'gone') USING TIMESTAMP ?",
      [symbol, T0, (Date.now() - 200_000) * 1000, Date.now() * 1000],
    );
    await using fourth = await keyspace.open({ writer: `${symbol}-d` });
    assert.equal((await ours(fourth)).length, 1);
  },
);

test(
  "windows of an older reading never replace those of a newer one; what is gone is removed",
  async (keyspace, symbol) => {
    await using early = await keyspace.open({ writer: `${symbol}-a` });
    await using late = await keyspace.open({ writer: `${symbol}-b` });
    const window = (second: number, count: number) => ({
      symbol,
      window: "1s" as const,
      open_time: T0 + second * 1000 as EpochMs,
      trade_count: count,
      volume: "1.50",
      quote_volume: "3.00000001",
      vwap: "2.00000001",
      realised_variance: 0.25,
      first_trade_id: 1,
      last_trade_id: count,
    });
    await early.dirtyMinutes(1);
    await late.dirtyMinutes(1);
    const done = { symbol, minute: T0 as EpochMs, mark: 0 };
    await late.writeWindows([window(0, 5), window(2, 1)], [done]);
    await early.writeWindows([window(0, 3)], [done]);
    const stored = async () =>
      (await late.storedWindows(symbol, "1s", T0 as EpochMs, T0 + MINUTE as EpochMs)).map((row) => [
        (row.open_time - T0) / 1000,
        row.trade_count,
      ]);
    assert.deepEqual(await stored(), [[0, 5], [2, 1]]);
    assert.deepEqual(
      (await late.storedWindows(symbol, "1s", T0 as EpochMs, T0 + 1 as EpochMs))[0],
      window(0, 5),
    );
    await late.dirtyMinutes(1);
    await late.writeWindows([window(0, 5)], [done]);
    assert.deepEqual(await stored(), [[0, 5]]);
  },
);

test("a batch of many symbols, tables and large books is stored whole", async (keyspace, symbol) => {
  await using store = await keyspace.open({ levels: 20 });
  const side = Array.from(
    { length: 100 },
    (_, at): [string, string] => [`${60_000 + at}.12345678`, "0.00012345"],
  );
  const changes: Change[] = [];
  for (let at = 0; at < 40; at++) {
    const name = `${symbol}_${at % 7}`;
    changes.push(book(name, at, { bids: side, asks: side }));
    for (let id = 0; id < 100; id++) changes.push(trade(name, at * 100 + id));
  }
  await store.write(batch(changes));
  let trades = 0;
  let books = 0;
  for (let at = 0; at < 7; at++) {
    const count = async (table: string) =>
      Number(
        (await keyspace.rows(`SELECT COUNT(*) AS n FROM ${table} WHERE symbol = ?`, [`${symbol}_${at}`]))[0]
          .n,
      );
    trades += await count("recent_trades");
    books += await count("order_book");
  }
  assert.deepEqual([trades, books], [4000, 40]);
});

test(
  "rows that can never be stored are the rows' fault, told by column, and nothing of the batch is stored",
  async (keyspace, symbol) => {
    await using store = await keyspace.open();
    const bad: [string, Partial<Record<string, unknown>>][] = [
      ["price", { price: "one" }],
      ["price", { price: "" }],
      ["quantity", { quantity: null }],
      ["trade_id", { trade_id: 1.5 }],
      ["trade_time", { trade_time: NaN }],
      ["is_buyer_maker", { is_buyer_maker: "yes" }],
    ];
    for (const [column, fields] of bad) {
      const made = trade(symbol, 2);
      made.row = { ...made.row, ...fields } as typeof made.row;
      await assert.rejects(
        store.write(batch([trade(symbol, 1), made])),
        (error) => isCode("store.bad_row")(error) && (error as Error).message.includes(column),
      );
    }
    assert.deepEqual(await keyspace.rows("SELECT * FROM recent_trades WHERE symbol = ?", [symbol]), []);
  },
);

test(
  "statements that the server has forgotten, as after an ALTER, are told to it again",
  async (keyspace, symbol) => {
    await using store = await keyspace.open();
    await store.write(batch([trade(symbol, 1)]));
    for (const table of ["recent_trades", "trade_index", "lineage"]) {
      await keyspace.rows(`ALTER TABLE ${table} WITH comment = '${symbol}'`);
    }
    await store.write(batch(Array.from({ length: 300 }, (_, at) => trade(symbol, at + 1))));
    assert.equal((await store.minuteTrades(symbol, T0 as EpochMs)).length, 300);
  },
);

test("a symbol's first trade, whose id is 0, is stored and indexed", async (keyspace, symbol) => {
  await using store = await keyspace.open();
  await store.write(batch([trade(symbol, 1)]));
  await store.write(batch([trade(symbol, 0), trade(symbol, 2)]));
  const [index] = await keyspace.rows(`SELECT first_id, last_id FROM trade_index WHERE symbol = '${symbol}'`);
  assert.deepEqual([Number(index!.first_id), Number(index!.last_id)], [0, 2]);
  const stored = await store.minuteTrades(symbol, T0 as EpochMs);
  assert.deepEqual(stored.map(({ trade_id }) => trade_id), [0, 1, 2]);
});

test(
  "a connection that breaks or goes silent is waited for; the same batch again is whole (I1, I2)",
  async (keyspace, symbol) => {
    const { login } = keyspace;
    await using proxy = new TcpProxy({ hostname: login.contactPoints[0]!, port: login.port });
    const to = { ...login, contactPoints: ["127.0.0.1"], port: proxy.port, requestTimeoutMs: 5000 };
    await using store = await CassandraMarketStore.open(to, {
      origin: TEST_ORIGIN,
      writer: "cut",
      retention: KEEP_ALL,
    });
    const changes = Array.from({ length: 3000 }, (_, at) => trade(symbol, at + 1, T0 + at));
    const isUnavailable = (error: unknown) =>
      isCode("store.unavailable")(error) && (error as CandlewireError).retry === "retry";
    const whole = async () => {
      const deadline = Date.now() + 60_000;
      for (;;) {
        try {
          return await store.write(batch(changes));
        } catch (error) {
          assert.ok(isUnavailable(error), `${error}`);
          assert.ok(Date.now() < deadline, `not back: ${error}`);
          // As the consumer's loop does; without a turn of the event loop nobody connects again.
          await wait(50, AbortSignal.timeout(60_000));
        }
      }
    };
    proxy.hold("answers");
    await assert.rejects(store.write(batch(changes)), isUnavailable);
    proxy.restore();
    await whole();
    const cutting = store.write(batch(changes));
    proxy.cut();
    await assert.rejects(cutting, isUnavailable);
    await assert.rejects(store.write(batch(changes)), isUnavailable);
    proxy.restore();
    await whole();
    assert.equal((await store.minuteTrades(symbol, T0 as EpochMs)).length, 3000);
    assert.deepEqual(
      (await store.dirtyMinutes(1e6)).filter((dirty) => dirty.symbol === symbol).map(({ minute }) => minute),
      [T0],
    );
  },
);

test("levels of consistency go by table", async (keyspace, symbol) => {
  const { login } = keyspace;
  // On one node, TWO can never be had: only the table that asks for it fails.
  const strict = { ...login, consistency: { ...login.consistency, tables: { order_book: "TWO" as const } } };
  await using store = await CassandraMarketStore.open(strict, {
    origin: TEST_ORIGIN,
    writer: "strict",
    retention: KEEP_ALL,
  });
  await store.write(batch([trade(symbol, 1)]));
  await assert.rejects(
    store.write(batch([trade(symbol, 2), book(symbol, 1, { bids: [], asks: [] })])),
    (error) => isCode("store.unavailable")(error) && (error as CandlewireError).retry === "retry",
  );
});

test("a store of another origin, or of a keyspace that is not there, is not opened (I8)", async (keyspace) => {
  await assert.rejects(
    keyspace.open({ origin: { kind: "live", id: "binance", label: "Binance" } }),
    isCode("store.origin_mismatch"),
  );
});

// The last: it drops what all tests share.
test("a table or keyspace that someone dropped is named, with the remedy", async (keyspace, symbol) => {
  await using store = await keyspace.open();
  await store.write(batch([trade(symbol, 1)]));
  await store.minuteTrades(symbol, T0 as EpochMs);
  const isTold = (what: string) => (error: unknown) =>
    isCode("store.schema_missing")(error) && (error as CandlewireError).retry === "operator" &&
    (error as Error).message.includes(what) && /Start the host/.test((error as CandlewireError).hint!);
  await keyspace.rows("DROP TABLE recent_trades");
  await assert.rejects(store.write(batch([trade(symbol, 2)])), isTold("recent_trades"));
  await assert.rejects(store.minuteTrades(symbol, T0 as EpochMs), isTold("recent_trades"));
  await keyspace[Symbol.asyncDispose]();
  await assert.rejects(store.write(batch([trade(symbol, 2)])), isTold(keyspace.login.keyspace));
  await assert.rejects(store.minuteTrades(symbol, T0 as EpochMs), isTold(keyspace.login.keyspace));
});
