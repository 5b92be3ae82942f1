import type { MarketQueryModel, WindowLength } from "../../src/datasource/query.ts";
import { DRAWN_WINDOWS, type Query, type Way } from "./way.ts";

/** A query of our own model; the type checks what a dashboard saves. */
export function marketQuery(query: MarketQueryModel): Query {
  return query;
}

function ofSymbol(query: Omit<MarketQueryModel, "symbols">): Query {
  return marketQuery({ symbols: ["$symbol"], ...query });
}

function windows(window: WindowLength, field: string): Query {
  return ofSymbol({ kind: "aggregates", format: "timeseries", window, fields: [field] });
}

/** Our own data source: every panel and query, exact text beside doubles, live streams. */
export const market: Way = {
  key: "",
  titleSuffix: "",
  type: "candlewire-market-datasource",
  uid: "candlewire-market",
  name: "Candlewire market",
  note:
    "Read by the Candlewire data source, from Cassandra or the control API, whichever the data source is set up with.",
  marketsRefresh: "10s",
  symbols: () => ({ refId: "symbols", kind: "symbols" }),
  origin: () => ({
    queries: [
      marketQuery({
        kind: "pipeline",
        format: "table",
        fields: ["id", "title"],
        filters: [{ key: "id", operator: "=", value: "source" }],
      }),
    ],
    columns: { origin: "title" },
  }),
  topByQuoteVolume: () => ({
    queries: [
      marketQuery({
        kind: "tickers",
        format: "table",
        orderBy: "quote_volume_usdt",
        limit: 10,
        fields: ["symbol", "quote_volume_usdt"],
      }),
    ],
    columns: { symbol: "symbol", value: "quote_volume_usdt" },
  }),
  topByVolume: () => ({
    queries: [
      marketQuery({
        kind: "tickers",
        format: "table",
        orderBy: "volume",
        limit: 10,
        fields: ["symbol", "volume"],
      }),
    ],
    columns: { symbol: "symbol", value: "volume" },
  }),
  tickers: () => ({
    queries: [
      marketQuery({
        kind: "tickers",
        format: "table",
        orderBy: "quote_volume_usdt",
        limit: 10,
        fields: [
          "symbol",
          "last_price",
          "price_change_percent",
          "high_price",
          "low_price",
          "volume",
          "quote_volume_usdt",
          "updated_at",
        ],
      }),
    ],
    columns: {
      symbol: "symbol",
      lastPrice: "last_price",
      change: "price_change_percent",
      high: "high_price",
      low: "low_price",
      volume: "volume",
      quoteVolume: "quote_volume_usdt",
      updatedAt: "updated_at",
    },
  }),
  tradeCounts: () => ({
    queries: [ofSymbol({ kind: "klines", format: "timeseries", fields: ["number_of_trades"] })],
    columns: { time: "time", value: "number_of_trades" },
  }),
  candles: () => ({
    queries: [ofSymbol({ kind: "klines", format: "candles", live: true })],
    columns: { time: "time", open: "open", high: "high", low: "low", close: "close", volume: "volume" },
  }),
  quoteVolumes: () => ({
    queries: [ofSymbol({ kind: "klines", format: "timeseries", fields: ["quote_volume"] })],
    columns: { time: "time", value: "quote_volume" },
  }),
  prices: () => ({
    queries: [ofSymbol({ kind: "prices", format: "timeseries", fields: ["price"], live: true })],
    columns: { time: "time", value: "price" },
  }),
  volatility: () => ({
    queries: DRAWN_WINDOWS.map((window) => windows(window, "realised_volatility")),
    columns: { time: "time", value: "realised_volatility" },
  }),
  vwap: () => ({
    queries: [windows("1m", "vwap")],
    columns: { time: "time", value: "vwap" },
  }),
};
