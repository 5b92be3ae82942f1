import cassandra from "cassandra-driver";
import { createHash } from "node:crypto";
import { setTimeout as timeout } from "node:timers/promises";
import { CandlewireError } from "../error.ts";
import type { Origin } from "../market/origin.ts";
import { connectCassandra } from "./client_cassandra.ts";
import type { CassandraConfig } from "./config.ts";
import { cassandraError } from "./error_cassandra.ts";
import type { CassandraLogin, CassandraSecrets } from "./login.ts";
import { withSchemaLock } from "./schema_lock_cassandra.ts";
import { tableProblem } from "./table_shape_cassandra.ts";

/** Where the numbered migrations lie. */
const SCHEMA = new URL("../../schema/cassandra/", import.meta.url);
/** Made before there is a lock; every other file is a migration. */
const BEFORE_THE_LOCK = "0000_lock.cql";
/** Schema changes wait for a disk on every node. */
const SCHEMA_TIMEOUT_MS = 60_000;

/** Options of {@linkcode migrateCassandra}. */
export type MigrateCassandraOptions = {
  config: Pick<CassandraConfig, "replication">;
  origin: Origin;
  secrets?: CassandraSecrets;
  /** Told what is done, and what a person should do. */
  print?: (line: string) => void;
};

/**
 * Makes the keyspace or brings it to the newest version, and settles whose numbers it holds. Hosts that do it at once
 * are safe: one does the work under a lock, the others wait. Called by a host before it starts modules.
 *
 * Replication of a keyspace that is there is never changed: a difference to the configuration is printed with the
 * statement to run, since it asks for a repair afterwards.
 *
 * A table that someone dropped is made again, empty; said on `print`.
 *
 * Rejects with `cassandra.newer_schema`, `cassandra.migration_edited`, `cassandra.table_mismatch` (a table of that name
 * was made by someone else), `cassandra.origin_mismatch`, `cassandra.schema_disagreement`, `cassandra.locked`, and what
 * {@linkcode cassandraError} makes of the driver's errors.
 */
export async function migrateCassandra(
  login: CassandraLogin,
  options: MigrateCassandraOptions,
): Promise<void> {
  const { print = () => {}, config, origin, secrets } = options;
  const { keyspace } = login;
  const patient = { ...login, requestTimeoutMs: Math.max(login.requestTimeoutMs, SCHEMA_TIMEOUT_MS) };
  const client = await connectCassandra(patient, {
    secrets,
    useKeyspace: false,
    applicationName: "candlewire-host",
  });
  try {
    await ensureKeyspace(client, keyspace, { replication: config.replication, print });
    const before = (await Deno.readTextFile(new URL(BEFORE_THE_LOCK, SCHEMA)))
      .replace("{locks_id}", tableId(keyspace, "locks"))
      .replace("{schema_migrations_id}", tableId(keyspace, "schema_migrations"));
    // Reading first: a role that may not create tables can use a keyspace that is complete.
    if (!(await hasTable(client, keyspace, "schema_migrations"))) await run(client, before, keyspace);
    await withSchemaLock(client, { keyspace, print }, async (held) => {
      await applyMigrations(client, keyspace, { print, held });
      await checkTables(client, keyspace);
      await settleOrigin(client, keyspace, origin);
    });
  } catch (cause) {
    throw cassandraError(`Migrate keyspace ${keyspace}`, cause, "cassandra");
  } finally {
    await client.shutdown();
  }
}

type Replication = Record<string, number>;

