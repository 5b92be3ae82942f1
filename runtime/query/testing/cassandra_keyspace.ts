import type { Client } from "cassandra-driver";
import { connectCassandra } from "../../cassandra/client_cassandra.ts";
import type { CassandraLogin } from "../../cassandra/login.ts";
import { migrateCassandra } from "../../cassandra/migrate_cassandra.ts";
import type { Origin } from "../../market/origin.ts";
import { needStack } from "../../tests/test_stack.ts";
import { ORIGIN } from "./query_subject.ts";

/** A keyspace of one test, dropped when it is disposed of. */
export type TestKeyspace = AsyncDisposable & {
  readonly login: CassandraLogin;
  readonly client: Client;
  /** Makes the keyspace and its tables, as a host does. */
  make(): Promise<void>;
  /** Empties the tables; the keyspace keeps its origin. */
  truncate(): Promise<void>;
};

/** A keyspace with the market tables on the test's servers; with `later`, only its name. */
export async function testKeyspace(
  options: { origin?: Origin; later?: boolean } = {},
): Promise<TestKeyspace> {
  const { cassandra } = needStack();
  const keyspace = `query_${crypto.randomUUID().slice(0, 8)}`;
  const login: CassandraLogin = {
    ...cassandra,
    keyspace,
    tls: null,
    username: null,
    consistency: { write: "LOCAL_QUORUM", read: "LOCAL_ONE", tables: {} },
    connectTimeoutMs: 5_000,
    // A busy machine changes schemas slowly.
    requestTimeoutMs: 60_000,
  };
  const client = await connectCassandra(login, { useKeyspace: false });
  const made: TestKeyspace = {
    login,
    client,
    async make() {
      await migrateCassandra(login, {
        config: { replication: { [cassandra.localDataCenter]: 1 } },
        origin: options.origin ?? ORIGIN,
      });
    },
    async truncate() {
      const { rows } = await client.execute(
        "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?",
        [keyspace],
        { prepare: true },
      );
      await Promise.all(
        rows.filter(({ table_name }) => !["origin", "schema_migrations", "locks"].includes(table_name))
          .map(({ table_name }) =>
            client.execute(`TRUNCATE ${keyspace}.${table_name}`, [], { prepare: false })
          ),
      );
    },
    async [Symbol.asyncDispose]() {
      await client.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`, [], { prepare: false });
      await client.shutdown();
    },
  };
  if (!options.later) await made.make();
  return made;
}
