/**
 * The query model, shared by the editor in the browser and by the backend. Pure: it imports nothing, so that both can
 * use it. Saved dashboards hold these objects: extend, do not rename.
 */

/** What can be asked for. `cql` is text for Cassandra; the others are served by Cassandra or by the control API. */
export const QUERY_KINDS = [
  'tickers',
  'prices',
  'klines',
  'trades',
  'book',
  'aggregates',
  'completeness',
  'deadLetters',
  'alerts',
  'pipeline',
  'cql',
] as const;
export type QueryKind = (typeof QUERY_KINDS)[number];

/** How the rows come back. Not every kind has every format, see {@link FORMATS_OF}. */
export type QueryFormat = 'table' | 'timeseries' | 'candles' | 'book';

/** The formats of each kind; the first is its default. */
export const FORMATS_OF: Record<QueryKind, readonly QueryFormat[]> = {
  tickers: ['table'],
  prices: ['timeseries', 'table'],
  klines: ['candles', 'timeseries', 'table'],
  trades: ['table', 'timeseries'],
  book: ['book', 'table'],
  aggregates: ['timeseries', 'table'],
  completeness: ['table'],
  deadLetters: ['table'],
  alerts: ['table'],
  pipeline: ['table'],
  cql: ['table', 'timeseries'],
};

/** Where the rows come from. `auto`: Cassandra when it is configured and has the kind, else the control API. */
export type QuerySource = 'auto' | 'cassandra' | 'control';

export const WINDOW_LENGTHS = ['1s', '1m', '5m', '1h'] as const;
export type WindowLength = (typeof WINDOW_LENGTHS)[number];

export const TICKER_ORDERS = ['quote_volume_usdt', 'volume', 'price_change_percent', 'symbol'] as const;
export type TickerOrder = (typeof TICKER_ORDERS)[number];

export const FILTER_OPERATORS = ['=', '!=', '<', '<=', '>', '>=', '=~', '!~'] as const;
export type FilterOperator = (typeof FILTER_OPERATORS)[number];

/** One ad-hoc filter: applied to the rows after they were read, before the limit. */
export type RowFilter = { key: string; operator: FilterOperator; value: string };

/** A query as it is saved, without Grafana's own members (`refId`, `hide`, `datasource` …). */
export type MarketQueryModel = {
  kind: QueryKind;
  /** `BTCUSDT`, several of them, or variables (`$symbol`) until they are replaced. Ignored by kinds without a symbol. */
  symbols?: string[];
  format?: QueryFormat;
  source?: QuerySource;
  /** `aggregates`: length of a window. Default `1m`. */
  window?: WindowLength;
  /** `tickers`: largest first, but `symbol`. Default `quote_volume_usdt`. */
  orderBy?: TickerOrder;
  /** Columns to return; none: all of the kind. */
  fields?: string[];
  /** Rows at most (levels a side of a book). Default by kind, see {@link DEFAULT_LIMIT}; the data source's `maxRows` is above it. */
  limit?: number;
  filters?: RowFilter[];
  /** `cql`: a SELECT with macros, see the README. */
  cql?: string;
  /** Go on by streaming after the first answer. Kinds in {@link LIVE_KINDS} with one symbol only. */
  live?: boolean;
};

export const LIVE_KINDS: readonly QueryKind[] = ['prices', 'trades', 'book', 'klines', 'pipeline'];

/** Kinds that ask for symbols. */
export const SYMBOL_KINDS: readonly QueryKind[] = ['prices', 'klines', 'trades', 'book', 'aggregates', 'completeness'];

export const DEFAULT_LIMIT: Record<QueryKind, number> = {
  tickers: 10,
  prices: 5000,
  klines: 5000,
  trades: 5000,
  book: 100,
  aggregates: 5000,
  completeness: 1000,
  deadLetters: 500,
  alerts: 500,
  pipeline: 100,
  cql: 10000,
};

/** The longest time and the most rows of a query that a data source may be set to: the backend's process has room for no more. */
export const MOST_SETTINGS = { timeoutMs: 300_000, maxRows: 300_000 } as const;

