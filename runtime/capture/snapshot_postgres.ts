import pg from "pg";
import type { CapturedTable } from "./envelope_writer.ts";
import type { Catalog, PublishedTable } from "./catalog_postgres.ts";
import type { Tuple } from "./pgoutput.ts";
import { postgresError } from "./replication_postgres.ts";

/** What a snapshot is read with. */
export type SnapshotOptions = {
  publication: string;
  /** `schema.table` of a published table that is not read. */
  leftOut?: string;
  /** The slot's exported snapshot; null reads the tables as they are now (see {@linkcode readSnapshot}). */
  snapshotName: string | null;
  /** Rows a chunk, at most. */
  fetchSize: number;
  /** Characters a chunk, about: the number of rows follows from the rows before (I10). */
  chunkChars: number;
  signal: AbortSignal;
};

/** One chunk of a table. `lastOfTable`, `last`: nothing follows in the table, or at all. */
export type SnapshotChunk = {
  table: CapturedTable;
  rows: Tuple[];
  first: boolean;
  firstOfTable: boolean;
  lastOfTable: boolean;
  last: boolean;
};

/**
 * Reads every published table in one transaction, chunk by chunk. With the slot's exported snapshot the rows are exactly
 * what the stream does not bring: no gap, no overlap. Without it, after a snapshot that was interrupted, the rows are
 * newer than the slot's position, and the stream then repeats changes that they hold already; a reader that follows I2
 * ends at the same state, and deletes made in between reach it.
 */
export async function* readSnapshot(
  catalog: Catalog,
  options: SnapshotOptions,
): AsyncGenerator<SnapshotChunk> {
  const { client } = catalog;
  const run = async (sql: string): Promise<Tuple[]> => {
    options.signal.throwIfAborted();
    try {
      // Text as the stream has it: no value is parsed by the driver.
      const query = { text: sql, rowMode: "array", types: { getTypeParser: () => (value: string) => value } };
      return (await client.query(query as unknown as pg.QueryArrayConfig)).rows as Tuple[];
    } catch (error) {
      throw postgresError(error, "Read the initial snapshot");
    }
  };
  await run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  try {
    if (options.snapshotName !== null) {
      await run(`SET TRANSACTION SNAPSHOT ${pg.escapeLiteral(options.snapshotName)}`);
    }
    const tables = (await catalog.published(options.publication))
      .filter(({ schema, table }) => `${schema}.${table}` !== options.leftOut);
    // A chunk is held back until the next is known: only then is it clear whether it is the last.
    let held: SnapshotChunk | undefined;
    let first = true;
    for (const published of tables) {
      const table = await catalog.describeTable(published);
      await run(`DECLARE snapshot NO SCROLL CURSOR FOR ${selectOf(published, table)}`);
      let firstOfTable = true;
      // Rows may be of any size: a few first.
      let count = Math.min(50, options.fetchSize);
      for (;;) {
        const rows = await run(`FETCH ${count} FROM snapshot`);
        if (rows.length === 0) break;
        if (held !== undefined) yield { ...held, lastOfTable: firstOfTable };
        held = { table, rows, first, firstOfTable, lastOfTable: false, last: false };
        first = firstOfTable = false;
        if (rows.length < count) break;
        const perRow = Math.max(1, charsOf(rows) / rows.length);
        count = Math.max(1, Math.min(options.fetchSize, Math.floor(options.chunkChars / perRow)));
      }
      await run("CLOSE snapshot");
    }
    if (held !== undefined) yield { ...held, lastOfTable: true, last: true };
  } finally {
    await client.query("ROLLBACK").catch(() => {});
  }
}

function selectOf(published: PublishedTable, table: CapturedTable): string {
  const columns = table.columns.map((column) => pg.escapeIdentifier(column.name)).join(", ");
  const from = `${pg.escapeIdentifier(published.schema)}.${pg.escapeIdentifier(published.table)}`;
  return `SELECT ${columns} FROM ${from}${published.filter === null ? "" : ` WHERE ${published.filter}`}`;
}

function charsOf(rows: readonly Tuple[]): number {
  let chars = 0;
  for (const row of rows) for (const value of row) chars += value?.length ?? 0;
  return chars;
}
