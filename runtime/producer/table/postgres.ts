// @ts-types="@types/pg"
import pg from "pg";
import { CandlewireError, errorText } from "../../error.ts";
import type { CompletenessRow, TableBatch, TableName } from "../../market/table.ts";
import { endClient } from "../../end_postgres_client.ts";
import type { MarketTables } from "./market_table.ts";
import { failureClass, schemaMismatch, unavailable } from "./postgres_failure.ts";
import { insertStatement, rowsParameter } from "./postgres_statements.ts";
import { type AnyRow, newestRows, ROW_SHAPES, rowsOf, WRITE_ORDER } from "./row_shape.ts";

/** Options of {@linkcode PostgresTables}. */
export type PostgresTablesOptions = {
  host: string;
  port: number;
  database: string;
  user: string;
  password: string;
  /** Whom the fence knows this writer as. Default `producer`. */
  writer?: string;
  /** This start's fencing epoch. */
  epoch: number;
  /** Time limit of one statement. Default 30 s. */
  statementTimeoutMs?: number;
  /** How long the server lets a transaction wait for its next statement. Default 10 s. */
  idleTransactionMs?: number;
};

type Counts = Awaited<ReturnType<MarketTables["write"]>>;
type BadRow = { table: TableName; index: number; reason: string };

const DAY_MS = 86_400_000;

/**
 * {@linkcode MarketTables} in PostgreSQL: one connection, opened when needed and again after it broke; one
 * transaction a batch, within which the fence is read.
 *
 * Beyond the port's errors: `table.missing_partition` (retry; `details.ranges` lists `{table, from, to}` in epoch
 * ms to be made first) and `table.schema_mismatch` (operator). `table.bad_row` lists all bad rows of the batch in
 * `details.rows` as `{table, index, reason}`; nothing of the batch was written then.
 */
export class PostgresTables implements MarketTables {
  readonly #options: PostgresTablesOptions;
  #client: pg.Client | undefined;

  constructor(options: PostgresTablesOptions) {
    this.#options = options;
  }

  async write(batch: TableBatch): Promise<Counts> {
    const client = await this.#connect();
    let table: TableName = "completeness";
    try {
      await this.#begin(client);
      const counts = {} as Counts;
      for (table of WRITE_ORDER) {
        const rows = rowsOf(batch, table);
        const written = rows.length === 0 ? 0 : await insert(client, table, newestRows(table, rows));
        counts[table] = { written, unchanged: rows.length - written };
      }
      await client.query("COMMIT");
      return counts;
    } catch (error) {
      throw await this.#failure(client, error, batch, table);
    }
  }

