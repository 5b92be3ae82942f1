import type { Builder, Dataquery } from "@grafana/grafana-foundation-sdk/cog";
import type { DataTransformerConfig } from "@grafana/grafana-foundation-sdk/dashboard";

/** One query of a panel as its data source saves it, without `refId` and `datasource`: {@linkcode targets} adds them. */
export type Query = Record<string, unknown>;

/**
 * What a panel asks a data source, and the shape in which the answer reaches the panel. `queries` become the targets A, B,
 * C …; the names are those of the columns after the transformations.
 */
export type Question<Column extends string> = {
  queries: Query[];
  transformations?: DataTransformerConfig[];
  columns: Record<Column, string>;
};

/** Columns of the market with most volume first: at most ten rows. */
export type TopColumns = "symbol" | "value";
/** Columns of the 24 h statistics: one row a market, at most ten. */
export type TickerColumns =
  | "symbol"
  | "lastPrice"
  | "change"
  | "high"
  | "low"
  | "volume"
  | "quoteVolume"
  | "updatedAt";
export type CandleColumns = "time" | "open" | "high" | "low" | "close" | "volume";
export type SeriesColumns = "time" | "value";

/** Lengths of the windows that the volatility dashboard draws. */
export const DRAWN_WINDOWS = ["1m", "5m", "1h"] as const;
export type DrawnWindow = typeof DRAWN_WINDOWS[number];

/**
 * A way from the stored market to a dashboard: a data source, how it is asked, and how its answers look. The market
 * dashboards are written once over this interface. `$symbol` and `$datasource` are the dashboard's variables.
 */
export interface Way {
  /** Part of the dashboards' uids and files; empty for our own data source. */
  readonly key: string;
  /** Words behind a dashboard's title; empty for our own. */
  readonly titleSuffix: string;
  /** Plugin id, and the uid that provisioning/datasources gives it. */
  readonly type: string;
  readonly uid: string;
  /** The data source's name in provisioning/datasources. */
  readonly name: string;
  /** One sentence for the dashboard's reader: where the numbers come from and what this way cannot tell. */
  readonly note: string;
  /** How often a dashboard of all markets is read again. */
  readonly marketsRefresh: string;
  /** Names of all stored markets. */
  symbols(): string | Query;
  /** One row that says whose numbers these are (I8): a column with the words of {@linkcode ORIGIN_WORDS}. */
  origin(): Question<"origin">;
  topByQuoteVolume(): Question<TopColumns>;
  topByVolume(): Question<TopColumns>;
  tickers(): Question<TickerColumns>;
  tradeCounts(): Question<SeriesColumns>;
  candles(): Question<CandleColumns>;
  /** Volume a minute in units of the quote asset. */
  quoteVolumes(): Question<SeriesColumns>;
  prices(): Question<SeriesColumns>;
  /** Query A, B, C … is the n-th of {@linkcode DRAWN_WINDOWS}. */
  volatility(): Question<SeriesColumns>;
  /** Query A: volume weighted average price of each minute. */
  vwap(): Question<SeriesColumns>;
}

/** What the origin's column may hold, and what a reader sees. Anything but the live market is simulated (I8). */
export const ORIGIN_WORDS: Record<string, { text: string; color: string }> = {
  live: { text: "Live: Binance", color: "green" },
  Binance: { text: "Live: Binance", color: "green" },
  exchange: { text: "SIMULATED: our own exchange", color: "orange" },
  Exchange: { text: "SIMULATED: our own exchange", color: "orange" },
  recording: { text: "SIMULATED: a recording", color: "orange" },
  Recording: { text: "SIMULATED: a recording", color: "orange" },
};

/** The queries as targets of a panel: refIds A, B, C … and the dashboard's data source. */
export function targets(way: Pick<Way, "type">, queries: Query[]): Builder<Dataquery>[] {
  return queries.map((query, index) => {
    const target = {
      refId: String.fromCharCode("A".charCodeAt(0) + index),
      datasource: { type: way.type, uid: "${datasource}" },
      ...query,
    };
    return { build: () => target as unknown as Dataquery };
  });
}

/** Sorts rows by a column. */
export function sortedBy(field: string, options: { desc?: boolean } = {}): DataTransformerConfig {
  return { id: "sortBy", options: { fields: {}, sort: [{ field, desc: options.desc ?? false }] } };
}
