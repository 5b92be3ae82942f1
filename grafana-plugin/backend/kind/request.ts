import { CandlewireError } from "../../../runtime/error.ts";
import type { DataQuery } from "../protocol/backend.ts";
import type { Instance } from "../instance/instance.ts";
import type { SourceName } from "../source/market_reader.ts";
import {
  checkQuery,
  DEFAULT_LIMIT,
  FILTER_OPERATORS,
  FORMATS_OF,
  type MarketQueryModel,
  type QueryFormat,
  type QueryKind,
  type RowFilter,
  TICKER_ORDERS,
} from "../../src/datasource/query.ts";

/** A query, checked and complete: what the readers and frames need to know. */
export type Request = {
  refId: string;
  model: MarketQueryModel;
  kind: QueryKind;
  symbols: string[];
  format: QueryFormat;
  source: SourceName;
  /** Rows (levels a side of a book) at most. */
  limit: number;
  filters: RowFilter[];
  /** Empty: all. */
  fields: string[];
  /** [from, to), epoch ms. */
  from: number;
  to: number;
  intervalMs: number;
  signal: AbortSignal;
};

const MAX_SYMBOLS = 50;
const MAX_CQL = 20_000;

/**
 * Reads a query that Grafana sends. Throws `plugin.bad_query` with what is wrong and what would be right. Its time range is whole
 * milliseconds, the end included.
 */
export function requestOf(query: DataQuery, instance: Instance, signal: AbortSignal): Request {
  const model = modelOf(query.json);
  const problems = checkQuery(model);
  if (problems.length > 0) throw bad(problems.map(({ problem }) => problem).join(". "));
  const symbols = [
    ...new Set(
      (model.symbols ?? []).map((symbol) => symbol.trim().toUpperCase()).filter((symbol) => symbol !== ""),
    ),
  ];
  if (symbols.length > MAX_SYMBOLS) throw bad(`${symbols.length} symbols; at most ${MAX_SYMBOLS}`);
  // deno-lint-ignore no-control-regex
  const odd = symbols.find((symbol) => symbol.length > 64 || /[\s\u0000-\u001f,]/u.test(symbol));
  if (odd !== undefined) {
    throw bad(`${JSON.stringify(odd.slice(0, 80))} is no symbol; write one such as BTCUSDT`);
  }
  const from = Number(query.timeRange?.fromEpochMS ?? 0n);
  const to = Number(query.timeRange?.toEpochMS ?? 0n) + 1;
  if (from >= to) {
    throw bad(
      `The time range is reversed: from ${isoOf(from)} to ${
        isoOf(to - 1)
      }; choose one that begins before it ends`,
    );
  }
  return {
    refId: query.refId,
    model,
    kind: model.kind,
    symbols,
    format: model.format ?? FORMATS_OF[model.kind][0]!,
    source: sourceOf(model, instance),
    limit: Math.min(model.limit ?? DEFAULT_LIMIT[model.kind], instance.settings.maxRows),
    filters: model.filters ?? [],
    fields: model.fields ?? [],
    from,
    to,
    intervalMs: Math.max(1, Number(query.intervalMS)),
    signal,
  };
}

/** Cassandra when it is configured and has the kind, else the control API; what the query itself names, if it can be had. */
export function sourceOf(
  { kind, source = "auto" }: MarketQueryModel,
  { cassandra, control }: Pick<Instance, "cassandra" | "control">,
): SourceName {
  const fromCassandra = source === "cassandra" || kind === "cql" ||
    (source === "auto" && kind !== "pipeline" && cassandra !== undefined);
  if (fromCassandra && cassandra === undefined) {
    throw bad(
      `${
        kind === "cql" ? "CQL" : "The query"
      } needs Cassandra, and the data source has no contact points; set them, or choose another source`,
    );
  }
  if (!fromCassandra && control === undefined) {
    throw bad(
      `${
        kind === "pipeline" ? "The pipeline's state" : "The query"
      } needs the control API, and the data source has no address of it; set controlUrl`,
    );
  }
  return fromCassandra ? "cassandra" : "control";
}

function modelOf(json: Uint8Array): MarketQueryModel {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(json));
  } catch (error) {
    throw bad(`It is no JSON: ${(error as Error).message}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad("It is no JSON object");
  const model = value as MarketQueryModel;
  texts("symbols", model.symbols);
  texts("fields", model.fields);
  if (model.cql !== undefined && typeof model.cql !== "string") throw bad("cql is no text");
  if ((model.cql?.length ?? 0) > MAX_CQL) {
    throw bad(`cql has ${model.cql!.length} characters; at most ${MAX_CQL}`);
  }
  if (model.orderBy !== undefined && !TICKER_ORDERS.includes(model.orderBy)) {
    throw bad(`orderBy is ${JSON.stringify(model.orderBy)}; choose one of ${TICKER_ORDERS.join(", ")}`);
  }
  if (model.source !== undefined && !["auto", "cassandra", "control"].includes(model.source)) {
    throw bad(`source is ${JSON.stringify(model.source)}; choose auto, cassandra or control`);
  }
  for (const filter of list("filters", model.filters)) {
    const { key, operator, value } = filter as Partial<RowFilter>;
    if (typeof key !== "string" || typeof value !== "string" || !FILTER_OPERATORS.includes(operator!)) {
      throw bad(
        `${JSON.stringify(filter).slice(0, 100)} is no filter; it has a key, a value and one of ${
          FILTER_OPERATORS.join(" ")
        }`,
      );
    }
  }
  return model;
}

function texts(name: string, value: unknown): void {
  if (list(name, value).some((one) => typeof one !== "string")) {
    throw bad(`${name} is ${JSON.stringify(value).slice(0, 100)}; give a list of texts`);
  }
}

function list(name: string, value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw bad(`${name} is ${JSON.stringify(value).slice(0, 100)}; give a list`);
  return value;
}

function isoOf(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms`;
}

function bad(what: string): CandlewireError {
  return new CandlewireError("plugin.bad_query", `Read the query: ${what}`);
}
