import assert from "node:assert/strict";
import { fixture, ORIGIN as CONTROL_ORIGIN, VIEWER } from "../control/control_fixture.ts";
import { CandlewireError } from "../error.ts";
import { until } from "../tests/pipeline_process.ts";
import { needStack, stackIgnore, stackName } from "../tests/test_stack.ts";
import { CassandraMarketQuery } from "./cassandra.ts";
import { testKeyspace } from "./testing/cassandra_keyspace.ts";
import { cassandraSubject } from "./testing/cassandra_subject.ts";
import { ORIGIN, stats, T0, upsert } from "./testing/query_subject.ts";
import { TcpProxy } from "../tests/tcp_proxy.ts";

// The contract that every adapter keeps is in market_query_test.ts.

const isUnavailable = (error: unknown) => {
  assert.ok(error instanceof CandlewireError, String(error));
  assert.deepEqual([error.code, error.retry], ["query.unavailable", "retry"], error.message);
  assert.ok(error.hint !== undefined, "the remedy is told");
  return true;
};

Deno.test({
  name: stackName(
    "readers are told that Cassandra is away or hangs, and answered when it is back, by the API too",
  ),
  ...stackIgnore,
  fn: async () => {
    const { cassandra } = needStack();
    await using keyspace = await testKeyspace({ origin: CONTROL_ORIGIN });
    await using proxy = new TcpProxy({ hostname: cassandra.contactPoints[0]!, port: cassandra.port });
    const login = {
      ...keyspace.login,
      contactPoints: ["127.0.0.1"],
      port: proxy.port,
      requestTimeoutMs: 1_500,
    };
    await using query = new CassandraMarketQuery(login);
    const control = fixture({ query });
    const trades = () =>
      control.request("/api/v1/market/trades?symbol=BTCUSDT", { token: VIEWER }).then(async (response) => ({
        status: response.status,
        type: response.headers.get("content-type") ?? "",
        body: await response.json(),
      }));
    const answers = async (text: string) =>
      await until(text, 90_000, async () => {
        const { status } = await trades();
        return status === 200 && (await query.trades({ symbol: "BTCUSDT", limit: 1 })).rows.length === 0 ||
          undefined;
      });
    await answers("the first answer");
    for (const fault of ["cut", "hold"] as const) {
      proxy[fault]();
      await assert.rejects(query.trades({ symbol: "BTCUSDT", limit: 1 }), isUnavailable, fault);
      await assert.rejects(query.counts(), isUnavailable, fault);
      await assert.rejects(query.tickers({ limit: 1, orderBy: "symbol" }), isUnavailable, fault);
      const refused = await trades();
      assert.equal(refused.status, 503, fault);
      assert.match(refused.type, /^application\/problem\+json/);
      assert.equal(refused.body.code, "query.unavailable");
      assert.ok(refused.body.hint.length > 0);
      // A reader that begins while Cassandra is away.
      await using late = new CassandraMarketQuery({ ...login, connectTimeoutMs: 1_500 });
      await assert.rejects(late.origin(), isUnavailable, fault);
      proxy.restore();
      await answers(`an answer after ${fault}`);
      await until("an answer to the reader that began meanwhile", 90_000, () => late.origin());
    }
  },
});

Deno.test({
  name: stackName("a keyspace that is not made yet is told as such, and found once it is"),
  ...stackIgnore,
  fn: async () => {
    await using keyspace = await testKeyspace({ later: true });
    await using query = new CassandraMarketQuery(keyspace.login);
    await assert.rejects(query.origin(), isUnavailable);
    await assert.rejects(query.klines({ symbol: "BTCUSDT", limit: 1 }), isUnavailable);
    await keyspace.make();
    assert.deepEqual(await query.origin(), ORIGIN);
    assert.deepEqual(await query.klines({ symbol: "BTCUSDT", limit: 1, from: T0 }), { rows: [], next: null });
    // Made by hand, without an owner.
    await keyspace.client.execute(`TRUNCATE ${keyspace.login.keyspace}.origin`, [], { prepare: false });
    await assert.rejects(query.origin(), isUnavailable);
  },
});

Deno.test({
  name: stackName("the article's own queries run on the tables that the store fills"),
  ...stackIgnore,
  fn: async () => {
    await cassandraSubject.begin!();
    try {
      await using made = await cassandraSubject.make();
      const kline = (symbol: string, minute: number, trades: number) =>
        upsert("klines", {
          symbol,
          open_time: T0 + minute * 60_000,
          close_time: T0 + minute * 60_000 + 59_999,
          open_price: "1",
          high_price: "1",
          low_price: "1",
          close_price: "1",
          volume: "1",
          quote_volume: "1",
          number_of_trades: trades,
          first_trade_id: 1,
          last_trade_id: trades,
          closed: true,
          backfill: false,
          version: (T0 + minute * 60_000 + 119_999) * 1000,
        });
      const changes = [
        stats("BTCUSDT", "USDT", "60000", "1000"),
        stats("ETHUSDT", "USDT", "2700", "500"),
        kline("ETHUSDT", 1, 12),
        kline("ETHUSDT", 0, 7),
        kline("BTCUSDT", 0, 99),
      ];
      await made.store.write({ changes, positions: [], deadLetters: [], at: T0 });
      const run = async (cql: string) => (await cassandraSubject.ask(cql)).map((row) => Object.values(row));
      assert.deepEqual(
        (await run("SELECT symbol, volume FROM crypto_24h_stats")).sort(),
        [["BTCUSDT", 1], ["ETHUSDT", 1]],
      );
      assert.deepEqual(
        await run("SELECT open_time, number_of_trades FROM klines WHERE symbol = 'ETHUSDT' ALLOW FILTERING"),
        [[new Date(T0), 7], [new Date(T0 + 60_000), 12]],
      );
    } finally {
      await cassandraSubject.end!();
    }
  },
});

