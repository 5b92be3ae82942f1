import assert from "node:assert/strict";
import { CandlewireError } from "../error.ts";
import type { Origin } from "../market/origin.ts";
import { needStack, stackIgnore, stackName } from "../tests/test_stack.ts";
import { connectCassandra, discoverNodes } from "./client_cassandra.ts";
import type { CassandraLogin } from "./login.ts";
import { migrateCassandra } from "./migrate_cassandra.ts";

const ORIGIN: Origin = { kind: "exchange", id: "seed-7", label: "exchange, seed 7" };

function login(keyspace: string): CassandraLogin {
  return {
    ...needStack().cassandra,
    keyspace,
    tls: null,
    username: null,
    consistency: { write: "LOCAL_QUORUM", read: "LOCAL_ONE", tables: {} },
    connectTimeoutMs: 5000,
    requestTimeoutMs: 60_000,
  };
}

const replication = () => ({ [needStack().cassandra.localDataCenter]: 1 });

const isCode = (code: string) => (error: unknown) => error instanceof CandlewireError && error.code === code;

function test(
  name: string,
  run: (to: CassandraLogin, cql: (text: string) => Promise<void>) => Promise<void>,
) {
  Deno.test({
    name: stackName(name),
    ...stackIgnore,
    fn: async () => {
      const to = login(`migrate_${crypto.randomUUID().slice(0, 8)}`);
      const cql = async (text: string) => {
        const client = await connectCassandra(to, { useKeyspace: false });
        try {
          await client.execute(text, [], { prepare: false });
        } finally {
          await client.shutdown();
        }
      };
      try {
        await run(to, cql);
      } finally {
        await cql(`DROP KEYSPACE IF EXISTS ${to.keyspace}`);
      }
    },
  });
}

test("migrateCassandra() by three hosts at once applies each migration once", async (to) => {
  const lines: string[] = [];
  const options = {
    config: { replication: replication() },
    origin: ORIGIN,
    print: (line: string) => lines.push(line),
  };
  await Promise.all([
    migrateCassandra(to, options),
    migrateCassandra(to, options),
    migrateCassandra(to, options),
  ]);
  assert.equal(lines.filter((line) => line.includes("0001_market_tables.cql")).length, 1);
  lines.length = 0;
  await migrateCassandra(to, options);
  assert.deepEqual(lines, []);
});

test(
  "a keyspace of another origin, a newer schema or an edited migration is refused, with a remedy",
  async (to, cql) => {
    const config = { replication: replication() };
    await migrateCassandra(to, { config, origin: ORIGIN });
    await assert.rejects(
      migrateCassandra(to, { config, origin: { kind: "live", id: "binance", label: "Binance" } }),
      (error) =>
        isCode("cassandra.origin_mismatch")(error) && /DROP KEYSPACE/.test((error as CandlewireError).hint!),
    );
    await cql(`INSERT INTO ${to.keyspace}.schema_migrations (name, sha256) VALUES ('0999_later.cql', 'x')`);
    await assert.rejects(migrateCassandra(to, { config, origin: ORIGIN }), isCode("cassandra.newer_schema"));
    await cql(`DELETE FROM ${to.keyspace}.schema_migrations WHERE name = '0999_later.cql'`);
    await cql(
      `UPDATE ${to.keyspace}.schema_migrations SET sha256 = 'x' WHERE name = '0001_market_tables.cql'`,
    );
    await assert.rejects(
      migrateCassandra(to, { config, origin: ORIGIN }),
      isCode("cassandra.migration_edited"),
    );
  },
);

test("other replication than configured is told, not changed", async (to) => {
  const center = needStack().cassandra.localDataCenter;
  await migrateCassandra(to, { config: { replication: { [center]: 1 } }, origin: ORIGIN });
  const lines: string[] = [];
  await migrateCassandra(to, {
    config: { replication: { [center]: 3 } },
    origin: ORIGIN,
    print: (line) => lines.push(line),
  });
  assert.match(
    lines.join("\n"),
    new RegExp(`ALTER KEYSPACE ${to.keyspace} WITH replication = .*'${center}': 3`),
  );
});

test(
  "a table that someone made otherwise is refused; one made after the description is taken over",
  async (to, cql) => {
    const config = { replication: replication() };
    const center = needStack().cassandra.localDataCenter;
    await cql(
      `CREATE KEYSPACE ${to.keyspace} WITH replication = {'class': 'NetworkTopologyStrategy', '${center}': 1}`,
    );
    await cql(
      `CREATE TABLE ${to.keyspace}.latest_prices (symbol text, price double, updated_at timestamp, PRIMARY KEY (symbol, updated_at)) WITH CLUSTERING ORDER BY (updated_at DESC)`,
    );
    await cql(`CREATE TABLE ${to.keyspace}.klines (symbol text PRIMARY KEY, open_time timestamp)`);
    await assert.rejects(
      migrateCassandra(to, { config, origin: ORIGIN }),
      (error) => isCode("cassandra.table_mismatch")(error) && /table klines/.test((error as Error).message),
    );
    await cql(`DROP TABLE ${to.keyspace}.klines`);
    await cql(`DELETE FROM ${to.keyspace}.schema_migrations WHERE name = '0001_market_tables.cql'`);
    await migrateCassandra(to, { config, origin: ORIGIN });
  },
);

test("a table that someone dropped is made again, and it is said what it lacks", async (to, cql) => {
  const config = { replication: replication() };
  await migrateCassandra(to, { config, origin: ORIGIN });
  await cql(`DROP TABLE ${to.keyspace}.recent_trades`);
  await cql(`DROP TABLE ${to.keyspace}.lineage`);
  const lines: string[] = [];
  const again = () => migrateCassandra(to, { config, origin: ORIGIN, print: (line) => lines.push(line) });
  await again();
  assert.match(lines.join("\n"), /has lost recent_trades, lineage: made again, empty\. A replay/);
  await cql(`SELECT trade_id FROM ${to.keyspace}.recent_trades`);
  lines.length = 0;
  await again();
  assert.deepEqual(lines, []);
});

Deno.test({
  name: stackName("discoverNodes() answers with addresses that can be granted"),
  ...stackIgnore,
  fn: async () => {
    const nodes = await discoverNodes(login("not_there"));
    assert.ok(nodes.length > 0);
    for (const node of nodes) assert.match(node, /^[\d.:[\]a-f]+:\d+$/);
  },
});

Deno.test({
  name: stackName("a keyspace that is missing, and a server that is, are told apart"),
  ...stackIgnore,
  fn: async () => {
    await assert.rejects(connectCassandra(login("not_there")), isCode("cassandra.schema_missing"));
    await assert.rejects(
      connectCassandra({ ...login("not_there"), contactPoints: ["127.0.0.1"], port: 1 }),
      isCode("cassandra.unavailable"),
    );
  },
});