async function ensureKeyspace(
  client: cassandra.Client,
  keyspace: string,
  options: { replication: Replication; print: (line: string) => void },
): Promise<void> {
  const wanted = replicationCql(options.replication);
  const found = (await client.execute(
    "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?",
    [keyspace],
    { prepare: true },
  )).first();
  if (found === null) {
    options.print(`Creating keyspace ${keyspace} with replication ${wanted}`);
    await client.execute(`CREATE KEYSPACE IF NOT EXISTS ${keyspace} WITH replication = ${wanted}`);
    await agreed(client);
    return;
  }
  const { class: strategy, ...has } = found.replication as Record<string, string>;
  const same = strategy?.endsWith(".NetworkTopologyStrategy") &&
    Object.keys(has).length === Object.keys(options.replication).length &&
    Object.entries(options.replication).every(([center, replicas]) => has[center] === String(replicas));
  if (same) return;
  options.print(
    `Keyspace ${keyspace} has replication ${
      JSON.stringify(found.replication)
    }, the configuration says ${wanted}. ` +
      `It stays as it is. To change it: ALTER KEYSPACE ${keyspace} WITH replication = ${wanted}; and then nodetool repair --full ${keyspace} on every node`,
  );
}

/** `{'class': 'NetworkTopologyStrategy', 'datacenter1': 3}`. */
function replicationCql(replication: Replication): string {
  const centers = Object.entries(replication).map(([center, replicas]) =>
    `, '${center.replaceAll("'", "''")}': ${replicas}`
  );
  return `{'class': 'NetworkTopologyStrategy'${centers.join("")}}`;
}

async function applyMigrations(
  client: cassandra.Client,
  keyspace: string,
  options: { print: (line: string) => void; held: () => Promise<void> },
): Promise<void> {
  const quorum = { prepare: true, consistency: cassandra.types.consistencies.quorum };
  const rows = await client.execute(`SELECT name, sha256 FROM ${keyspace}.schema_migrations`, [], quorum);
  const applied = new Map(rows.rows.map((row) => [row.name as string, row.sha256 as string]));
  const files = [...Deno.readDirSync(SCHEMA)].map(({ name }) => name)
    .filter((name) => name.endsWith(".cql") && name !== BEFORE_THE_LOCK).sort();
  const tables = await tablesOf(client, keyspace);
  /** From the file on whose table is gone all run again, as what a later one does to it must be done again too. */
  let again = false;
  const unknown = [...applied.keys()].find((name) => !files.includes(name));
  if (unknown !== undefined) {
    throw new CandlewireError(
      "cassandra.newer_schema",
      `Open keyspace ${keyspace}: it has migration ${unknown}, which this version lacks`,
      { retry: "operator", hint: "Run the version that made it, or name another cassandra.keyspace" },
    );
  }
  for (const name of files) {
    const cql = await Deno.readTextFile(new URL(name, SCHEMA));
    const sha256 = createHash("sha256").update(cql).digest("hex");
    const known = applied.get(name);
    if (known !== undefined) again ||= tellGone(cql, tables, { keyspace, print: options.print });
    if (known === sha256 && !again) continue;
    if (known !== undefined && known !== sha256) {
      throw new CandlewireError(
        "cassandra.migration_edited",
        `Check migration ${name}: it was changed after it ran`,
        {
          retry: "operator",
          hint: "Migrations are never edited: put the file back and add a new one",
        },
      );
    }
    options.print(`Applying migration ${name} to keyspace ${keyspace}`);
    await run(client, cql, keyspace, options.held);
    await client.execute(
      `INSERT INTO ${keyspace}.schema_migrations (name, sha256, applied_at) VALUES (?, ?, ?)`,
      [name, sha256, new Date()],
      quorum,
    );
  }
}

/** Whether a table that a migration made is there no more: someone dropped it. Says so. */
function tellGone(
  cql: string,
  tables: ReadonlySet<string>,
  { keyspace, print }: { keyspace: string; print: (line: string) => void },
): boolean {
  const made = [...cql.matchAll(/^CREATE TABLE IF NOT EXISTS \{keyspace\}\.(\w+)/gm)].map(([, table]) =>
    table!
  );
  const gone = made.filter((table) => !tables.has(table));
  if (gone.length === 0) return false;
  print(
    `warn: Keyspace ${keyspace} has lost ${gone.join(", ")}: made again, empty. ` +
      "A replay of the topic brings back the rows that Kafka still has (POST /api/v1/replays)",
  );
  return true;
}

