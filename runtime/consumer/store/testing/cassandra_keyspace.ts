import { connectCassandra } from "../../../cassandra/client_cassandra.ts";
import type { CassandraLogin } from "../../../cassandra/login.ts";
import { migrateCassandra } from "../../../cassandra/migrate_cassandra.ts";
import type { Origin } from "../../../market/origin.ts";
import { TABLES } from "../../../market/table.ts";
import { needStack } from "../../../tests/test_stack.ts";
import { CassandraMarketStore, type CassandraStoreOptions } from "../cassandra.ts";
import type { Retention } from "../market_store.ts";

/** Whose numbers tests write. */
export const TEST_ORIGIN: Origin = { kind: "exchange", id: "test", label: "test" };

/** Nothing expires. */
export const KEEP_ALL = Object.fromEntries(
  [...TABLES, "windows_1s", "windows", "alerts"].map((name) => [name, null]),
) as Retention;

/** A migrated keyspace of a test's own on the test run's servers, dropped when disposed of. */
export class TestKeyspace implements AsyncDisposable {
  readonly login: CassandraLogin;

  private constructor(login: CassandraLogin) {
    this.login = login;
  }

  static async create(options: Partial<CassandraLogin> = {}): Promise<TestKeyspace> {
    const { cassandra } = needStack();
    const login: CassandraLogin = {
      ...cassandra,
      keyspace: `store_${crypto.randomUUID().slice(0, 8)}`,
      tls: null,
      username: null,
      consistency: { write: "LOCAL_QUORUM", read: "LOCAL_ONE", tables: {} },
      connectTimeoutMs: 5000,
      requestTimeoutMs: 30_000,
      ...options,
    };
    await migrateCassandra(login, {
      config: { replication: { [cassandra.localDataCenter]: 1 } },
      origin: TEST_ORIGIN,
    });
    return new TestKeyspace(login);
  }

  /** A store on it. */
  open(options: Partial<CassandraStoreOptions> = {}): Promise<CassandraMarketStore> {
    return CassandraMarketStore.open(this.login, {
      origin: TEST_ORIGIN,
      writer: "consumer",
      retention: KEEP_ALL,
      ...options,
    });
  }

  /** Runs a statement, answers with its rows. */
  // deno-lint-ignore no-explicit-any
  async rows(cql: string, values: unknown[] = []): Promise<any[]> {
    // Schema changes take seconds on a busy machine.
    const client = await connectCassandra({ ...this.login, requestTimeoutMs: 120_000 });
    try {
      return (await client.execute(cql, values, { prepare: true })).rows;
    } finally {
      await client.shutdown();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rows(`DROP KEYSPACE IF EXISTS ${this.login.keyspace}`);
  }
}
