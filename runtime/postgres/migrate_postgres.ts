import { createHash } from "node:crypto";
import pg from "pg";
import { CandlewireError } from "../error.ts";
import type { Origin } from "../market/origin.ts";
import { endClient } from "../end_postgres_client.ts";
import type { PostgresEndpoint } from "./server.ts";

/** Where the numbered migrations lie. */
const SCHEMA = new URL("../../schema/postgres/", import.meta.url);

/** Serializes hosts that migrate the same database. */
const LOCK = 0x63616e64;

/** How long a server may take to let us in, ms. */
const CONNECT_MS = 10_000;
/** Limits of a look at one row: a server that hangs is told as such instead of being waited for. */
const LOOK = { connectionTimeoutMillis: CONNECT_MS, query_timeout: 15_000 };

/** The roles that modules log in as: each may do its own work and nothing else (I6). */
export type ModuleRole = "candlewire_producer" | "candlewire_capture";

/** Options of {@linkcode migratePostgres}. */
export type MigrateOptions = {
  origin: Origin;
  /** A password for each module's role. */
  passwords: Record<ModuleRole, string>;
  print?: (line: string) => void;
};

/**
 * Brings a database to the schema's newest version and settles whose numbers it holds. Each migration runs in a
 * transaction of its own and is never edited afterwards.
 *
 * Rejects with `postgres.migration_edited`, `postgres.schema_newer` (made by a newer version of this program) or
 * `postgres.origin_mismatch`.
 */
export async function migratePostgres(endpoint: PostgresEndpoint, options: MigrateOptions): Promise<void> {
  await ensureDatabase(endpoint);
  await connected({ ...endpoint, connectionTimeoutMillis: CONNECT_MS }, async (client) => {
    const { rows } = await client.query("SELECT pg_try_advisory_lock($1) AS held", [LOCK]);
    if (!rows[0].held) {
      options.print?.("Another host migrates this database: waiting for it");
      await client.query("SELECT pg_advisory_lock($1)", [LOCK]);
    }
    await applyMigrations(client, options.print ?? (() => {}));
    await settleOrigin(client, options.origin);
    await settleRoles(client, endpoint.database, options.passwords);
  });
}

/** A connection for one piece of work. */
async function connected<T>(config: pg.ClientConfig, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(config);
  // A connection that breaks is told by the query under way; without a listener it would end the process too.
  client.on("error", () => {});
  try {
    await client.connect();
    return await work(client);
  } finally {
    await endClient(client);
  }
}

