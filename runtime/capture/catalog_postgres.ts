import pg from "pg";
import { CandlewireError } from "../error.ts";
import { endClient } from "../end_postgres_client.ts";
import type { ColumnType } from "./column_value.ts";
import type { CapturedColumn, CapturedTable } from "./envelope_writer.ts";
import type { Relation } from "./pgoutput.ts";
import { postgresError, type PostgresLogin, SESSION_OPTIONS } from "./replication_postgres.ts";

/** A replication slot as the server shows it. */
export type SlotState = {
  plugin: string;
  database: string;
  active: boolean;
  confirmedLsn: string | null;
  /** Why it cannot be read any more; null while it can. */
  lost: string | null;
};

/** A published table and what of it is published. */
export type PublishedTable = { oid: number; schema: string; table: string; filter: string | null };

type TypeRow = {
  oid: number;
  name: string;
  kind: string;
  element: number;
  base: number;
  modifier: number;
  delimiter: string;
};

/** An ordinary connection beside the stream: checks before the start, and what pgoutput does not say of tables. */
export class Catalog implements AsyncDisposable {
  readonly client: pg.Client;
  readonly #closed = Promise.withResolvers<void>();
  #types = new Map<number, TypeRow>();

  private constructor(client: pg.Client) {
    this.client = client;
    client.on("error", (error) => this.#closed.reject(postgresError(error, "Read PostgreSQL's catalog")));
    this.#closed.promise.catch(() => {});
  }

  static async connect(login: PostgresLogin): Promise<Catalog> {
    const client = new pg.Client({
      ...login,
      options: SESSION_OPTIONS,
      application_name: "candlewire-capture",
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
    });
    const catalog = new Catalog(client);
    try {
      await client.connect();
    } catch (error) {
      throw postgresError(error, `Connect to PostgreSQL at ${login.host}:${login.port}`);
    }
    return catalog;
  }

  /** Rejects when the connection breaks. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Rejects with `capture.wal_level` or `capture.publication_missing`. */
  async check(publication: string): Promise<void> {
    const level = (await this.#query("SHOW wal_level"))[0]!.wal_level;
    if (level !== "logical") {
      throw new CandlewireError(
        "capture.wal_level",
        `Start capture: wal_level is "${level}", not "logical"`,
        {
          retry: "operator",
          hint: `Set wal_level = logical in postgresql.conf and restart PostgreSQL`,
        },
      );
    }
    const found = await this.#query("SELECT 1 FROM pg_publication WHERE pubname = $1", [publication]);
    if (found.length === 0) {
      throw new CandlewireError(
        "capture.publication_missing",
        `Start capture: the database has no publication "${publication}"`,
        {
          retry: "operator",
          hint: `Run the migrations, or CREATE PUBLICATION ${publication} FOR TABLE …`,
        },
      );
    }
  }

  async slot(name: string): Promise<SlotState | undefined> {
    const [row] = await this.#query("SELECT * FROM pg_replication_slots WHERE slot_name = $1", [name]);
    if (row === undefined) return undefined;
    const reason = row.invalidation_reason ?? null;
    return {
      plugin: String(row.plugin),
      database: String(row.database),
      active: row.active === true,
      confirmedLsn: row.confirmed_flush_lsn === null ? null : String(row.confirmed_flush_lsn),
      lost: row.wal_status === "lost" ? `its WAL was removed (${reason ?? "lost"})` : reason as string | null,
    };
  }

  async published(publication: string): Promise<(PublishedTable & { columns: string[] })[]> {
    const rows = await this.#query(
      `SELECT c.oid, p.schemaname, p.tablename, p.attnames::text[] AS attnames, p.rowfilter
       FROM pg_publication_tables p
       JOIN pg_namespace n ON n.nspname = p.schemaname
       JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename
       WHERE p.pubname = $1 ORDER BY p.schemaname, p.tablename`,
      [publication],
    );
    return rows.map((row) => ({
      oid: Number(row.oid),
      schema: String(row.schemaname),
      table: String(row.tablename),
      filter: row.rowfilter === null ? null : String(row.rowfilter),
      columns: row.attnames as string[],
    }));
  }

  /** What a relation message leaves out: its types' names and the primary key. */
  async describe(relation: Relation): Promise<CapturedTable> {
    if (relation.columns.some((column) => !this.#types.has(column.type))) await this.#loadTypes();
    const primaryKey = await this.#primaryKey(relation.oid);
    const columns = relation.columns.map((column): CapturedColumn => ({
      name: column.name,
      ...this.#resolve(column.type, column.modifier),
      identity: column.key,
      primaryKey: primaryKey.includes(column.name),
    }));
    return { oid: relation.oid, schema: relation.schema, table: relation.table, columns, primaryKey };
  }

  /** The same for a table that a snapshot reads. */
  async describeTable(table: PublishedTable & { columns: string[] }): Promise<CapturedTable> {
    const rows = await this.#query(
      `SELECT attname, atttypid, atttypmod FROM pg_attribute
       WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped AND attname = ANY($2) ORDER BY attnum`,
      [table.oid, table.columns],
    );
    return await this.describe({
      kind: "relation",
      oid: table.oid,
      schema: table.schema,
      table: table.table,
      replicaIdentity: "d",
      columns: rows.map((row) => ({
        name: String(row.attname),
        type: Number(row.atttypid),
        modifier: Number(row.atttypmod),
        key: false,
      })),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endClient(this.client);
  }

  async #loadTypes(): Promise<void> {
    const rows = await this.#query(
      `SELECT oid, typname AS name, CASE WHEN typcategory = 'A' AND typelem <> 0 THEN 'a' ELSE typtype END AS kind,
         typelem AS element, typbasetype AS base, typtypmod AS modifier,
         (SELECT e.typdelim FROM pg_type e WHERE e.oid = t.typelem) AS delimiter
       FROM pg_type t`,
    );
    this.#types = new Map((rows as unknown as TypeRow[]).map((row) => [Number(row.oid), row]));
  }

  async #primaryKey(oid: number): Promise<string[]> {
    const rows = await this.#query(
      `SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
       WHERE i.indrelid = $1 AND i.indisprimary ORDER BY array_position(i.indkey::int2[], a.attnum)`,
      [oid],
    );
    return rows.map((row) => String(row.attname));
  }

  /** A domain is what it is made of, with the modifier that it declares. */
  #resolve(oid: number, modifier: number): { type: ColumnType; modifier: number } {
    const row = this.#types.get(oid);
    // The type was dropped since: its values go out as an unknown type's.
    if (row === undefined) return { type: { kind: "other", name: `oid ${oid}` }, modifier };
    if (row.kind === "d") {
      return this.#resolve(Number(row.base), modifier >= 0 ? modifier : Number(row.modifier));
    }
    if (row.kind === "a") {
      const element = this.#resolve(Number(row.element), modifier);
      const type = { kind: "array" as const, name: row.name, element: element.type };
      return { type: { ...type, delimiter: row.delimiter ?? "," }, modifier: element.modifier };
    }
    if (row.kind === "e") return { type: { kind: "enum", name: row.name }, modifier };
    // Base types and ranges are known by name; composites and pseudo-types are not.
    return { type: { kind: row.kind === "c" ? "other" : "scalar", name: row.name }, modifier };
  }

  async #query(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    try {
      return (await this.client.query(sql, values)).rows;
    } catch (error) {
      throw postgresError(error, "Read PostgreSQL's catalog");
    }
  }
}
