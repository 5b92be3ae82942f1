import type { DataTransformerConfig } from "@grafana/grafana-foundation-sdk/dashboard";
import { DRAWN_WINDOWS, type Query, sortedBy, type Way } from "./way.ts";

/**
 * A raw CQL query of that plugin. Its first column names the series: every value of it is a frame of its own. A `decimal`
 * or a collection fails the query, and a null is shown as 0, therefore queries leave nulls out.
 */
function raw(cql: string): Query {
  return { queryType: "query", rawQuery: true, target: cql };
}

/** One market's rows in the dashboard's time range. */
function ofSymbol(columns: string, table: string, time: string, rest = ""): string {
  return `SELECT ${columns} FROM ${table} WHERE symbol = '$symbol'${rest} AND ${time} >= $__timeFrom AND ${time} <= $__timeTo`;
}

/** ALLOW FILTERING stays within the partition that symbol and window name. */
function windows(window: string, column: string): Query {
  const rows = ofSymbol(`symbol, ${column}, open_time`, "windows", "open_time", ` AND window = '${window}'`);
  return raw(`${rows} AND ${column} >= 0 ALLOW FILTERING`);
}

/** One table of all markets' frames, the largest first. */
function largest(field: string, options: { quoteAsset?: string } = {}): DataTransformerConfig[] {
  const { quoteAsset } = options;
  return [
    { id: "merge", options: {} },
    ...(quoteAsset === undefined ? [] : [{
      id: "filterByValue",
      options: {
        type: "include",
        match: "all",
        filters: [{ fieldName: "quote_asset", config: { id: "equal", options: { value: quoteAsset } } }],
      },
    }]),
    sortedBy(field, { desc: true }),
    { id: "limit", options: { limitField: 10 } },
    { id: "organize", options: { excludeByName: { quote_asset: true }, indexByName: {}, renameByName: {} } },
  ];
}

/** Statistics know a market's quote asset, the five tables do not: a second query tells it. */
const QUOTE_ASSETS = raw("SELECT symbol, quote_asset FROM stats_marks");

/** The article's first way: HadesArchitect's Cassandra data source, CQL on the five tables and their side tables. */
export const cassandra: Way = {
  key: "cassandra",
  titleSuffix: " (Cassandra)",
  type: "hadesarchitect-cassandra-datasource",
  uid: "candlewire-cassandra",
  name: "Candlewire Cassandra",
  note:
    "Read straight from Cassandra by HadesArchitect's data source, which has to be installed. It knows doubles only " +
    "(15 significant digits), and quote volumes in the market's own quote asset: only markets quoted in USDT are ranked by them.",
  // A frame a market and query: with 2,500 markets half a second of the browser's time to merge them.
  marketsRefresh: "1m",
  symbols: () => ({ query: "SELECT symbol FROM crypto_24h_stats" }),
  origin: () => ({
    queries: [raw("SELECT name, kind, label FROM origin")],
    columns: { origin: "kind" },
  }),
  topByQuoteVolume: () => ({
    queries: [raw("SELECT symbol, quote_volume FROM crypto_24h_stats"), QUOTE_ASSETS],
    transformations: largest("quote_volume", { quoteAsset: "USDT" }),
    columns: { symbol: "symbol", value: "quote_volume" },
  }),
  // The article's own query.
  topByVolume: () => ({
    queries: [raw("SELECT symbol, volume FROM crypto_24h_stats")],
    transformations: largest("volume"),
    columns: { symbol: "symbol", value: "volume" },
  }),
  tickers: () => ({
    queries: [
      raw(
        "SELECT symbol, last_price, price_change_percent, high_price, low_price, volume, quote_volume, updated_at FROM crypto_24h_stats",
      ),
      QUOTE_ASSETS,
    ],
    transformations: largest("quote_volume", { quoteAsset: "USDT" }),
    columns: {
      symbol: "symbol",
      lastPrice: "last_price",
      change: "price_change_percent",
      high: "high_price",
      low: "low_price",
      volume: "volume",
      quoteVolume: "quote_volume",
      updatedAt: "updated_at",
    },
  }),
  // The article's query, `SELECT open_time, number_of_trades FROM klines WHERE symbol = 'ETHUSDT' ALLOW FILTERING`, with the
  // series first and within the dashboard's time range. The partition key is named, so that nothing is filtered.
  tradeCounts: () => ({
    queries: [raw(ofSymbol("symbol, number_of_trades, open_time", "klines", "open_time"))],
    columns: { time: "open_time", value: "number_of_trades" },
  }),
  candles: () => ({
    queries: [
      raw(
        ofSymbol(
          "symbol, open_time, open_price, high_price, low_price, close_price, volume",
          "klines",
          "open_time",
        ),
      ),
    ],
    columns: {
      time: "open_time",
      open: "open_price",
      high: "high_price",
      low: "low_price",
      close: "close_price",
      volume: "volume",
    },
  }),
  quoteVolumes: () => ({
    queries: [raw(ofSymbol("symbol, quote_volume, open_time", "kline_marks", "open_time"))],
    columns: { time: "open_time", value: "quote_volume" },
  }),
  prices: () => ({
    queries: [
      raw(`${ofSymbol("symbol, price, updated_at", "latest_prices", "updated_at")} ORDER BY updated_at ASC`),
    ],
    columns: { time: "updated_at", value: "price" },
  }),
  volatility: () => ({
    queries: DRAWN_WINDOWS.map((window) => windows(window, "realised_volatility")),
    columns: { time: "open_time", value: "realised_volatility" },
  }),
  vwap: () => ({
    queries: [windows("1m", "vwap")],
    columns: { time: "open_time", value: "vwap" },
  }),
};
