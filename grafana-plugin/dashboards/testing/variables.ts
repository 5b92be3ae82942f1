/** What a reader has chosen, and the dashboard's time range in epoch milliseconds. */
export type Chosen = { symbol: string; from: number; to: number };

/**
 * Puts a dashboard's variables into every text of a query, as Grafana's page does before it asks the data source:
 * `$symbol`, `${symbol}`, `${__from}`, `${__to}`. Names that it does not know stay, for they are the data source's macros.
 */
export function withVariables<T>(query: T, chosen: Chosen): T {
  const known: Record<string, string> = {
    symbol: chosen.symbol,
    __from: String(chosen.from),
    __to: String(chosen.to),
  };
  const replace = (value: unknown): unknown => {
    if (typeof value === "string") {
      return value.replace(
        /\$\{(\w+)(?::\w+)?\}|\$(\w+)/g,
        (all, braced, bare) => known[braced ?? bare] ?? all,
      );
    }
    if (Array.isArray(value)) return value.map(replace);
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, replace(inner)]));
    }
    return value;
  };
  return replace(query) as T;
}
