import assert from "node:assert/strict";
import fc from "fast-check";
import type { NewDeadLetter } from "../consumer/store/market_store.ts";
import { SqliteMarketStore } from "../consumer/store/sqlite.ts";
import type { Change } from "../consumer/transform/transform.ts";
import { enrich } from "../consumer/transform/enrich.ts";
import { recomputeWindows } from "../consumer/transform/windows.ts";
import { CandlewireError } from "../error.ts";
import type { EpochMs } from "../market/epoch.ts";
import type { TableName, TableRows } from "../market/table.ts";
import { testSeed } from "../tests/seed.ts";
import type { Page } from "./market_query.ts";
import { SqliteMarketQuery } from "./sqlite.ts";

const T0 = 1_723_161_240_000 as EpochMs;
const ORIGIN = { kind: "exchange", id: "test", label: "a test" } as const;

async function withStore(
  run: (store: SqliteMarketStore, query: SqliteMarketQuery) => Promise<void>,
): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    await using store = new SqliteMarketStore(`${folder}/store.db`, {
      origin: ORIGIN,
      writer: "consumer",
      epoch: 1,
    });
    await using query = new SqliteMarketQuery(`${folder}/store.db`);
    await run(store, query);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function change<T extends TableName>(table: T, row: TableRows[T], offset = 0): Change {
  const { version, trade_time } = row as unknown as { version?: number; trade_time?: number };
  return {
    table,
    kind: "upsert",
    row: row as Change["row"],
    version: version ?? trade_time! * 1000,
    topic: `binance.public.${table}`,
    partition: 1,
    offset,
  };
}

function trade(id: number, time: number, symbol = "BTCUSDT"): Change {
  return change("recent_trades", {
    symbol,
    trade_id: id,
    price: "100.00000000",
    quantity: "2.00000000",
    trade_time: time as EpochMs,
    is_buyer_maker: id % 2 === 0,
    backfill: false,
  }, id);
}

function stats(symbol: string, quote: string | null, last: string, quoteVolume: string): Change {
  return change("crypto_24h_stats", {
    symbol,
    price_change_percent: "-1.5",
    last_price: last,
    high_price: "1",
    low_price: "1",
    volume: "1",
    quote_volume: quoteVolume,
    trade_count: 1,
    last_trade_id: 1,
    quote_asset: quote,
    updated_at: T0,
    version: T0 * 1000,
  });
}

async function write(
  store: SqliteMarketStore,
  changes: Change[],
  deadLetters: NewDeadLetter[] = [],
): Promise<void> {
  await store.write({ changes, positions: [], deadLetters, at: T0 });
}