/** The data source's settings that are not secret (`jsonData`). */
export type MarketDataSourceOptions = {
  /** Address of the control API, such as `http://runtime:8787`. */
  controlUrl?: string;
  /** Cassandra's nodes, `host` or `host:port`, by commas. Empty: the control API alone. */
  contactPoints?: string;
  localDataCenter?: string;
  /** Default `binance_keyspace`. */
  keyspace?: string;
  username?: string;
  /** `LOCAL_ONE`, `LOCAL_QUORUM` … Default `LOCAL_QUORUM`. */
  consistency?: string;
  useTls?: boolean;
  tlsServerName?: string;
  /** Longest time of a query, ms. Default 20,000. */
  timeoutMs?: number;
  /** Rows of a query at most, whatever it asks for. Default 100,000. */
  maxRows?: number;
};

/** Names of the secret settings (`secureJsonData`). */
export const SECRETS = ['viewerToken', 'password', 'tlsCaCert', 'tlsClientCert', 'tlsClientKey'] as const;
export type MarketDataSourceSecrets = Partial<Record<(typeof SECRETS)[number], string>>;

/** Why a query cannot be run: what is wrong and what would be right. */
export type QueryProblem = { field: keyof MarketQueryModel; problem: string };

/**
 * What is wrong with a query, in words for its author; none when it can be run. The editor shows it before the backend
 * is asked; the backend checks again.
 */
export function checkQuery(query: MarketQueryModel): QueryProblem[] {
  const problems: QueryProblem[] = [];
  if (!QUERY_KINDS.includes(query.kind)) {
    return [{ field: 'kind', problem: `Kind is ${JSON.stringify(query.kind)}; choose one of ${QUERY_KINDS.join(', ')}` }];
  }
  const symbols = (query.symbols ?? []).filter((symbol) => symbol.trim() !== '');
  if (SYMBOL_KINDS.includes(query.kind) && query.kind !== 'completeness' && symbols.length === 0) {
    problems.push({ field: 'symbols', problem: 'No symbol; name at least one, such as BTCUSDT' });
  }
  if (query.format !== undefined && !FORMATS_OF[query.kind].includes(query.format)) {
    problems.push({
      field: 'format',
      problem: `Format ${query.format} is not for ${query.kind}; choose ${FORMATS_OF[query.kind].join(' or ')}`,
    });
  }
  if (query.limit !== undefined && !(Number.isSafeInteger(query.limit) && query.limit > 0)) {
    problems.push({ field: 'limit', problem: `Limit is ${query.limit}; give a whole number above 0` });
  }
  if (query.window !== undefined && !WINDOW_LENGTHS.includes(query.window)) {
    problems.push({ field: 'window', problem: `Window is ${query.window}; choose one of ${WINDOW_LENGTHS.join(', ')}` });
  }
  if (query.kind === 'cql' && (query.cql ?? '').trim() === '') {
    problems.push({ field: 'cql', problem: 'No CQL; write a SELECT' });
  }
  if (query.kind === 'cql' && query.source === 'control') {
    problems.push({ field: 'source', problem: 'CQL is for Cassandra; choose auto or cassandra' });
  }
  if (query.kind === 'pipeline' && query.source === 'cassandra') {
    problems.push({ field: 'source', problem: "Cassandra does not hold the pipeline's state; choose auto or control" });
  }
  if (query.live === true && (!LIVE_KINDS.includes(query.kind) || (query.kind !== 'pipeline' && symbols.length > 1))) {
    problems.push({ field: 'live', problem: `Live is for one symbol of ${LIVE_KINDS.join(', ')}` });
  }
  return problems;
}

/**
 * The path of a live channel, `ds/<uid>/<path>`: all parameters are in it, so that viewers of the same thing share one
 * stream. A symbol is percent-encoded, for Grafana allows letters, digits and `_-./=` only.
 */
export function channelPath(kind: QueryKind, symbol: string | undefined): string {
  const encoded = encodeURIComponent(symbol ?? 'all').replace(/%/g, '=');
  return `${kind}/${encoded}`;
}

/** Takes a path of {@link channelPath} apart; undefined when it is none. */
export function parseChannelPath(path: string): { kind: QueryKind; symbol: string | undefined } | undefined {
  const match = /^([A-Za-z]+)\/([A-Za-z0-9_\-.=]+)$/.exec(path);
  if (match === null || !LIVE_KINDS.includes(match[1] as QueryKind)) {
    return undefined;
  }
  try {
    const symbol = decodeURIComponent(match[2]!.replace(/=/g, '%'));
    return { kind: match[1] as QueryKind, symbol: symbol === 'all' ? undefined : symbol };
  } catch {
    return undefined;
  }
}
