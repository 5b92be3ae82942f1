import { seriesColumns, type SeriesKind, TABLE_COLUMNS } from "../../backend/kind/market_frames.ts";
import { checkQuery, FORMATS_OF, type MarketQueryModel } from "../../src/datasource/query.ts";

const SERIES: readonly string[] = ["prices", "klines", "trades", "aggregates"];

/** The columns of the frame that answers a query, in order, before `fields` choose; of the pipeline the frame that has them all. */
export function answeredColumns(query: MarketQueryModel): string[] {
  const { kind, fields = [] } = query;
  if (kind === "cql") return fields;
  const format = query.format ?? FORMATS_OF[kind][0]!;
  const lists = SERIES.includes(kind) ? [seriesColumns(kind as SeriesKind, format)] : TABLE_COLUMNS[kind];
  const names = lists.map((columns) => columns.map(({ name }) => name));
  return names.find((one) => fields.every((field) => one.includes(field))) ?? [];
}

/** The names and what they hold. */
export function columnKinds(query: MarketQueryModel): Record<string, string> {
  const { kind } = query;
  if (kind === "cql") return {};
  const format = query.format ?? FORMATS_OF[kind][0]!;
  const lists = SERIES.includes(kind) ? [seriesColumns(kind as SeriesKind, format)] : TABLE_COLUMNS[kind];
  return Object.fromEntries(lists.flatMap((columns) => columns.map(({ name, kind }) => [name, kind])));
}

/** What is wrong with a query of our own model: its own check, unknown columns, unknown filters. */
export function ownProblems(query: MarketQueryModel): string[] {
  const columns = answeredColumns(query);
  return [
    ...checkQuery(query).map(({ field, problem }) => `${field}: ${problem}`),
    ...(columns.length === 0 ? [`fields: no frame of ${query.kind} has ${query.fields}`] : []),
    ...(query.filters ?? []).filter(({ key }) => !columns.includes(key)).map(({ key }) =>
      `filters: ${query.kind} has no ${key}`
    ),
  ];
}
