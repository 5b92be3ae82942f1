import type { Client, metadata, types } from "cassandra-driver";
import { connectCassandra } from "../../../runtime/cassandra/client_cassandra.ts";
import { cassandraError } from "../../../runtime/cassandra/error_cassandra.ts";
import type { CassandraLogin, CassandraSecrets } from "../../../runtime/cassandra/login.ts";

/** After a connection that failed, the next one is tried so much later, ms. */
const RECONNECT_MS = 500;

/** A table as the lexer and the completion know it. */
export type TableShape = {
  keyspace: string;
  name: string;
  partitionKey: string[];
  clusteringKey: string[];
  columns: { name: string; type: string }[];
};

/** A column of an answer: its name, the driver's type code and info. */
export type CqlColumn = { name: string; type: types.dataTypes; info: unknown };

/**
 * Free statements against Cassandra, read-only by what the caller lets through. Connects when first asked, again after a
 * failure. Rejects with `query.unavailable`, `.unauthorized`, `.schema_missing` or `.failed`.
 */
export class CqlCassandra implements AsyncDisposable {
  readonly #login: CassandraLogin;
  readonly #secrets: CassandraSecrets;
  #client: Promise<Client> | undefined;
  #failedMs = -Infinity;
  #failed: unknown;
  #closed = false;

  constructor(login: CassandraLogin, secrets: CassandraSecrets) {
    this.#login = login;
    this.#secrets = secrets;
  }

  get keyspace(): string {
    return this.#login.keyspace;
  }

  get contactPoints(): string {
    return this.#login.contactPoints.join(", ");
  }

  /** Version and data center of a node, and the tables of the keyspace: what the health check tells. */
  async look(): Promise<{ version: string; dataCenters: string[]; tables: string[] }> {
    const client = await this.#connected();
    const hosts = client.hosts.values();
    const { rows } = await this.#ask(client, "SELECT release_version FROM system.local", []);
    const tables = await this.#ask(
      client,
      "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?",
      [this.keyspace],
    );
    return {
      version: String(rows[0]?.release_version ?? ""),
      dataCenters: [...new Set(hosts.map(({ datacenter }) => datacenter))],
      tables: tables.rows.map(({ table_name }) => String(table_name)),
    };
  }

  /** The tables of the keyspace with their columns, for completion. */
  async tables(): Promise<TableShape[]> {
    const client = await this.#connected();
    const { rows } = await this.#ask(
      client,
      "SELECT table_name, column_name, kind, position, type FROM system_schema.columns WHERE keyspace_name = ?",
      [this.keyspace],
    );
    const tables = new Map<string, types.Row[]>();
    for (const row of rows) tables.set(row.table_name, [...tables.get(row.table_name) ?? [], row]);
    return [...tables].map(([name, columns]) => {
      const keys = (kind: string) =>
        columns.filter((column) => column.kind === kind).sort((a, b) => a.position - b.position).map((
          { column_name },
        ) => String(column_name));
      return {
        keyspace: this.keyspace,
        name,
        partitionKey: keys("partition_key"),
        clusteringKey: keys("clustering"),
        columns: columns.map(({ column_name, type }) => ({ name: String(column_name), type: String(type) })),
      };
    }).sort((a, b) => a.name < b.name ? -1 : 1);
  }

  /** A table's keys; undefined when there is no such table. */
  async table(keyspace: string, name: string): Promise<{ partitionKey: string[] } | undefined> {
    const client = await this.#connected();
    const table = await client.metadata.getTable(keyspace, name) as metadata.TableMetadata | null | undefined;
    return table === null || table === undefined
      ? undefined
      : { partitionKey: table.partitionKeys.map(({ name }) => name) };
  }

  /** Answers of a statement, page by page; the columns are the same on each. */
  async *pages(
    cql: string,
    values: unknown[],
    options: { signal: AbortSignal; timeoutMs: number; pageRows: number },
  ): AsyncGenerator<{ columns: CqlColumn[]; rows: types.Row[] }> {
    const client = await this.#connected();
    let pageState: string | undefined;
    do {
      options.signal.throwIfAborted();
      const answer: types.ResultSet = await this.#ask(client, cql, values, {
        pageState,
        fetchSize: options.pageRows,
        readTimeout: options.timeoutMs,
      });
      pageState = answer.pageState ?? undefined;
      const columns = answer.columns.map(({ name, type }) => ({ name, type: type.code, info: type.info }));
      yield { columns, rows: answer.rows };
    } while (pageState !== undefined);
  }

  async #ask(
    client: Client,
    cql: string,
    values: unknown[],
    options: Record<string, unknown> = {},
  ): Promise<types.ResultSet> {
    try {
      return await client.execute(cql, values, { prepare: true, isIdempotent: true, ...options });
    } catch (error) {
      if (client.getState().getConnectedHosts().length === 0) await this.#drop();
      throw cassandraError(`Read ${this.keyspace}`, error, "query");
    }
  }

  #connected(): Promise<Client> {
    if (this.#closed) return Promise.reject(new Error("The data source is closed"));
    if (this.#client !== undefined) return this.#client;
    if (performance.now() - this.#failedMs < RECONNECT_MS) return Promise.reject(this.#failed);
    const connecting = connectCassandra(this.#login, {
      secrets: this.#secrets,
      applicationName: "candlewire grafana",
      owner: "query",
      useKeyspace: false,
    });
    this.#client = connecting;
    connecting.catch((error) => {
      this.#failedMs = performance.now();
      this.#failed = error;
      if (this.#client === connecting) this.#client = undefined;
    });
    return connecting;
  }

  async #drop(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.then((one) => one.shutdown()).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#drop();
  }
}
