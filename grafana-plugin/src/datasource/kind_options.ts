/** The choices of the query editor with words for people. Pure. */
import {
  FORMATS_OF,
  QUERY_KINDS,
  TICKER_ORDERS,
  WINDOW_LENGTHS,
  type QueryFormat,
  type QueryKind,
  type QuerySource,
  type TickerOrder,
} from './query.ts';

/** One choice of a list. */
export type Choice<Value extends string> = { value: Value; label: string; description: string };

const KINDS: Record<QueryKind, { label: string; description: string }> = {
  tickers: { label: 'Tickers', description: 'Rolling 24 h statistics of every market, ranked' },
  prices: { label: 'Prices', description: 'Every price of a market' },
  klines: { label: 'Candles', description: 'One-minute candles with volume and number of trades' },
  trades: { label: 'Trades', description: 'Single trades with side' },
  book: { label: 'Order book', description: 'The stored book, or its levels' },
  aggregates: { label: 'Windows', description: 'Computed per window: vwap, volatility, counts by side' },
  completeness: { label: 'Completeness', description: 'Ranges that did not come by stream, with cause and state' },
  deadLetters: { label: 'Dead letters', description: 'Records that could not be stored' },
  alerts: { label: 'Alerts', description: 'What the pipeline’s own rules raised' },
  pipeline: { label: 'Pipeline', description: 'State, rate, lag and latency of every stage' },
  cql: { label: 'CQL', description: 'A SELECT of your own against Cassandra' },
};

const FORMATS: Record<QueryFormat, { label: string; description: string }> = {
  table: { label: 'Table', description: 'Rows as they are stored' },
  timeseries: { label: 'Time series', description: 'One series a symbol, for graphs and alert rules' },
  candles: { label: 'Candles', description: 'Open, high, low, close for the candlestick panel' },
  book: { label: 'Book', description: 'Levels for the order book panel' },
};

const ORDERS: Record<TickerOrder, { label: string; description: string }> = {
  quote_volume_usdt: { label: 'Volume in USDT', description: 'Quote volume converted to USDT: comparable across markets' },
  volume: { label: 'Raw volume', description: 'In units of each base asset: not comparable across markets' },
  price_change_percent: { label: 'Price change', description: 'Within 24 h, in percent' },
  symbol: { label: 'Symbol', description: 'By name' },
};

export const KIND_OPTIONS: Array<Choice<QueryKind>> = QUERY_KINDS.map((value) => ({ value, ...KINDS[value] }));
export const ORDER_OPTIONS: Array<Choice<TickerOrder>> = TICKER_ORDERS.map((value) => ({ value, ...ORDERS[value] }));
export const WINDOW_OPTIONS = WINDOW_LENGTHS.map((value) => ({ value, label: value }));
export const SOURCE_OPTIONS: Array<Choice<QuerySource>> = [
  { value: 'auto', label: 'Auto', description: 'Cassandra where it is configured and has the kind, else the control API' },
  { value: 'cassandra', label: 'Cassandra', description: 'Straight from the keyspace' },
  { value: 'control', label: 'Control API', description: 'Through the pipeline’s own API' },
];

/** The formats of a kind, its default first. */
export function formatOptions(kind: QueryKind): Array<Choice<QueryFormat>> {
  return FORMATS_OF[kind].map((value) => ({ value, ...FORMATS[value] }));
}