/** All pages, one after the other. */
async function all<R>(read: (cursor?: string) => Promise<Page<R>>, limit: number): Promise<R[]> {
  const rows: R[] = [];
  let cursor: string | undefined;
  do {
    const page = await read(cursor);
    assert.ok(page.rows.length <= limit);
    assert.ok(page.next === null || page.rows.length === limit, "a page before the last is full");
    rows.push(...page.rows);
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return rows;
}

Deno.test("paging by any page size and order yields every row exactly once", async () => {
  await withStore(async (store, query) => {
    const times = Array.from({ length: 40 }, (_, at) => T0 + Math.floor(at / 3) * 20_000);
    await write(
      store,
      [
        ...times.map((time, at) => trade(at + 1, time)),
        ...times.map((time, at) => trade(at + 1, time, "ETHUSDT")),
        ...times.map((_, at) =>
          change("latest_prices", {
            symbol: "BTCUSDT",
            price: "1",
            updated_at: T0 + at as EpochMs,
            last_trade_id: at,
            version: T0 * 1000,
          })
        ),
        ...times.map((_, at) => stats(`S${at}USDT`, at % 4 === 0 ? null : "USDT", "1", String(at % 5))),
        ...times.map((_, at) =>
          change("completeness", {
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
      times.map((_, offset) => ({
        topic: "t",
        partition: 0,
        offset,
        code: "transform.bad_json",
        message: "m",
        key: null,
        value: "v",
      })),
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
          const from = fromS === undefined ? undefined : T0 + fromS * 1000 as EpochMs;
          const to = toS === undefined ? undefined : T0 + toS * 1000 as EpochMs;
          const trades = await all(
            (cursor) => query.trades({ symbol: "BTCUSDT", from, to, limit, cursor, order }),
            limit,
          );
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
          for (
            const list of [
              (await all((cursor) => query.tickers({ limit, orderBy, cursor }), limit)).map(({ symbol }) =>
                symbol
              ),
              (await all((cursor) => query.completeness({ limit, cursor }), limit)).map(({ first_id }) =>
                first_id
              ),
              (await all((cursor) => query.deadLetters({ limit, cursor }), limit)).map(({ id }) => id),
              (await all((cursor) => query.alerts({ limit, cursor }), limit)).map(({ id }) => id),
            ]
          ) {
            assert.equal(new Set<string | number>(list).size, 40);
            assert.equal(list.length, 40);
          }
        },
      ),
      { seed, numRuns: 25 },
    );
  });
});

Deno.test("markets are ranked by quote volume in USDT, over one bridge at most; no path is last", async () => {
  await withStore(async (store, query) => {
    await write(store, [
      stats("BTCUSDT", "USDT", "60000.00", "1000.00"),
      stats("ETHBTC", "BTC", "0.05", "2"), // 120,000
      stats("USDTTRY", "TRY", "30", "900"), // 30
      stats("BTCTRY", "TRY", "1800000", "60"), // 2
      stats("BTCEUR", "EUR", "50000", "100"), // 100 EUR / 50,000 × 60,000 = 120
      stats("AVAXXYZ", "XYZ", "1", "99999999"),
      stats("OLDUSDT", null, "1", "5"),
    ]);
    const { rows } = await query.tickers({ limit: 10, orderBy: "quote_volume_usdt" });
    assert.deepEqual(rows.map(({ symbol, quote_volume_usdt }) => [symbol, quote_volume_usdt]), [
      ["ETHBTC", "120000.00000000"],
      ["BTCUSDT", "1000.00"],
      ["BTCEUR", "120.00000000"],
      ["USDTTRY", "30.00000000"],
      ["BTCTRY", "2.00000000"],
      ["AVAXXYZ", null],
      ["OLDUSDT", null],
    ]);
  });
});

Deno.test("a book comes with its levels, spread and mid; of two stored ones the newest", async () => {
  await withStore(async (store, query) => {
    const book = (at: number, bids: unknown, asks: unknown) =>
      change("order_book", {
        symbol: "BTCUSDT",
        bids: JSON.stringify(bids),
        asks: JSON.stringify(asks),
        depth: 2,
        last_update_id: at,
        trusted: true,
        updated_at: T0 + at as EpochMs,
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
    assert.deepEqual(found!.levels, [
      { side: "bid", level: 1, price: "99.98", quantity: "2.5", notional: "249.950" },
      { side: "bid", level: 2, price: "99.97", quantity: "1", notional: "99.97" },
      { side: "ask", level: 1, price: "100.01", quantity: "0.10000000", notional: "10.00100000" },
    ]);
    assert.equal(await query.book("ETHUSDT"), undefined);
  });
});

Deno.test("lineage names the records that held a trade, also when runs grew over many batches", async () => {
  await withStore(async (store, query) => {
    for (let id = 1; id <= 2500; id += 50) {
      await write(store, Array.from({ length: 50 }, (_, at) => trade(id + at, T0 + id + at)));
    }
    await write(store, [{ ...trade(4000, T0), offset: 9000 }]);
    for (const id of [1, 999, 1000, 1001, 2500]) {
      const run = await query.lineage("BTCUSDT", id);
      assert.ok(run !== undefined && run.first_offset <= id && id <= run.last_offset, `trade ${id}`);
      assert.ok(run.last_offset - run.first_offset < 1000);
    }
    assert.deepEqual((await query.lineage("BTCUSDT", 4000))!.first_offset, 9000);
    assert.equal(await query.lineage("BTCUSDT", 3000), undefined);
  });
});

Deno.test("aggregates, counts and origin answer", async () => {
  await withStore(async (store, query) => {
    await write(store, [trade(1, T0), trade(2, T0 + 500), trade(3, T0 + 61_000)]);
    await recomputeWindows(store, { maxMinutes: 10, maxTrades: 100 });
    const { rows } = await query.aggregates({ symbol: "BTCUSDT", window: "1h", limit: 10 });
    assert.deepEqual(
      rows.map((
        { trade_count, volume, vwap, realised_volatility },
      ) => [trade_count, volume, vwap, realised_volatility]),
      [[3, "6.00000000", "100.00000000", 0]],
    );
    assert.equal((await query.counts()).recent_trades, 3);
    assert.deepEqual(await query.origin(), ORIGIN);
  });
});

Deno.test("bad cursors, bad limits and a missing store are told apart", async () => {
  const isCode = (code: string) => (error: unknown) =>
    error instanceof CandlewireError && error.code === code;
  await withStore(async (store, query) => {
    await write(store, [trade(1, T0), trade(2, T0)]);
    const { next } = await query.trades({ symbol: "BTCUSDT", limit: 1 });
    for (const cursor of ["", "x", "%%%", "bnVsbA", next!.slice(0, -3)]) {
      await assert.rejects(
        query.trades({ symbol: "BTCUSDT", limit: 1, cursor }),
        isCode("query.bad_cursor"),
        cursor,
      );
    }
    await assert.rejects(
      query.prices({ symbol: "BTCUSDT", limit: 1, cursor: next! }),
      isCode("query.bad_cursor"),
    );
    for (const limit of [0, -1, NaN, 1.5]) {
      await assert.rejects(query.trades({ symbol: "BTCUSDT", limit }), isCode("query.bad_limit"));
    }
  });
  await using query = new SqliteMarketQuery("/nonexistent/store.db");
  await assert.rejects(query.counts(), isCode("query.unavailable"));
});
