import type { CallResourceRequest, ResourceAnswer } from "../protocol/backend.ts";
import { FORMATS_OF, QUERY_KINDS, type QueryKind, SYMBOL_KINDS } from "../../src/datasource/query.ts";
import type { Instance } from "../instance/instance.ts";
import { seriesColumns, type SeriesKind, TABLE_COLUMNS } from "../kind/market_frames.ts";
import { LEVELS } from "../kind/market_columns.ts";
import { readRows } from "../source/read_rows.ts";

/** Markets that are listed at most; the largest exchange has fewer. */
const MAX_SYMBOLS = 5_000;

/** `GET symbols`, `columns?kind=&format=`, `keyspace`, `values?key=`: what the editor and the filters offer. Other paths are 404, other methods 405. */
export async function answerResource(
  request: CallResourceRequest,
  instance: Instance,
  signal: AbortSignal,
): Promise<ResourceAnswer> {
  const path = request.path.replace(/^\/+|\/+$/g, "");
  const parameters = new URL(request.url === "" ? path : request.url, "http://plugin/").searchParams;
  if (request.method !== "GET" && request.method !== "") {
    return { code: 405, body: { error: `${request.method} is not answered here; use GET` } };
  }
  switch (path) {
    case "symbols":
      return { code: 200, body: { symbols: await symbolsOf(instance, signal) } };
    case "columns":
      return columnsOf(parameters.get("kind") ?? "", parameters.get("format") ?? "table");
    case "keyspace":
      return {
        code: 200,
        body: { keyspace: instance.cql?.keyspace ?? null, tables: await instance.cql?.tables() ?? [] },
      };
    case "values":
      return { code: 200, body: { values: await valuesOf(parameters.get("key") ?? "", instance, signal) } };
    default:
      return {
        code: 404,
        body: { error: `There is no ${path}; there are symbols, columns, keyspace and values` },
      };
  }
}

async function symbolsOf(instance: Instance, signal: AbortSignal): Promise<string[]> {
  const reader = instance.reader(instance.cassandra === undefined ? "control" : "cassandra", signal);
  const { rows } = await readRows(
    MAX_SYMBOLS,
    (limit, cursor) => reader.tickers({ limit, cursor, orderBy: "symbol" }),
    { signal },
  );
  return rows.map(({ symbol }) => symbol);
}

function columnsOf(kind: string, format: string): ResourceAnswer {
  if (!QUERY_KINDS.includes(kind as QueryKind)) {
    return {
      code: 400,
      body: { error: `kind is ${JSON.stringify(kind)}; choose one of ${QUERY_KINDS.join(", ")}` },
    };
  }
  if (kind === "cql") return { code: 200, body: { columns: [] } };
  const known = kind as Exclude<QueryKind, "cql">;
  if (!(FORMATS_OF[known] as readonly string[]).includes(format)) format = FORMATS_OF[known][0]!;
  const lists = format === "book"
    ? [LEVELS]
    : isSeries(known)
    ? [seriesColumns(known, format as "table")]
    : TABLE_COLUMNS[known];
  const seen = new Map<string, string>();
  for (const { name, kind } of lists.flat()) if (!seen.has(name)) seen.set(name, kind);
  return { code: 200, body: { columns: [...seen].map(([name, type]) => ({ name, type })) } };
}

function isSeries(kind: QueryKind): kind is SeriesKind {
  return SYMBOL_KINDS.includes(kind) && kind !== "book" && kind !== "completeness";
}

/** Values that a filter's key may take, where they are few; none for numbers and times. */
const FEW: Record<string, readonly string[]> = {
  side: ["bid", "ask"],
  trusted: ["true", "false"],
  closed: ["true", "false"],
  backfill: ["true", "false"],
  delivered: ["true", "false"],
  is_buyer_maker: ["true", "false"],
  kind: ["trade", "kline", "book"],
  window: ["1s", "1m", "5m", "1h"],
  id: ["source", "producer", "postgres", "capture", "journal", "transforms", "consumer", "store"],
};

async function valuesOf(key: string, instance: Instance, signal: AbortSignal): Promise<string[]> {
  if (key === "symbol") return await symbolsOf(instance, signal);
  const reader = instance.reader(instance.cassandra === undefined ? "control" : "cassandra", signal);
  const distinct = (values: (string | null)[]) =>
    [...new Set(values.filter((value) => value !== null))].sort();
  switch (key) {
    case "quote_asset": {
      const { rows } = await readRows(
        MAX_SYMBOLS,
        (limit, cursor) => reader.tickers({ limit, cursor, orderBy: "symbol" }),
        { signal },
      );
      return distinct(rows.map((row) => row.quote_asset));
    }
    case "cause":
    case "state": {
      const { rows } = await readRows(1_000, (limit, cursor) => reader.completeness({ limit, cursor }), {
        signal,
      });
      const states = ["running", "starting", "degraded", "blocked", "stopped", "failed", "unknown"];
      return distinct([...rows.map((row) => row[key]), ...(key === "state" ? states : [])]);
    }
    case "code":
    case "topic": {
      const { rows } = await readRows(500, (limit, cursor) => reader.deadLetters({ limit, cursor }), {
        signal,
      });
      return distinct(rows.map((row) => row[key]));
    }
    case "rule": {
      const { rows } = await readRows(500, (limit, cursor) => reader.alerts({ limit, cursor }), { signal });
      return distinct(rows.map(({ rule }) => rule));
    }
    default:
      return [...FEW[key] ?? []];
  }
}
