import assert from "node:assert/strict";
import { CassandraMarketStore } from "../../runtime/consumer/store/cassandra.ts";
import { KEEP_ALL, TEST_ORIGIN } from "../../runtime/consumer/store/testing/cassandra_keyspace.ts";
import { testKeyspace } from "../../runtime/query/testing/cassandra_keyspace.ts";
import { T0, upsert } from "../../runtime/query/testing/query_subject.ts";
import { until } from "../../runtime/tests/pipeline_process.ts";
import { needStack, stackIgnore, stackName } from "../../runtime/tests/test_stack.ts";
import { assertKinds, writeKinds } from "./testing/cassandra_kinds.ts";
import { buildAll, GoClient, type GoFrame, type StepSettings, valuesOf } from "./testing/go_client.ts";

// The built backend on the real Cassandra, without a control API.

function trade(id: number, price = "100.5") {
  const time = T0 + id * 10;
  return upsert("recent_trades", {
    symbol: "BTCUSDT",
    trade_id: id,
    price,
    quantity: "0.25",
    trade_time: time as never,
    is_buyer_maker: id % 2 === 0,
    backfill: false,
  });
}

Deno.test({
  name: stackName("the data source's backend on Cassandra alone: kinds, CQL, streams, health"),
  ...stackIgnore,
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "candlewire-backend-" });
    const { cassandra } = needStack();
    await using keyspace = await testKeyspace({ origin: TEST_ORIGIN });
    const { login, client: cql } = keyspace;
    await using store = await CassandraMarketStore.open(login, {
      origin: TEST_ORIGIN,
      writer: "consumer",
      retention: KEEP_ALL,
    });
    const write = (changes: ReturnType<typeof trade>[]) =>
      store.write({ changes, positions: [], deadLetters: [], at: T0 as never });
    const settings: StepSettings = {
      uid: "cassandra",
      updatedMs: 1,
      jsonData: {
        contactPoints: cassandra.contactPoints.map((host) => `${host}:${cassandra.port}`).join(","),
        localDataCenter: cassandra.localDataCenter,
        keyspace: login.keyspace,
        consistency: "LOCAL_ONE",
      },
      secure: {},
    };
    try {
      await using client = await GoClient.launch(await buildAll(folder));
      await write(Array.from({ length: 200 }, (_, id) => trade(id + 1, `${100 + id}.25`)));
      await cql.execute(
        `CREATE TABLE ${login.keyspace}.odd (k text PRIMARY KEY, d decimal, v varint, big bigint, l list<int>, m map<text, int>, t tuple<int, text>, u uuid, b blob, n int)`,
        [],
        { prepare: false },
      );
      await cql.execute(
        `INSERT INTO ${login.keyspace}.odd (k, d, v, big, l, m, t, u, b) VALUES ('a', 12345678901234567890.123456789, 99999999999999999999, 9007199254740993, [1, 2], {'x': 3}, (4, 'y'), 550e8400-e29b-41d4-a716-446655440000, 0xCAFE)`,
        [],
        { prepare: false },
      );
      const ask = async (model: Record<string, unknown>) =>
        (await client.query(settings, [{ refId: "A", from: T0, to: T0 + 120_000, intervalMs: 1000, model }]))
          .A!;
      const frames = async (model: Record<string, unknown>): Promise<GoFrame[]> => {
        const answer = await ask(model);
        assert.equal(answer.error, "", JSON.stringify(model));
        return answer.frames;
      };

      const good = await client.step("health", { settings });
      assert.equal(good.status, "OK", good.message);
      assert.match(good.message, /^SIMULATED\. Cassandra: Cassandra 5\./);
      for (
        const [jsonData, text] of [
          [{ keyspace: "nobody_made_it" }, /keyspace nobody_made_it is not there/],
          [{ localDataCenter: "elsewhere" }, /No node is in data center "elsewhere"/],
          [{ contactPoints: "127.0.0.1:9" }, /Check contact points and port/],
        ] as const
      ) {
        const bad = await client.step("health", {
          settings: { ...settings, uid: text.source, jsonData: { ...settings.jsonData, ...jsonData } },
        });
        assert.equal(bad.status, "ERROR");
        assert.match(bad.message, text);
      }

      const [trades] = await frames({ kind: "trades", symbols: ["BTCUSDT"], limit: 50 });
      assert.deepEqual(valuesOf(trades!, "trade_id"), Array.from({ length: 50 }, (_, at) => 151 + at));
      assert.equal(trades!.schema.meta.custom.source, "cassandra");
      await writeKinds(store);
      await assertKinds(frames);
      const [byCql] = await frames({
        kind: "cql",
        symbols: ["BTCUSDT"],
        cql:
          "SELECT trade_id, price, trade_time FROM recent_trades WHERE symbol = $__symbol AND $__timeFilter(trade_time) ALLOW FILTERING",
      });
      assert.equal(valuesOf(byCql!, "trade_id").length, 200);
      assert.deepEqual(valuesOf(byCql!, "price")[199], 299.25);
      const [grouped] = await frames({
        kind: "cql",
        format: "timeseries",
        symbols: ["BTCUSDT"],
        cql:
          "SELECT $__timeGroup(trade_time, 1s) AS time, count(*) AS n, max(price) FROM recent_trades WHERE symbol = $__symbol",
      });
      assert.equal((valuesOf(grouped!, "n") as number[]).reduce((sum, n) => sum + n, 0), 200);
      assert.equal(grouped!.schema.meta.type, "timeseries-wide");
      const [odd] = await frames({ kind: "cql", cql: "SELECT * FROM odd WHERE k = 'a'" });
      const cell = (name: string) => valuesOf(odd!, name)[0];
      assert.deepEqual(
        ["d_text", "v_text", "big", "l", "m", "t", "u", "b", "n"].map(cell),
        [
          "12345678901234567890.123456789",
          "99999999999999999999",
          "9007199254740993",
          "[1,2]",
          '{"x":3}',
          '[4,"y"]',
          "550e8400-e29b-41d4-a716-446655440000",
          "0xcafe",
          null,
        ],
      );
      await cql.execute(
        `CREATE TABLE ${login.keyspace}.wide (k text, n int, t text, PRIMARY KEY (k, n))`,
        [],
        { prepare: false },
      );
      for (let n = 0; n < 34; n++) {
        await cql.execute(`INSERT INTO ${login.keyspace}.wide (k, n, t) VALUES ('a', ?, ?)`, [
          n,
          "x".repeat(1024 * 1024),
        ], { prepare: true });
      }
      for (
        const [cql, text] of [
          ["SELECT * FROM wide WHERE k = 'a'", /hold more than 32 MiB\. Select fewer columns/],
          [
            "SELECT * FROM recent_trades WHERE price > 5 ALLOW FILTERING",
            /without symbol would read the whole table/,
          ],
          ["SELECT * FROM nowhere", /unconfigured table|does not exist/],
          ["SELECT nope FROM klines", /nope/i],
          ["DELETE FROM klines WHERE symbol = 'a'", /begins with DELETE/],
          ["SELECT * FROM system.peers", /servers' own/],
        ] as const
      ) {
        const answer = await ask({ kind: "cql", cql });
        assert.match(answer.error, text);
        assert.ok(answer.status >= 400 && answer.status < 600);
      }
      const { body } = await client.step("resource", {
        settings,
        method: "GET",
        url: "keyspace",
        path: "keyspace",
      });
      assert.ok(body.tables.some(({ name }: { name: string }) => name === "klines"));

      const live = await ask({ kind: "trades", symbols: ["BTCUSDT"], limit: 10, live: true });
      assert.equal(live.frames[0]!.schema.meta.channel, "ds/cassandra/trades/BTCUSDT");
      const ids: number[] = [];
      const stream = client.begin(
        "stream",
        { settings, path: "trades/BTCUSDT" },
        ({ frame }) => ids.push(...valuesOf(frame, "trade_id") as number[]),
      );
      await write(Array.from({ length: 20 }, (_, at) => trade(201 + at)));
      await until(
        "20 trades to be streamed",
        20_000,
        () => ids.length >= 20 || undefined,
        () => client.log.slice(-5).join("\n"),
      );
      assert.deepEqual(ids, Array.from({ length: 20 }, (_, at) => 201 + at));
      await client.cancel(stream.id);
      await stream.answer;
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
