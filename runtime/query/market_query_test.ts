import assert from "node:assert/strict";
import fc from "fast-check";
import type { MarketStore, NewDeadLetter } from "../consumer/store/market_store.ts";
import { enrich } from "../consumer/transform/enrich.ts";
import type { Change } from "../consumer/transform/transform.ts";
import { recomputeWindows } from "../consumer/transform/windows.ts";
import { CandlewireError } from "../error.ts";
import { until } from "../tests/pipeline_process.ts";
import { testSeed } from "../tests/seed.ts";
import type { Page } from "./market_query.ts";
import { cassandraSubject } from "./testing/cassandra_subject.ts";
import { ORIGIN, type QuerySubject, stats, T0, trade, upsert } from "./testing/query_subject.ts";
import { sqliteSubject } from "./testing/sqlite_subject.ts";

/** Each store is filled through its own store adapter and read through its query adapter. */
const SUBJECTS: QuerySubject[] = [sqliteSubject, cassandraSubject];

const isCode = (code: string) => (error: unknown) => error instanceof CandlewireError && error.code === code;

async function write(store: MarketStore, changes: Change[], deadLetters: NewDeadLetter[] = []) {
  await store.write({ changes, positions: [], deadLetters, at: T0 });
}

function letter(offset: number, more: Partial<NewDeadLetter> = {}): NewDeadLetter {
  return {
    topic: "t",
    partition: 0,
    offset,
    code: "transform.bad_json",
    message: "m",
    key: null,
    value: "v",
    ...more,
  };
}