async function ensureDatabase(endpoint: PostgresEndpoint): Promise<void> {
  const server = { ...endpoint, database: "postgres", connectionTimeoutMillis: CONNECT_MS };
  await connected(server, async (client) => {
    const found = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [endpoint.database]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${pg.escapeIdentifier(endpoint.database)}`);
  }).catch((error: { code?: string }) => {
    // Another host made it in between.
    if (error.code !== "42P04") throw error;
  });
}

async function applyMigrations(client: pg.Client, print: (line: string) => void): Promise<void> {
  await client.query(`CREATE TABLE IF NOT EXISTS candlewire_migrations (
    name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
  const applied = new Map<string, string>(
    (await client.query("SELECT name, sha256 FROM candlewire_migrations")).rows.map((
      row,
    ) => [row.name, row.sha256]),
  );
  const files = [...Deno.readDirSync(SCHEMA)].map((entry) => entry.name).filter((name) =>
    name.endsWith(".sql")
  ).sort();
  const unknown = [...applied.keys()].filter((name) => !files.includes(name));
  if (unknown.length > 0) {
    throw new CandlewireError(
      "postgres.schema_newer",
      `Open the database: it has migration ${unknown[0]}, which this version lacks`,
      {
        retry: "operator",
        hint: "Run the version that made it, or use another --data-dir",
      },
    );
  }
  for (const name of files) {
    const sql = await Deno.readTextFile(new URL(name, SCHEMA));
    const sha256 = createHash("sha256").update(sql).digest("hex");
    const known = applied.get(name);
    if (known === sha256) continue;
    if (known !== undefined) {
      throw new CandlewireError(
        "postgres.migration_edited",
        `Check migration ${name}: it was changed after it ran`,
        {
          retry: "operator",
          hint: "Migrations are never edited: put the file back and add a new one",
        },
      );
    }
    print(`Applying migration ${name}`);
    await client.query("BEGIN");
    await client.query(sql);
    await client.query("INSERT INTO candlewire_migrations (name, sha256) VALUES ($1, $2)", [name, sha256]);
    await client.query("COMMIT");
  }
}

async function settleOrigin(client: pg.Client, origin: Origin): Promise<void> {
  await client.query(
    "INSERT INTO candlewire_origin (kind, id, label) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    [origin.kind, origin.id, origin.label],
  );
  const found = (await client.query("SELECT kind, id, label FROM candlewire_origin")).rows[0] as Origin;
  if (found.kind === origin.kind && found.id === origin.id) return;
  // I8: rows of two origins in one table could never be told apart again.
  throw new CandlewireError(
    "postgres.origin_mismatch",
    `Open the database: it holds data of "${found.label}" (${found.kind} ${found.id}), the source is "${origin.label}" (${origin.kind} ${origin.id})`,
    {
      retry: "operator",
      hint: "Use another --data-dir for this source, or the source that the data came from",
    },
  );
}

async function settleRoles(
  client: pg.Client,
  database: string,
  passwords: Record<ModuleRole, string>,
): Promise<void> {
  for (const [role, password] of Object.entries(passwords)) {
    const known = await client.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [role]);
    const verb = known.rowCount === 0 ? "CREATE" : "ALTER";
    const replication = role === "candlewire_capture" ? "REPLICATION" : "NOREPLICATION";
    await client.query(`${verb} ROLE ${role} LOGIN ${replication} PASSWORD ${pg.escapeLiteral(password)}`);
    await client.query(`GRANT CONNECT ON DATABASE ${pg.escapeIdentifier(database)} TO ${role}`);
  }
  const tables = "crypto_24h_stats, latest_prices, klines, order_book, recent_trades, completeness";
  await client.query(`GRANT SELECT, INSERT, UPDATE ON ${tables}, candlewire_fence TO candlewire_producer`);
  await client.query(`GRANT SELECT ON ${tables}, candlewire_fence, candlewire_origin TO candlewire_capture`);
  // Debezium marks the windows of incremental snapshots there, and takes its marks away.
  await client.query("GRANT SELECT, INSERT, DELETE ON candlewire_signal TO candlewire_capture");
}

/**
 * Whose numbers a database holds, for a host that has no source. Rejects with `postgres.no_origin` when nobody has
 * settled that yet.
 */
export async function readOrigin(endpoint: PostgresEndpoint): Promise<Origin> {
  const { rows } = await connected(
    { ...endpoint, ...LOOK },
    (client) => client.query("SELECT kind, id, label FROM candlewire_origin"),
  ).catch((error: { code?: string }) => {
    // 3D000: no such database; 42P01: no such table.
    throw ["3D000", "42P01"].includes(error.code ?? "") ? noOrigin(endpoint) : error;
  });
  if (rows[0] === undefined) throw noOrigin(endpoint);
  return rows[0] as Origin;
}

function noOrigin({ host, port, database }: PostgresEndpoint): CandlewireError {
  return new CandlewireError(
    "postgres.no_origin",
    `Read the origin from ${host}:${port}/${database}: nothing is written there yet`,
    { retry: "operator", hint: "Start the host with the producer first: it says whose numbers these are" },
  );
}

/** The epoch of the newest writer of a name; 0 when there was none. */
export async function readFence(endpoint: PostgresEndpoint, writer: string): Promise<number> {
  const { rows } = await connected(
    { ...endpoint, ...LOOK },
    (client) => client.query("SELECT epoch FROM candlewire_fence WHERE writer = $1", [writer]),
  );
  return Number(rows[0]?.epoch ?? 0);
}
