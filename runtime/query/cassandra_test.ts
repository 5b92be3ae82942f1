import assert from "node:assert/strict";
import { fixture, ORIGIN as CONTROL_ORIGIN, VIEWER } from "../control/control_fixture.ts";
import { CandlewireError } from "../error.ts";
import { until } from "../tests/pipeline_process.ts";
import { needStack, stackIgnore, stackName } from "../tests/test_stack.ts";
import { CassandraMarketQuery } from "./cassandra.ts";
import { testKeyspace } from "./testing/cassandra_keyspace.ts";
import { ORIGIN, T0 } from "./testing/query_subject.ts";
import { TcpProxy } from "./testing/tcp_proxy.ts";

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
      requestTimeoutMs: 500,
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
      await until(text, 20_000, async () => {
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
      await using late = new CassandraMarketQuery({ ...login, connectTimeoutMs: 500 });
      await assert.rejects(late.origin(), isUnavailable, fault);
      proxy.restore();
      await answers(`an answer after ${fault}`);
      await until("an answer to the reader that began meanwhile", 20_000, () => late.origin());
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