/** Runs the statements of a file. Each may run again: a host that died in between left the rest to the next. */
async function run(
  client: cassandra.Client,
  text: string,
  keyspace: string,
  held: () => Promise<void> = async () => {},
): Promise<void> {
  const statements = text.replace(/^\s*--.*$/gm, "").replaceAll("{keyspace}", keyspace).split(/;[ \t]*$/m);
  for (const statement of statements) {
    if (statement.trim() === "") continue;
    await held();
    await client.execute(statement.trim(), [], { prepare: false });
    await agreed(client);
  }
}

/** A schema that the nodes do not agree on must not be changed further: tables of one name would get two ids. */
async function agreed(client: cassandra.Client): Promise<void> {
  const deadline = Date.now() + SCHEMA_TIMEOUT_MS;
  // The driver's types forget it.
  const metadata = client.metadata as unknown as { checkSchemaAgreement(): Promise<boolean> };
  while (!(await metadata.checkSchemaAgreement())) {
    if (Date.now() > deadline) {
      throw new CandlewireError(
        "cassandra.schema_disagreement",
        `Change the schema: the nodes did not agree on it within ${SCHEMA_TIMEOUT_MS} ms`,
        { retry: "retry", hint: "nodetool describecluster names the nodes that differ; restart those" },
      );
    }
    await timeout(100);
  }
}

async function checkTables(client: cassandra.Client, keyspace: string): Promise<void> {
  const found = await client.execute(
    "SELECT table_name, column_name, kind, type, position, clustering_order FROM system_schema.columns WHERE keyspace_name = ?",
    [keyspace],
    { prepare: true, fetchSize: 5000 },
  );
  const problem = tableProblem(found.rows.map((row) => ({
    table: row.table_name,
    name: row.column_name,
    kind: row.kind,
    type: row.type,
    position: row.position,
    order: row.clustering_order,
  })));
  if (problem === undefined) return;
  throw new CandlewireError("cassandra.table_mismatch", `Check keyspace ${keyspace}: ${problem}`, {
    retry: "operator",
    hint: "Another program made that table: name another cassandra.keyspace, or move the table away",
  });
}

async function hasTable(client: cassandra.Client, keyspace: string, table: string): Promise<boolean> {
  return (await tablesOf(client, keyspace)).has(table);
}

async function tablesOf(client: cassandra.Client, keyspace: string): Promise<Set<string>> {
  const found = await client.execute(
    "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?",
    [keyspace],
    { prepare: true },
  );
  return new Set(found.rows.map((row) => row.table_name as string));
}

/** I8: rows of two origins never meet in one keyspace. */
async function settleOrigin(client: cassandra.Client, keyspace: string, origin: Origin): Promise<void> {
  const written = await client.execute(
    `INSERT INTO ${keyspace}.origin (name, kind, id, label) VALUES ('origin', ?, ?, ?) IF NOT EXISTS`,
    [origin.kind, origin.id, origin.label],
    { prepare: true, consistency: cassandra.types.consistencies.quorum },
  );
  if (written.wasApplied()) return;
  const { kind, id, label } = written.first() as unknown as Origin;
  if (kind === origin.kind && id === origin.id) return;
  throw new CandlewireError(
    "cassandra.origin_mismatch",
    `Open keyspace ${keyspace}: it holds data of "${label}" (${kind} ${id}), the source is "${origin.label}" (${origin.kind} ${origin.id})`,
    {
      retry: "operator",
      hint:
        `Name another cassandra.keyspace for this source, or DROP KEYSPACE ${keyspace} if its data is not wanted`,
      details: { stored: { kind, id, label }, origin },
    },
  );
}

/** The same id on every host: nodes on which a table is made at the same time make one table. */
function tableId(keyspace: string, table: string): string {
  const hex = createHash("sha256").update(`candlewire ${keyspace} ${table}`).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-1${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${
    hex.slice(20, 32)
  }`;
}
