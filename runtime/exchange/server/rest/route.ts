import type { ExchangeMarket } from "../../market.ts";
import type { TimeUnit } from "../stream/payload.ts";
import type { Parameters } from "./parameters.ts";

/** What every route may ask. */
export type RouteContext = {
  market: ExchangeMarket;
  /** What the exchange says its time is. */
  now(): number;
  known(symbol: string): boolean;
  weightPerMinute: number;
};

/** A route's answer: JSON text and what it costs. */
export type RouteAnswer = { body: string; weight: number };

/** One REST route: the names of its parameters, and its answer. Throws an ApiError for what it refuses. */
export type Route = {
  parameters: readonly string[];
  /** What a refused request costs. */
  weight: number;
  answer(parameters: Parameters, context: RouteContext, unit: TimeUnit): RouteAnswer;
};