Deno.test({
  name: stackName(
    "a candle that is rewritten while it is read is never shown with the marks of another version (I2)",
  ),
  ...stackIgnore,
  fn: async () => {
    await using keyspace = await testKeyspace();
    await using query = new CassandraMarketQuery(keyspace.login);
    const { client, login } = keyspace;
    const put = async (version: number) => {
      const key = ["BTCUSDT", new Date(T0)];
      await client.batch([
        {
          query:
            `UPDATE ${login.keyspace}.klines USING TIMESTAMP ? SET open_price = ?, volume = ?, number_of_trades = ?
                  WHERE symbol = ? AND open_time = ?`,
          params: [version, version, version, version, ...key],
        },
        {
          query: `UPDATE ${login.keyspace}.kline_marks USING TIMESTAMP ?
                  SET volume_text = ?, closed = ?, first_trade_id = ?, version = ?
                  WHERE symbol = ? AND open_time = ?`,
          params: [version, String(version), version % 2 === 0, version, version, ...key],
        },
      ], { prepare: true, logged: false });
    };
    await put(1);
    let writing = true;
    const written = (async () => {
      for (let version = 2; version <= 1500 && writing; version++) await put(version);
      writing = false;
    })();
    let seen = 0;
    let unmarked = 0;
    const versions = new Set<number>();
    try {
      while (writing) {
        const { rows: [row] } = await query.klines({ symbol: "BTCUSDT", limit: 5 });
        seen++;
        versions.add(row!.version);
        assert.deepEqual([row!.number_of_trades, row!.open_price], [row!.version, String(row!.version)]);
        assert.equal(row!.volume, String(row!.version));
        if (row!.first_trade_id === -1) unmarked++;
        else assert.deepEqual([row!.first_trade_id, row!.closed], [row!.version, row!.version % 2 === 0]);
      }
    } finally {
      writing = false;
      await written;
    }
    console.log(`${seen} reads of ${versions.size} versions, ${unmarked} without marks`);
    assert.ok(versions.size > 5);
    assert.ok(unmarked <= seen / 4, `${unmarked} of ${seen}`);
    const { rows: [row] } = await query.klines({ symbol: "BTCUSDT", limit: 5 });
    assert.deepEqual([row!.version, row!.first_trade_id], [1500, 1500]);
  },
});

Deno.test({
  name: stackName("reads begin behind what has expired, which a server would give up passing over"),
  ...stackIgnore,
  fn: async () => {
    await using keyspace = await testKeyspace();
    const HOUR = 3_600_000;
    const now = T0 + HOUR;
    await using query = new CassandraMarketQuery(keyspace.login, {}, {
      retention: { recent_trades: HOUR, latest_prices: HOUR },
      now: () => now,
    });
    const { client, login } = keyspace;
    const insert = async (table: string, columns: string, rows: unknown[][], ttl: number) => {
      const marks = columns.split(",").map(() => "?").join(",");
      const cql = `INSERT INTO ${login.keyspace}.${table} (${columns}) VALUES (${marks}) USING TTL ${ttl}`;
      for (let start = 0; start < rows.length; start += 200) {
        const queries = rows.slice(start, start + 200).map((params) => ({ query: cql, params }));
        await client.batch(queries, { prepare: true, logged: false });
      }
    };
    // More cells than tombstone_failure_threshold (100,000 by default) stands between the beginning and what lives.
    const trades = Array.from({ length: 30_000 }, (_, id) => id);
    const row = (id: number) => ["BTCUSDT", id, 1.5, 2, new Date(T0 - 30_000 + id), true];
    const tradeColumns = "symbol, trade_id, price, quantity, trade_time, is_buyer_maker";
    const minuteColumns = "symbol, minute, first_id, last_id";
    await insert("recent_trades", tradeColumns, trades.map(row), 1);
    await insert("trade_index", minuteColumns, [["BTCUSDT", new Date(T0 - 60_000), 0, 29_999]], 1);
    await insert("recent_trades", tradeColumns, [30_000, 30_001, 30_002].map(row), 0);
    await insert("trade_index", minuteColumns, [["BTCUSDT", new Date(T0), 30_000, 30_002]], 0);
    await until("the last of them to expire", 60_000, async () => {
      const { rows } = await client.execute(
        `SELECT trade_id FROM ${login.keyspace}.recent_trades WHERE symbol = 'BTCUSDT' AND trade_id = 29999`,
        [],
        { prepare: false },
      );
      return rows.length === 0 || undefined;
    });
    for (const order of ["asc", "desc"] as const) {
      for (const from of [undefined, 0 as typeof T0, T0]) {
        const { rows, next } = await query.trades({ symbol: "BTCUSDT", limit: 10, order, from });
        const ids = rows.map(({ trade_id }) => trade_id).sort((a, b) => a - b);
        assert.deepEqual([ids, next], [[30_000, 30_001, 30_002], null]);
      }
    }
    assert.deepEqual((await query.trades({ symbol: "ETHUSDT", limit: 10 })).rows, []);
    const price = (at: number) => ["BTCUSDT", new Date(at), 1];
    await insert("latest_prices", "symbol, updated_at, price", [T0 - 1, T0, T0 + 1].map(price), 0);
    const { rows } = await query.prices({ symbol: "BTCUSDT", limit: 10, from: 0 as typeof T0, order: "asc" });
    assert.deepEqual(rows.map(({ updated_at }) => updated_at), [T0, T0 + 1]);
  },
});
