import pg from "pg";
import { formatLsn, parseLsn } from "../change/lsn.ts";
import { CandlewireError, errorText } from "../error.ts";
import { endClient } from "../end_postgres_client.ts";
import type { PostgresEndpoint } from "../postgres/server.ts";
import type { ConnectorTable } from "./connector_settings.ts";

/** The connector's slot, as PostgreSQL has it. */
export type ConnectorSlot = {
  /** A connection reads it now. */
  active: boolean;
  /** Up to here a reader has confirmed. */
  confirmedLsn: bigint | null;
  /** Why it cannot be read any more; null while it can. */
  lost: string | null;
  /** WAL between the confirmed position and the end, bytes. */
  lagBytes: number;
};

/** What PostgreSQL says of what the connector reads, as the database's owner. One call at a time. */
export class ConnectorDatabase implements AsyncDisposable {
  readonly #endpoint: PostgresEndpoint;
  #client: pg.Client | undefined;

  constructor(endpoint: PostgresEndpoint) {
    this.#endpoint = endpoint;
  }

  /** The tables of a publication; of a partitioned one its root. Rejects with `connect.publication_missing`. */
  async tables(publication: string): Promise<ConnectorTable[]> {
    return await this.#run("Read the publication", async (client) => {
      const { rows } = await client.query(
        `SELECT schemaname, tablename, attnames::text[] AS attnames FROM pg_publication_tables
         WHERE pubname = $1 ORDER BY schemaname, tablename`,
        [publication],
      );
      if (rows.length === 0) {
        throw new CandlewireError(
          "connect.publication_missing",
          `Read publication "${publication}": it is not there, or names no table`,
          { retry: "operator", hint: `Run the migrations, or CREATE PUBLICATION ${publication} FOR TABLE …` },
        );
      }
      return rows.map((row) => ({ schema: row.schemaname, table: row.tablename, columns: row.attnames }));
    });
  }

  /** Columns of the primary key by `schema.table`; tables without one are left out. */
  async primaryKeys(): Promise<Map<string, string[]>> {
    return await this.#run("Read the primary keys", async (client) => {
      const { rows } = await client.query(
        `SELECT n.nspname || '.' || c.relname AS name, array_agg(a.attname::text) AS columns
         FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
         WHERE i.indisprimary GROUP BY 1`,
      );
      return new Map(rows.map((row) => [row.name as string, row.columns as string[]]));
    });
  }

  /** The slot; undefined when there is none of that name. */
  async slot(name: string): Promise<ConnectorSlot | undefined> {
    return await this.#run(`Look at slot "${name}"`, async (client) => {
      // invalidation_reason came with PostgreSQL 17: the whole row, so that an older server answers, too.
      const { rows } = await client.query(
        `SELECT s.*, pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::float8 AS lag
         FROM pg_replication_slots s WHERE slot_name = $1`,
        [name],
      );
      const row = rows[0];
      if (row === undefined) return undefined;
      const reason = row.invalidation_reason ?? null;
      return {
        active: row.active === true,
        confirmedLsn: row.confirmed_flush_lsn === null ? null : parseLsn(row.confirmed_flush_lsn)!,
        lost: row.wal_status === "lost" || reason !== null
          ? `PostgreSQL invalidated it (${reason ?? "lost"})`
          : null,
        lagBytes: Math.max(0, Number(row.lag ?? 0)),
      };
    });
  }

  /** Drops the slot when it is there and nobody reads it; answers whether it is gone. */
  async dropSlot(name: string): Promise<boolean> {
    return await this.#run(`Drop slot "${name}"`, async (client) => {
      await client.query(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active",
        [name],
      );
      return (await client.query("SELECT 1 FROM pg_replication_slots WHERE slot_name = $1", [name]))
        .rowCount === 0;
    });
  }

  /** The end of the WAL, as text. */
  async currentLsn(): Promise<string> {
    return await this.#run("Read the WAL's end", async (client) => {
      const { rows } = await client.query("SELECT pg_current_wal_lsn() AS lsn");
      return formatLsn(parseLsn(rows[0].lsn)!);
    });
  }

  /** Writes a signal. `id` comes back in Debezium's notifications and log. */
  async signal(signalTable: string, signal: { id: string; type: string; data: unknown }): Promise<void> {
    await this.#run("Write a signal to Debezium", async (client) => {
      const table = signalTable.split(".").map(pg.escapeIdentifier).join(".");
      await client.query(`INSERT INTO ${table} (id, type, data) VALUES ($1, $2, $3)`, [
        signal.id,
        signal.type,
        JSON.stringify(signal.data),
      ]);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#forget();
  }

  /** On a connection that is opened when it is needed, and anew after a failure. */
  async #run<T>(action: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
    try {
      return await work(this.#client ??= await this.#connect());
    } catch (error) {
      if (error instanceof CandlewireError) throw error;
      await this.#forget();
      throw new CandlewireError("connect.postgres", `${action}: ${errorText(error)}`, {
        retry: "retry",
        hint: "Start PostgreSQL; it is asked again",
        cause: error,
      });
    }
  }

  async #connect(): Promise<pg.Client> {
    const { host, port, database, user, password } = this.#endpoint;
    const client = new pg.Client({
      host,
      port,
      database,
      user,
      password,
      connectionTimeoutMillis: 5_000,
      query_timeout: 10_000,
      application_name: "candlewire connector",
    });
    client.on("error", () => {
      // An old connection's late failure must not forget the one that replaced it.
      if (this.#client === client) this.#client = undefined;
    });
    await client.connect();
    return client;
  }

  async #forget(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) await endClient(client);
  }
}
