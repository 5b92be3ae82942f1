import { type CassandraReader, type CassandraRow, numberOf } from "./cassandra_reader.ts";

/** Which rows of a table and of its marks are wanted. */
export type MarkedQuery = {
  table: string;
  /** Columns of the table beside the key, the first of which tells the version. */
  columns: readonly string[];
  marks: string;
  markColumns: readonly string[];
  /** The clustering key of both, a timestamp. */
  time: string;
  symbol: string;
  /** In [from, to), epoch ms. */
  from: number;
  to: number;
  order: "asc" | "desc";
  limit: number;
};

/** A row and what its marks table has of the same version; undefined when it has none. */
export type MarkedRow = { row: CassandraRow; marks: CassandraRow | undefined; time: number; version: number };

/** How often rows are read again whose marks were of another version. */
const ATTEMPTS = 4;

/**
 * Rows with their marks. A row and its marks are written as one mutation, but two questions may fall on both sides of
 * it: what then does not fit together (by version) is read again, so that no row shows the marks of another version.
 */
export async function readMarked(reader: CassandraReader, query: MarkedQuery): Promise<MarkedRow[]> {
  const { time, symbol, order, limit } = query;
  let { from, to } = query;
  const [version] = query.columns;
  const select = (table: string, columns: readonly string[]) =>
    `SELECT ${time}, ${columns.join(", ")} FROM ${
      reader.table(table)
    } WHERE symbol = ? AND ${time} >= ? AND ${time} < ? ORDER BY ${time} ${order.toUpperCase()} LIMIT ?`;
  const rowsOf = select(query.table, [...query.columns, `WRITETIME(${version}) AS written`]);
  const marksOf = select(query.marks, [...query.markColumns, "version"]);
  let rows: MarkedRow[] = [];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const [found, marks] = await Promise.all([
      reader.rows(rowsOf, [symbol, from, to, limit]),
      reader.rows(marksOf, [symbol, from, to, limit]),
    ]);
    const byTime = new Map(marks.map((mark) => [numberOf(mark[time]), mark]));
    rows = found.map((row) => {
      const at = numberOf(row[time])!;
      const written = numberOf(row.written) ?? 0;
      const mark = byTime.get(at);
      return {
        row,
        time: at,
        version: written,
        marks: mark !== undefined && numberOf(mark.version) === written ? mark : undefined,
      };
    });
    if (rows.every(({ marks }) => marks !== undefined)) break;
    // The same rows again, not those that came meanwhile.
    const times = rows.map(({ time }) => time);
    from = Math.min(...times);
    to = Math.max(...times) + 1;
  }
  return rows;
}
