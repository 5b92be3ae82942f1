/** Template variables and ad-hoc filters in a query. Pure: the replacing itself is Grafana's and is passed in. */
import { FILTER_OPERATORS, type FilterOperator, type MarketQueryModel, type RowFilter } from './query.ts';

/** Grafana's `templateSrv.replace` with its scoped variables bound. */
export type Replace = (text: string, format?: (value: unknown, variable: { multi?: boolean; includeAll?: boolean }) => string) => string;

/** Grafana's ad-hoc filter. */
export type AdHocFilter = { key: string; operator: string; value: string; values?: string[] };

/** The query as it is sent: variables replaced, ad-hoc filters added. */
export function interpolateQuery<Query extends MarketQueryModel>(query: Query, replace: Replace, adHoc: readonly AdHocFilter[] = []): Query {
  const symbols = query.symbols === undefined ? undefined : expandSymbols(query.symbols, replace);
  const filters = [
    ...(query.filters ?? []).map((filter) => ({ ...filter, value: replace(filter.value) })),
    ...adHoc.map(rowFilter).filter((filter) => filter !== undefined),
  ];
  return {
    ...query,
    symbols,
    fields: query.fields?.flatMap((field) => expandSymbols([field], replace)),
    filters: filters.length === 0 && query.filters === undefined ? undefined : filters,
    cql: query.cql === undefined ? undefined : replace(query.cql, cqlLiteral),
    // A variable of several values turns a live query into one that is read: a stream is of one symbol.
    live: query.live === true && (symbols?.length ?? 0) > 1 && query.kind !== 'pipeline' ? false : query.live,
  };
}

/** `$symbol` with several values becomes several symbols; each once, empty ones dropped. */
export function expandSymbols(symbols: readonly string[], replace: Replace): string[] {
  const expanded = symbols.flatMap((symbol) => replace(symbol, listed).split(LIST_MARK));
  return [...new Set(expanded.map((symbol) => symbol.trim()).filter((symbol) => symbol !== ''))];
}

/** Between values of a list: no symbol has it. */
const LIST_MARK = '\n';

function listed(value: unknown): string {
  return Array.isArray(value) ? value.map(String).join(LIST_MARK) : String(value ?? '');
}

/**
 * A variable's value within CQL, as Grafana's SQL data sources do it: a variable that can have several values becomes quoted
 * literals for `IN (…)`; another becomes its text with quotes doubled, for the author writes the quotes.
 */
export function cqlLiteral(value: unknown, variable: { multi?: boolean; includeAll?: boolean }): string {
  const escaped = (text: unknown) => String(text ?? '').replace(/'/g, "''");
  if (Array.isArray(value)) {
    return value.map((one) => `'${escaped(one)}'`).join(',');
  }
  return variable?.multi === true || variable?.includeAll === true ? `'${escaped(value)}'` : escaped(value);
}

/** An ad-hoc filter as one of rows; undefined while it is being written. "One of" becomes a pattern of the values. */
export function rowFilter(filter: AdHocFilter): RowFilter | undefined {
  const { key, operator, value } = filter;
  if (key === '') {
    return undefined;
  }
  if (operator === '=|' || operator === '!=|') {
    const values = filter.values ?? [value];
    return { key, operator: operator === '=|' ? '=~' : '!~', value: `^(${values.map(escapePattern).join('|')})$` };
  }
  return FILTER_OPERATORS.includes(operator as FilterOperator) ? { key, operator: operator as FilterOperator, value } : undefined;
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, (character) => (character === '-' || character === '/' ? character : `\\${character}`));
}
