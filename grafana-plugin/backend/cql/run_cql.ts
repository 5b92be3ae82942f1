import type { Frame } from "../frame/frame.ts";
import type { Instance } from "../instance/instance.ts";
import type { Found } from "../kind/read_kind.ts";
import type { Request } from "../kind/request.ts";
import type { CqlColumn } from "../source/cql_cassandra.ts";
import { groupingOf, groupRows } from "./group.ts";
import { badCql } from "./lexer.ts";
import { bindMacros } from "./macros.ts";
import { seriesOf } from "./series.ts";
import { checkFiltering, parseSelect } from "./statement.ts";
import { fieldsOfColumns } from "./values_cassandra.ts";

const PAGE_ROWS = 5_000;
/** Letters and bytes of an answer's texts and blobs at most: rows of free tables may be of any size (I10). */
const MAX_BYTES = 32 * 1024 * 1024;

/**
 * Runs a SELECT on Cassandra: checked, its macros bound, prepared, read page by page up to the limit of rows. Throws
 * `plugin.bad_query` for what may not run, and what {@linkcode CqlCassandra} does.
 */
export async function runCql(request: Request, instance: Instance): Promise<Found> {
  const { signal, from, to, intervalMs, symbols, format, limit, filters } = request;
  const { maxRows, timeoutMs } = instance.settings;
  const cql = instance.cql!;
  const select = parseSelect(request.model.cql!);
  const grouping = groupingOf(select, intervalMs);
  const keyspace = select.keyspace ?? cql.keyspace;
  if (select.allowFiltering) {
    const table = await cql.table(keyspace, select.table);
    if (table === undefined) {
      throw badCql(
        `There is no table ${keyspace}.${select.table}`,
        "The editor completes the names of tables",
      );
    }
    checkFiltering(select, table.partitionKey);
  }
  const bound = bindMacros(select, {
    from: dateMs(from),
    to: dateMs(to),
    intervalMs,
    symbols,
    keyspace,
    list: grouping?.list,
  });
  // Grouped and filtered rows are counted when they are made.
  const most = grouping !== undefined || filters.length > 0 ? maxRows : Math.min(limit, maxRows);
  const rows: Record<string, unknown>[] = [];
  let columns: CqlColumn[] = [];
  let more = false;
  let bytes = 0;
  for await (
    const page of cql.pages(bound.cql, bound.values, {
      signal,
      timeoutMs,
      pageRows: Math.min(PAGE_ROWS, most + 1),
    })
  ) {
    columns = page.columns;
    bytes += bytesOf(page.rows);
    if (bytes > MAX_BYTES) {
      throw badCql(
        `The first ${rows.length + page.rows.length} rows hold more than ${MAX_BYTES / 1024 / 1024} MiB`,
        "Select fewer columns, or fewer rows by the time range or LIMIT",
      );
    }
    const room = most - rows.length;
    for (const row of page.rows.slice(0, room)) rows.push(row);
    if (page.rows.length > room) {
      more = true;
      break;
    }
  }
  const fields = fieldsOfColumns(columns, rows);
  const frame: Frame = {
    name: select.table,
    fields: grouping === undefined ? fields : groupRows(grouping, fields),
    meta: { executedQueryString: bound.cql },
  };
  const reader = instance.reader("cassandra", signal);
  return {
    frames: format === "timeseries" ? seriesOf(frame) : [frame],
    more,
    origin: await instance.originOf("cassandra", reader),
  };
}

function bytesOf(rows: readonly Record<string, unknown>[]): number {
  let bytes = 0;
  for (const row of rows) {
    for (const name in row) {
      const value = row[name];
      if (typeof value === "string" || value instanceof Uint8Array) bytes += value.length;
    }
  }
  return bytes;
}

/** Times that a Date can hold. */
function dateMs(ms: number): number {
  return Math.max(-8.64e15, Math.min(8.64e15, ms));
}
