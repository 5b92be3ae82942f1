import type { Origin } from "../../../runtime/market/origin.ts";
import type { MarketQuery } from "../../../runtime/query/market_query.ts";

/** The part of the read side's port that the data source needs. */
export type MarketReader = Pick<
  MarketQuery,
  | "origin"
  | "tickers"
  | "prices"
  | "klines"
  | "trades"
  | "book"
  | "aggregates"
  | "completeness"
  | "deadLetters"
  | "alerts"
>;

/** Where rows come from, as frames tell it. */
export type SourceName = "cassandra" | "control";

/** Whose numbers a source holds; undefined where it does not say. */
export type KnownOrigin = { origin: Origin; simulated: boolean } | undefined;