/** All pages, one after the other. */
async function all<R>(read: (cursor?: string) => Promise<Page<R>>, limit: number): Promise<R[]> {
  const rows: R[] = [];
  let cursor: string | undefined;
  do {
    const page = await read(cursor);
    assert.ok(page.rows.length <= limit);
    assert.ok(page.next === null || page.rows.length === limit, "a page before the last is full");
    assert.ok((page.next?.length ?? 0) <= 1024, "the API takes cursors of 1,024 characters");
    rows.push(...page.rows);
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return rows;
}

for (const subject of SUBJECTS) {
  const runs = subject.skipped === "";
  Deno.test.beforeAll(async () => runs ? await subject.begin?.() : undefined);
  Deno.test.afterAll(async () => runs ? await subject.end?.() : undefined);
  const test = (name: string, run: (made: Awaited<ReturnType<QuerySubject["make"]>>) => Promise<void>) =>
    Deno.test({
      name: `${subject.name}: ${name}${runs ? "" : ` (skipped: ${subject.skipped})`}`,
      ignore: !runs,
      fn: async () => {
        await using made = await subject.make();
        await run(made);
      },
    });
  /** I9: the same text, or the same number to 15 significant digits. */
  const sameMoney = (actual: string | null | undefined, expected: string | null) => {
    if (subject.exactDecimals || typeof actual !== "string" || expected === null) {
      assert.equal(actual, expected);
      return;
    }
    assert.match(actual, /^-?\d+(\.\d+)?$/, "money is plain decimal text");
    assert.equal(Number(actual).toPrecision(15), Number(expected).toPrecision(15));
  };

  test("paging by any page size and order yields every row exactly once", async ({ store, query }) => {
    const times = Array.from({ length: 40 }, (_, at) => T0 + Math.floor(at / 3) * 20_000);
    await write(
      store,
      [
        ...times.map((time, at) => trade(at + 1, time)),
        ...times.map((time, at) => trade(at + 1, time, "ETHUSDT")),
        ...times.map((_, at) =>
          upsert("latest_prices", {
            symbol: "BTCUSDT",
            price: "1",
            updated_at: T0 + at,
            last_trade_id: at,
            version: (T0 + at) * 1000,
          })
        ),
        ...times.map((_, at) => stats(`S${at}USDT`, at % 4 === 0 ? null : "USDT", "1", String(at % 5))),
        ...times.map((_, at) =>
          upsert("completeness", {
            symbol: `S${at % 3}`,
            kind: at % 2 === 0 ? "trade" : "book",
            first_id: at,
            last_id: at,
            cause: "disconnect",
            state: "open",
            detected_at: T0,
            updated_at: T0,
            version: T0 * 1000,
          })
        ),
      ],
      times.map((_, offset) => letter(offset)),
    );
    await store.raiseAlerts(times.map((_, at) => ({
      id: `a${at}`,
      rule: "r",
      symbol: "S",
      message: "m",
      raisedAt: T0,
      evidence: { at },
    })));
    const seed = testSeed("paging");
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 45 }),
        fc.constantFrom("asc" as const, "desc" as const),
        fc.option(fc.integer({ min: -5, max: 300 }), { nil: undefined }),
        fc.option(fc.integer({ min: -5, max: 300 }), { nil: undefined }),
        fc.constantFrom("quote_volume_usdt" as const, "volume" as const, "symbol" as const),
        async (limit, order, fromS, toS, orderBy) => {
          const from = fromS === undefined ? undefined : T0 + fromS * 1000;
          const to = toS === undefined ? undefined : T0 + toS * 1000;
          const range = { symbol: "BTCUSDT", from, to, limit, order } as Parameters<typeof query.trades>[0];
          const trades = await all((cursor) => query.trades({ ...range, cursor }), limit);
          const expected = times.flatMap((time, at) =>
            (from === undefined || time >= from) && (to === undefined || time < to) ? [at + 1] : []
          );
          assert.deepEqual(
            trades.map(({ trade_id }) => trade_id),
            order === "asc" ? expected : expected.reverse(),
          );
          const prices = await all(
            (cursor) => query.prices({ symbol: "BTCUSDT", limit, cursor, order }),
            limit,
          );
          const at = prices.map(({ updated_at }) => updated_at - T0);
          assert.deepEqual(at, order === "asc" ? times.map((_, i) => i) : times.map((_, i) => 39 - i));
          const tickers = await all((cursor) => query.tickers({ limit, orderBy, cursor }), limit);
          const gaps = await all((cursor) => query.completeness({ limit, cursor }), limit);
          const letters = await all((cursor) => query.deadLetters({ limit, cursor }), limit);
          const alerts = await all((cursor) => query.alerts({ limit, cursor }), limit);
          for (
            const list of [
              tickers.map(({ symbol }) => symbol),
              gaps.map(({ first_id }) => first_id),
              letters.map(({ id }) => id),
              alerts.map(({ id }) => id),
            ]
          ) {
            assert.equal(new Set<string | number>(list).size, 40);
            assert.equal(list.length, 40);
          }
          // Gaps of one symbol come in the order of their key.
          const one = await all((cursor) => query.completeness({ symbol: "S1", limit, cursor }), limit);
          const key = one.map((gap) => [gap.kind, gap.first_id] as const);
          assert.equal(key.length, 13);
          assert.deepEqual(key, [...key].sort((a, b) => a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1]));
        },
      ),
      { seed, numRuns: 25 },
    );
  });

  test("rows come back as they were written, money as exactly as the store keeps it (I9)", async (made) => {
    const { store, query } = made;
    const candle = {
      symbol: "ETHUSDT",
      open_time: T0,
      close_time: T0 + 59_999,
      open_price: "2701.15000000",
      high_price: "2702.00000000",
      low_price: "0.00000012",
      close_price: "12345678.12345678",
      volume: "0.00000000",
      quote_volume: "9876543.21098765",
      number_of_trades: 2_000_000_001,
      first_trade_id: 9_007_199_254_740_000,
      last_trade_id: 9_007_199_254_740_991,
      closed: true,
      backfill: false,
      version: (T0 + 119_999) * 1000,
    };
    const open = { ...candle, open_time: T0 + 60_000, closed: false, backfill: true, first_trade_id: -1 };
    const backfilled = trade(9, T0 + 5);
    Object.assign(backfilled.row, { backfill: true, price: "0.00000001", quantity: "99999999.99999999" });
    await write(store, [
      upsert("klines", candle),
      upsert("klines", open),
      trade(8, T0),
      backfilled,
      upsert("latest_prices", {
        symbol: "ETHUSDT",
        price: "0.10",
        updated_at: T0 + 7,
        last_trade_id: 9,
        version: (T0 + 7) * 1000,
      }),
      stats("ETHUSDT", "USDT", "2701.15", "100.5"),
    ]);
    const { rows: candles } = await query.klines({ symbol: "ETHUSDT", limit: 10, order: "asc" });
    assert.equal(candles.length, 2);
    for (const [at, written] of [candle, open].entries()) {
      for (const [column, value] of Object.entries(written)) {
        const found = candles[at]![column as keyof typeof candles[0]];
        if (/_price$|volume$/.test(column)) sameMoney(found as string, value as string);
        else assert.equal(found, value, column);
      }
    }
    const { rows: trades } = await query.trades({ symbol: "BTCUSDT", limit: 10, order: "asc" });
    assert.deepEqual(
      trades.map((
        { trade_id, trade_time, is_buyer_maker, backfill },
      ) => [trade_id, trade_time, is_buyer_maker, backfill]),
      [[8, T0, true, false], [9, T0 + 5, false, true]],
    );
    sameMoney(trades[1]!.price, "0.00000001");
    sameMoney(trades[1]!.quantity, "99999999.99999999");
    const { rows: [price] } = await query.prices({ symbol: "ETHUSDT", limit: 1 });
    sameMoney(price!.price, "0.10");
    assert.deepEqual([price!.updated_at, price!.version], [T0 + 7, (T0 + 7) * 1000]);
    const { rows: [ticker] } = await query.tickers({ limit: 1, orderBy: "symbol" });
    sameMoney(ticker!.price_change_percent, "-1.5");
    assert.deepEqual(
      [ticker!.trade_count, ticker!.last_trade_id, ticker!.quote_asset, ticker!.updated_at, ticker!.version],
      [1, 1, "USDT", T0, T0 * 1000],
    );
  });

  test("markets are ranked by quote volume in USDT, over one bridge at most; no path is last", async (made) => {
    await write(made.store, [
      stats("BTCUSDT", "USDT", "60000.00", "1000.00"),
      stats("ETHBTC", "BTC", "0.05", "2"), // 120,000
      stats("USDTTRY", "TRY", "30", "900"), // 30
      stats("BTCTRY", "TRY", "1800000", "60"), // 2
      stats("BTCEUR", "EUR", "50000", "100"), // 100 EUR / 50,000 × 60,000 = 120
      stats("AVAXXYZ", "XYZ", "1", "99999999"),
      stats("OLDUSDT", null, "1", "5"),
    ]);
    const { rows } = await made.query.tickers({ limit: 10, orderBy: "quote_volume_usdt" });
    const expected: [string, string | null][] = [
      ["ETHBTC", "120000.00000000"],
      ["BTCUSDT", "1000.00"],
      ["BTCEUR", "120.00000000"],
      ["USDTTRY", "30.00000000"],
      ["BTCTRY", "2.00000000"],
      ["AVAXXYZ", null],
      ["OLDUSDT", null],
    ];
    assert.deepEqual(rows.map(({ symbol }) => symbol), expected.map(([symbol]) => symbol));
    for (const [at, [, value]] of expected.entries()) sameMoney(rows[at]!.quote_volume_usdt, value);
  });

  test("a book comes with its levels, spread and mid; of two stored ones the newest", async ({ store, query }) => {
    const book = (at: number, bids: unknown, asks: unknown) =>
      upsert("order_book", {
        symbol: "BTCUSDT",
        bids: JSON.stringify(bids),
        asks: JSON.stringify(asks),
        depth: 2,
        last_update_id: at,
        trusted: true,
        updated_at: T0 + at,
        version: (T0 + at) * 1000,
      });
    const outcomes = await enrich().apply([
      book(1, [["1", "1"]], []),
      book(2, [["99.98", "2.5"], ["99.97", "1"]], [["100.01", "0.10000000"]]),
      book(3, [["99.98"]], []),
      book(4, { no: "list" }, []),
    ]);
    assert.deepEqual(outcomes.map(({ kind }) => kind), ["keep", "keep", "fail", "fail"]);
    await write(store, outcomes.flatMap((outcome) => outcome.kind === "keep" ? [outcome.change] : []));
    const found = await query.book("BTCUSDT");
    assert.deepEqual(
      [found!.best_bid, found!.best_ask, found!.spread, found!.mid, found!.trusted, found!.last_update_id],
      ["99.98", "100.01", "0.03", "99.995", true, 2],
    );
    assert.deepEqual([found!.depth, found!.updated_at, found!.version], [2, T0 + 2, (T0 + 2) * 1000]);
    assert.deepEqual(found!.levels, [
      { side: "bid", level: 1, price: "99.98", quantity: "2.5", notional: "249.950" },
      { side: "bid", level: 2, price: "99.97", quantity: "1", notional: "99.97" },
      { side: "ask", level: 1, price: "100.01", quantity: "0.10000000", notional: "10.00100000" },
    ]);
    assert.equal(await query.book("ETHUSDT"), undefined);
  });

  test("lineage names the records that held a trade, also when runs grew over many batches", async (made) => {
    const { store, query } = made;
    for (let id = 1; id <= 2500; id += 50) {
      await write(store, Array.from({ length: 50 }, (_, at) => trade(id + at, T0 + id + at)));
    }
    await write(store, [{ ...trade(4000, T0), offset: 9000 }]);
    for (const id of [1, 999, 1000, 1001, 2500]) {
      const run = await query.lineage("BTCUSDT", id);
      assert.ok(run !== undefined && run.first_offset <= id && id <= run.last_offset, `trade ${id}`);
      assert.ok(run.last_offset - run.first_offset < 1000);
      assert.deepEqual(
        [run.symbol, run.trade_id, run.topic, run.partition, run.stored_at],
        ["BTCUSDT", id, "binance.public.recent_trades", 1, T0],
      );
    }
    assert.deepEqual((await query.lineage("BTCUSDT", 4000))!.first_offset, 9000);
    assert.equal(await query.lineage("BTCUSDT", 3000), undefined);
    assert.equal(await query.lineage("NOSUCH", 1), undefined);
  });

  test("aggregates, counts and origin answer", async ({ store, query }) => {
    await write(store, [trade(1, T0), trade(2, T0 + 500), trade(3, T0 + 61_000)]);
    await recomputeWindows(store, { maxMinutes: 10, maxTrades: 100 });
    const { rows } = await query.aggregates({ symbol: "BTCUSDT", window: "1h", limit: 10 });
    assert.deepEqual(
      rows.map(({ trade_count, volume, vwap, realised_volatility }) => [
        trade_count,
        Number(volume),
        Number(vwap),
        realised_volatility,
      ]),
      [[3, 6, 100, 0]],
    );
    assert.deepEqual([rows[0]!.first_trade_id, rows[0]!.last_trade_id], [1, 3]);
    sameMoney(rows[0]!.quote_volume, "600.00000000");
    const minutes = await all(
      (cursor) => query.aggregates({ symbol: "BTCUSDT", window: "1m", limit: 1, cursor, order: "asc" }),
      1,
    );
    assert.deepEqual(minutes.map(({ trade_count }) => trade_count), [2, 1]);
    // Where counting is dear, a number is reached in steps.
    const counts = await until("3 trades counted", 10_000, async () => {
      const counts = await query.counts();
      return counts.recent_trades === 3 ? counts : undefined;
    });
    assert.equal(counts.klines ?? 0, 0);
    assert.equal(counts.dead_letters, 0);
    assert.deepEqual(await query.origin(), ORIGIN);
  });

  test("dead letters are listed newest first, by code and topic, cut in the list and whole by id (I5)", async (made) => {
    const { store, query } = made;
    const long = 'é{"'.repeat(50_000);
    await write(store, [], [
      letter(1, { value: long }),
      letter(2, { code: "transform.timeout", key: '{"symbol":"A"}' }),
      letter(3, { topic: "u" }),
    ]);
    await store.write({ changes: [], positions: [], deadLetters: [letter(4)], at: (T0 + 1000) as typeof T0 });
    await store.write({
      changes: [],
      positions: [],
      deadLetters: [letter(2, { key: '{"symbol":"A"}' })],
      at: (T0 + 2000) as typeof T0,
    });
    const { rows, next } = await query.deadLetters({ limit: 10 });
    assert.equal(next, null);
    assert.equal(rows.length, 4);
    assert.equal(rows[0]!.offset, 4);
    const cut = rows.find(({ offset }) => offset === 1)!;
    assert.equal(cut.value, long.slice(0, 64 * 1024));
    assert.equal((await query.deadLetter(cut.id))!.value, long);
    const again = (await query.deadLetter(rows.find(({ offset }) => offset === 2)!.id))!;
    assert.deepEqual(
      [again.attempts, again.first_failed_at, again.last_failed_at, again.key, again.topic, again.partition],
      [2, T0, T0 + 2000, '{"symbol":"A"}', "t", 0],
    );
    const ids = async (more: { code?: string; topic?: string }) =>
      (await all((cursor) => query.deadLetters({ limit: 1, cursor, ...more }), 1)).map(({ offset }) =>
        offset
      );
    assert.deepEqual(await ids({ topic: "u" }), [3]);
    assert.deepEqual((await ids({ code: "transform.bad_json", topic: "t" })).sort(), [1, 2, 4]);
    assert.deepEqual(await ids({ code: "transform.none" }), []);
    assert.equal(await query.deadLetter("none"), undefined);
    assert.equal(await store.dropDeadLetter(cut.id), true);
    assert.equal(await query.deadLetter(cut.id), undefined);
    assert.equal((await query.deadLetters({ limit: 10 })).rows.length, 3);
  });

  test("alerts are listed newest first with their evidence, and those undelivered alone", async (made) => {
    const { store, query } = made;
    const day = 86_400_000;
    const alert = (id: string, at: number) => ({
      id,
      rule: "price-move",
      symbol: "BTCUSDT",
      message: `about ${id}`,
      raisedAt: (T0 + at) as typeof T0,
      evidence: { list: [1, "2"], at },
    });
    await store.raiseAlerts([alert("old", -3 * day), alert("a", 0), alert("b", 1), alert("c", day)]);
    await store.markDelivered("b");
    const { rows } = await query.alerts({ limit: 10 });
    assert.deepEqual(new Set(rows.map(({ id }) => id)), new Set(["c", "b", "a", "old"]));
    assert.equal(rows[0]!.id, "c");
    assert.deepEqual(rows.find(({ id }) => id === "b"), {
      id: "b",
      rule: "price-move",
      symbol: "BTCUSDT",
      message: "about b",
      raised_at: (T0 + 1) as typeof T0,
      evidence: { list: [1, "2"], at: 1 },
      delivered: true,
    });
    const open = await all((cursor) => query.alerts({ limit: 1, cursor, undeliveredOnly: true }), 1);
    assert.deepEqual(open.map(({ id }) => id).sort(), ["a", "c", "old"]);
  });

  test("whatever stands in a parameter is a value; symbols of any script are found", async (made) => {
    const { store, query } = made;
    const symbols = ["币安人生USDT", "1000SATSUSDT", "A'; DROP TABLE klines; --"];
    await write(store, symbols.map((symbol, at) => trade(at, T0, symbol)));
    for (const [at, symbol] of symbols.entries()) {
      const { rows } = await query.trades({ symbol, limit: 5 });
      assert.deepEqual(rows.map((row) => [row.symbol, row.trade_id]), [[symbol, at]]);
    }
    const none = { symbol: "' OR 1=1", limit: 5 };
    assert.deepEqual(await query.trades(none), { rows: [], next: null });
    assert.deepEqual(await query.klines(none), { rows: [], next: null });
    assert.deepEqual(await query.prices(none), { rows: [], next: null });
    assert.deepEqual(await query.completeness(none), { rows: [], next: null });
    assert.deepEqual(await query.aggregates({ ...none, window: "1s" }), { rows: [], next: null });
    // Times at the ends of what the API lets through, and a range turned round.
    const wide = { symbol: symbols[0]!, from: -8.64e15, to: 8.64e15, limit: 5 } as Parameters<
      typeof query.trades
    >[0];
    assert.equal((await query.trades(wide)).rows.length, 1);
    assert.deepEqual((await query.trades({ ...wide, from: wide.to, to: wide.from })).rows, []);
    assert.deepEqual((await query.klines({ ...wide, from: wide.to, to: wide.from })).rows, []);
  });

  test("bad cursors and bad limits are told apart", async ({ store, query }) => {
    await write(store, [trade(1, T0), trade(2, T0)]);
    const { next } = await query.trades({ symbol: "BTCUSDT", limit: 1 });
    for (const cursor of ["", "x", "%%%", "bnVsbA", next!.slice(0, -3)]) {
      await assert.rejects(
        query.trades({ symbol: "BTCUSDT", limit: 1, cursor }),
        isCode("query.bad_cursor"),
        cursor,
      );
    }
    for (
      const read of [
        () => query.prices({ symbol: "BTCUSDT", limit: 1, cursor: next! }),
        () => query.trades({ symbol: "BTCUSDT", limit: 1, cursor: next!, order: "asc" }),
        () => query.tickers({ limit: 1, orderBy: "volume", cursor: next! }),
        () => query.completeness({ limit: 1, cursor: next! }),
        () => query.deadLetters({ limit: 1, cursor: next! }),
        () => query.alerts({ limit: 1, cursor: next! }),
      ]
    ) await assert.rejects(read, isCode("query.bad_cursor"));
    for (const limit of [0, -1, NaN, 1.5]) {
      await assert.rejects(query.trades({ symbol: "BTCUSDT", limit }), isCode("query.bad_limit"));
      await assert.rejects(query.deadLetters({ limit }), isCode("query.bad_limit"));
    }
  });
}