  async lastTradeIds(symbols: string[]): Promise<Map<string, number>> {
    // One index probe a symbol and partition; a plain max() with GROUP BY would read all.
    const rows = await this.#select<{ symbol: string; last: string | null }>(
      `SELECT s AS symbol, (SELECT trade_id FROM recent_trades WHERE symbol = s
         ORDER BY trade_id DESC LIMIT 1) AS last FROM unnest($1::text[]) AS s`,
      [symbols],
    );
    return new Map(rows.flatMap((row) => row.last === null ? [] : [[row.symbol, Number(row.last)]]));
  }

  async lastClosedKlines(symbols: string[]): Promise<Map<string, number>> {
    const rows = await this.#select<{ symbol: string; last: Date | null }>(
      `SELECT s AS symbol, (SELECT open_time FROM klines WHERE symbol = s AND closed
         ORDER BY open_time DESC LIMIT 1) AS last FROM unnest($1::text[]) AS s`,
      [symbols],
    );
    return new Map(rows.flatMap((row) => row.last === null ? [] : [[row.symbol, row.last.getTime()]]));
  }

  async openGaps(): Promise<CompletenessRow[]> {
    const rows = await this.#select<Record<string, unknown>>(
      "SELECT * FROM completeness WHERE state = 'open' ORDER BY symbol, kind, first_id",
      [],
    );
    return rows.map((row) => ({
      ...row,
      first_id: Number(row.first_id),
      last_id: Number(row.last_id),
      version: Number(row.version),
      detected_at: (row.detected_at as Date).getTime(),
      updated_at: (row.updated_at as Date).getTime(),
    } as CompletenessRow));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) await endClient(client);
  }

  async #connect(): Promise<pg.Client> {
    if (this.#client !== undefined) return this.#client;
    const { host, port, database, user, password } = this.#options;
    const statementTimeout = this.#options.statementTimeoutMs ?? 30_000;
    const client = new pg.Client({
      host,
      port,
      database,
      user,
      password,
      ssl: false,
      application_name: "candlewire producer",
      connectionTimeoutMillis: 10_000,
      statement_timeout: statementTimeout,
      // The server ends a slow statement first; this one notices a server that is gone.
      query_timeout: statementTimeout + 5_000,
      // A host that vanishes within a transaction leaves the fence locked: its successor could not claim it.
      idle_in_transaction_session_timeout: this.#options.idleTransactionMs ?? 10_000,
      keepAlive: true,
    });
    client.on("error", () => this.#drop(client));
    client.on("end", () => this.#drop(client));
    try {
      await client.connect();
      await this.#claim(client);
    } catch (error) {
      await endClient(client);
      throw failureClass(error) === "schema" ? schemaMismatch(error) : unavailable(error);
    }
    return this.#client = client;
  }

  /** Raises the fence to this start's epoch, so that whoever wrote before can write no more. */
  async #claim(client: pg.Client): Promise<void> {
    const claimed = await client.query(
      `INSERT INTO candlewire_fence (writer, epoch) VALUES ($1, $2)
       ON CONFLICT (writer) DO UPDATE SET epoch = excluded.epoch
       WHERE candlewire_fence.epoch <= excluded.epoch`,
      [this.#writer, this.#options.epoch],
    );
    if (claimed.rowCount === 0) throw this.#fenced();
  }

  async #begin(client: pg.Client): Promise<void> {
    await client.query("BEGIN");
    // FOR SHARE: a newer writer's claim waits for this transaction, and this one sees every claim before it.
    const fence = await client.query({
      name: "fence",
      text: "SELECT epoch FROM candlewire_fence WHERE writer = $1 FOR SHARE",
      values: [this.#writer],
    });
    if (Number(fence.rows[0]?.epoch) !== this.#options.epoch) throw this.#fenced();
  }

  async #failure(client: pg.Client, error: unknown, batch: TableBatch, table: TableName) {
    const rolledBack = await client.query("ROLLBACK").then(() => true, () => false);
    if (!rolledBack) this.#drop(client);
    if (error instanceof CandlewireError) return error;
    switch (failureClass(error)) {
      case "unavailable":
        this.#drop(client);
        return unavailable(error);
      case "schema":
        return schemaMismatch(error);
      case "missing_partition":
        return missingPartition(table, rowsOf(batch, table), error);
      case "bad_row":
        return await this.#badRows(client, table, rowsOf(batch, table), error);
    }
  }

  /** Halves the rows of the failing table until each bad one stands alone; writes nothing. */
  async #badRows(client: pg.Client, table: TableName, rows: AnyRow[], cause: unknown) {
    const bad: BadRow[] = [];
    const search = async (from: number, to: number): Promise<void> => {
      const failed = await probe(client, table, rows.slice(from, to));
      if (failed === undefined) return;
      if (failureClass(failed) === "unavailable") throw failed;
      if (to - from === 1) {
        // A missing partition is mended, not blamed on the row.
        if (failureClass(failed) === "bad_row") bad.push({ table, index: from, reason: errorText(failed) });
        return;
      }
      const middle = (from + to) >> 1;
      await search(from, middle);
      await search(middle, to);
    };
    try {
      await search(0, rows.length);
    } catch (error) {
      this.#drop(client);
      return unavailable(error);
    }
    // Only together were they bad: nothing to blame a row for, so the batch is tried again.
    if (bad.length === 0) return unavailable(cause);
    const first = bad[0]!;
    return new CandlewireError("table.bad_row", `Write ${table}, row ${first.index}: ${first.reason}`, {
      hint: "The row is set aside and counted; the others are kept",
      details: { rows: bad },
      cause,
    });
  }

  async #select<Row extends Record<string, unknown>>(text: string, values: unknown[]): Promise<Row[]> {
    const client = await this.#connect();
    try {
      return (await client.query<Row>(text, values)).rows;
    } catch (error) {
      if (failureClass(error) === "schema") throw schemaMismatch(error);
      this.#drop(client);
      throw unavailable(error);
    }
  }

  #drop(client: pg.Client): void {
    if (this.#client === client) this.#client = undefined;
    void endClient(client);
  }

  get #writer(): string {
    return this.#options.writer ?? "producer";
  }

  #fenced(): CandlewireError {
    return new CandlewireError(
      "table.fenced",
      `Write to PostgreSQL as ${this.#writer} with epoch ${this.#options.epoch}: a newer one has taken over`,
      { retry: "operator", hint: "Stop this instance; the newer one writes" },
    );
  }
}

async function insert(client: pg.Client, table: TableName, rows: AnyRow[]): Promise<number> {
  const result = await client.query({
    name: `write ${table}`,
    text: insertStatement(table),
    values: [rowsParameter(table, rows)],
  });
  return result.rowCount ?? 0;
}

async function probe(client: pg.Client, table: TableName, rows: AnyRow[]): Promise<unknown> {
  await client.query("BEGIN");
  try {
    await insert(client, table, newestRows(table, rows));
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await client.query("ROLLBACK");
  }
}

function missingPartition(table: TableName, rows: AnyRow[], cause: unknown): CandlewireError {
  const column = ROW_SHAPES[table].partitionedBy as string;
  const days = [...new Set(rows.map((row) => Math.floor(row[column] as number / DAY_MS)))].sort((a, b) =>
    a - b
  );
  // Days that follow each other make one range; a lone old row must not ask for all the years since.
  const ranges: { table: TableName; from: number; to: number }[] = [];
  for (const day of days) {
    const last = ranges.at(-1);
    if (last !== undefined && last.to === day * DAY_MS - 1) last.to += DAY_MS;
    else ranges.push({ table, from: day * DAY_MS, to: (day + 1) * DAY_MS - 1 });
  }
  return new CandlewireError("table.missing_partition", `Write ${table}: ${errorText(cause)}`, {
    retry: "retry",
    hint: "The host makes partitions ahead; for older rows it is asked to",
    details: { ranges },
    cause,
  });
}
