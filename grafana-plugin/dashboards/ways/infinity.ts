import { DRAWN_WINDOWS, type Query, sortedBy, type Way } from "./way.ts";

/** `type` is how that plugin reads the value: the API's decimal text becomes a double, epoch milliseconds a time. */
type Column = { selector: string; text: string; type: "string" | "number" | "timestamp_epoch" };

const text = (selector: string): Column => ({ selector, text: selector, type: "string" });
const number = (selector: string): Column => ({ selector, text: selector, type: "number" });
const time = (selector: string): Column => ({ selector, text: selector, type: "timestamp_epoch" });

/** A GET of the control API; the data source's base address stands before the path. */
function get(
  path: string,
  params: Record<string, string>,
  columns: Column[],
  options: { root?: string } = {},
): Query {
  return {
    type: "json",
    source: "url",
    parser: "backend",
    format: "table",
    url: `/api/v1/${path}`,
    url_options: {
      method: "GET",
      data: "",
      params: Object.entries(params).map(([key, value]) => ({ key, value })),
    },
    root_selector: options.root ?? "rows",
    columns,
    filters: [],
  };
}

/** The newest 5,000 rows of one market in the dashboard's time range, newest first as the API cuts them. */
function range(path: string, columns: Column[], params: Record<string, string> = {}): Query {
  return get(
    path,
    { symbol: "${symbol}", from: "${__from}", to: "${__to}", limit: "5000", order: "desc", ...params },
    columns,
  );
}

function ranked(orderBy: string, columns: Column[]): Query {
  return get("market/tickers", { limit: "10", orderBy }, columns);
}

/** The article's second way: Infinity on the control API, which aggregates before it answers. */
export const infinity: Way = {
  key: "infinity",
  titleSuffix: " (Infinity)",
  type: "yesoreyeram-infinity-datasource",
  uid: "candlewire-infinity",
  name: "Candlewire Infinity",
  note:
    "Read from the control API by the Infinity data source, which has to be installed. A query answers the newest 5,000 rows " +
    "of its time range at most.",
  marketsRefresh: "10s",
  symbols: () => ({
    queryType: "infinity",
    refId: "symbols",
    query: "",
    infinityQuery: {
      refId: "symbols",
      ...get("market/tickers", { limit: "5000", orderBy: "symbol" }, [text("symbol")]),
    },
  }),
  origin: () => ({
    queries: [
      get("market/tickers", { limit: "1" }, [
        { selector: "origin.kind", text: "kind", type: "string" },
        { selector: "origin.label", text: "label", type: "string" },
      ], { root: "" }),
    ],
    columns: { origin: "kind" },
  }),
  topByQuoteVolume: () => ({
    queries: [ranked("quote_volume_usdt", [text("symbol"), number("quote_volume_usdt")])],
    columns: { symbol: "symbol", value: "quote_volume_usdt" },
  }),
  topByVolume: () => ({
    queries: [ranked("volume", [text("symbol"), number("volume")])],
    columns: { symbol: "symbol", value: "volume" },
  }),
  tickers: () => ({
    queries: [
      ranked("quote_volume_usdt", [
        text("symbol"),
        number("last_price"),
        number("price_change_percent"),
        number("high_price"),
        number("low_price"),
        number("volume"),
        number("quote_volume_usdt"),
        time("updated_at"),
      ]),
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
    queries: [range("market/klines", [time("open_time"), number("number_of_trades")])],
    transformations: [sortedBy("open_time")],
    columns: { time: "open_time", value: "number_of_trades" },
  }),
  candles: () => ({
    queries: [
      range("market/klines", [
        time("open_time"),
        number("open_price"),
        number("high_price"),
        number("low_price"),
        number("close_price"),
        number("volume"),
      ]),
    ],
    transformations: [sortedBy("open_time")],
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
    queries: [range("market/klines", [time("open_time"), number("quote_volume")])],
    transformations: [sortedBy("open_time")],
    columns: { time: "open_time", value: "quote_volume" },
  }),
  prices: () => ({
    queries: [range("market/prices", [time("updated_at"), number("price")])],
    transformations: [sortedBy("updated_at")],
    columns: { time: "updated_at", value: "price" },
  }),
  volatility: () => ({
    queries: DRAWN_WINDOWS.map((window) =>
      range("market/aggregates", [time("open_time"), number("realised_volatility")], { window })
    ),
    transformations: [sortedBy("open_time")],
    columns: { time: "open_time", value: "realised_volatility" },
  }),
  vwap: () => ({
    queries: [range("market/aggregates", [time("open_time"), number("vwap")], { window: "1m" })],
    transformations: [sortedBy("open_time")],
    columns: { time: "open_time", value: "vwap" },
  }),
};
