import { CassandraMarketStore } from "../../consumer/store/cassandra.ts";
import type { Retention } from "../../consumer/store/market_store.ts";
import { connectCassandra } from "../../cassandra/client_cassandra.ts";
import { stackReason } from "../../tests/test_stack.ts";
import { CassandraMarketQuery } from "../cassandra.ts";
import { type TestKeyspace, testKeyspace } from "./cassandra_keyspace.ts";
import { ORIGIN, type QuerySubject } from "./query_subject.ts";

/** The tests' rows are years old and must not expire. */
const KEPT: Retention = {
  crypto_24h_stats: null,
  latest_prices: null,
  klines: null,
  order_book: null,
  recent_trades: null,
  completeness: null,
  windows_1s: null,
  windows: null,
  alerts: null,
};

/** Made once for all tests: a keyspace takes seconds, emptying it does not. */
let keyspace: TestKeyspace | undefined;

/** The cluster profile's store: one keyspace, emptied for every test and dropped by `end`. */
export const cassandraSubject: Required<QuerySubject> & {
  ask(cql: string): Promise<Record<string, unknown>[]>;
} = {
  name: "cassandra",
  skipped: stackReason,
  exactDecimals: false,
  async begin() {
    keyspace = await testKeyspace();
  },
  async make() {
    if (keyspace === undefined) throw new Error("The subject has not begun");
    await keyspace.truncate();
    const store = await CassandraMarketStore.open(keyspace.login, {
      origin: ORIGIN,
      writer: "consumer",
      retention: KEPT,
    });
    const query = new CassandraMarketQuery(keyspace.login);
    return {
      store,
      query,
      async [Symbol.asyncDispose]() {
        await query[Symbol.asyncDispose]();
        await store[Symbol.asyncDispose]();
      },
    };
  },
  /** Rows of a statement as anyone's client of the keyspace asks it. */
  async ask(cql) {
    const client = await connectCassandra(keyspace!.login);
    try {
      return (await client.execute(cql, [], { prepare: false })).rows;
    } finally {
      await client.shutdown();
    }
  },
  async end() {
    await keyspace?.[Symbol.asyncDispose]();
    keyspace = undefined;
  },
};
