import type { Client, types } from "cassandra-driver";
import { connectCassandra } from "../cassandra/client_cassandra.ts";
import { cassandraError } from "../cassandra/error_cassandra.ts";
import type { CassandraLogin, CassandraSecrets } from "../cassandra/login.ts";
import { CandlewireError } from "../error.ts";

/** A row as the driver gives it, by column. */
export type CassandraRow = Record<string, unknown>;

/** After a connection that failed, the next one is tried so much later; questions fail at once until then. */
const RECONNECT_MS = 500;
/** Rows of one answer while scanning. */
const SCAN_ROWS = 5000;

/**
 * Asks one keyspace, connecting at the first question and again after all nodes were away: a question that fails
 * rejects with `query.unavailable` (`retry`) and the next one may succeed, without a restart of anything.
 */
export class CassandraReader implements AsyncDisposable {
  readonly #login: CassandraLogin;
  readonly #secrets: CassandraSecrets;
  #client: Client | undefined;
  #connecting: Promise<Client> | undefined;
  #failed: { error: CandlewireError; atMs: number } | undefined;
  #closed = false;

  constructor(login: CassandraLogin, secrets: CassandraSecrets) {
    this.#login = login;
    this.#secrets = secrets;
  }

  /** A table's name with its keyspace; no keyspace is selected, for it may not be there yet. */
  table(name: string): string {
    return `${this.#login.keyspace}.${name}`;
  }

  /** The rows of a statement that answers with 5,000 at most. */
  async rows(cql: string, values: unknown[]): Promise<CassandraRow[]> {
    return (await this.#execute(cql, values)).rows;
  }

  /** All rows of a statement, an answer at a time. */
  async *scan(cql: string, values: unknown[]): AsyncGenerator<CassandraRow[]> {
    let pageState: string | undefined;
    do {
      const answer: types.ResultSet = await this.#execute(cql, values, pageState);
      pageState = answer.pageState ?? undefined;
      yield answer.rows;
    } while (pageState !== undefined);
  }

  /** The same statement for many values, a few at a time; answers in the order of the values. */
  async each(cql: string, values: unknown[][], atOnce = 16): Promise<CassandraRow[][]> {
    const found: CassandraRow[][] = new Array(values.length);
    let next = 0;
    const work = async () => {
      while (next < values.length) {
        const at = next++;
        found[at] = await this.rows(cql, values[at]!);
      }
    };
    await Promise.all(Array.from({ length: Math.min(atOnce, values.length) }, work));
    return found;
  }

  async #execute(cql: string, values: unknown[], pageState?: string): Promise<types.ResultSet> {
    const client = await this.#connected();
    try {
      // Reading may be repeated: the retry policy asks another node once.
      return await client.execute(cql, values, {
        prepare: true,
        isIdempotent: true,
        fetchSize: SCAN_ROWS,
        pageState,
      });
    } catch (error) {
      if (client === this.#client && client.getState().getConnectedHosts().length === 0) this.#drop(client);
      throw unavailable(`Read ${this.#login.keyspace}`, error);
    }
  }

  async #connected(): Promise<Client> {
    if (this.#client !== undefined) return this.#client;
    if (this.#closed) throw new Error("The reader is closed");
    const failed = this.#failed;
    if (failed !== undefined && performance.now() - failed.atMs < RECONNECT_MS) throw failed.error;
    this.#connecting ??= this.#connect();
    return await this.#connecting;
  }

  async #connect(): Promise<Client> {
    try {
      const client = await connectCassandra(this.#login, {
        secrets: this.#secrets,
        applicationName: "candlewire query",
        owner: "query",
        useKeyspace: false,
      });
      this.#failed = undefined;
      this.#client = client;
      return client;
    } catch (cause) {
      const error = unavailable("Connect to Cassandra", cause);
      this.#failed = { error, atMs: performance.now() };
      throw error;
    } finally {
      this.#connecting = undefined;
    }
  }

  /** The driver would come back by itself, but waits ever longer; a question that is asked now should not. */
  #drop(client: Client): void {
    this.#client = undefined;
    client.shutdown().catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#connecting?.catch(() => {});
    const client = this.#client;
    this.#client = undefined;
    await client?.shutdown().catch(() => {});
  }
}

/** For a reader, whatever the servers refuse is to be tried again: others mend it, and the reader need not be restarted. */
function unavailable(action: string, cause: unknown): CandlewireError {
  const error = cassandraError(action, cause, "query");
  // A statement or a value that is wrong is our own mistake and must not look like an outage.
  if (error.code === "query.bad_row" || error.cause instanceof TypeError) return error;
  return new CandlewireError("query.unavailable", error.message, {
    retry: "retry",
    hint: error.hint,
    cause,
    details: { reason: error.code },
  });
}

/** A `bigint` column's value, or a `timestamp`'s in epoch milliseconds; null when there is none. */
export function numberOf(value: unknown): number | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "number") return value;
  if (value instanceof Date) return value.getTime();
  return (value as types.Long).toNumber();
}
