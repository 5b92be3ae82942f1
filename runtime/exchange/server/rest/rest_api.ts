import { type Verdict, WeightLimits } from "../limits.ts";
import type { TimeUnit } from "../stream/payload.ts";
import { ApiError, banned, tooMuchWeight } from "./api_error.ts";
import { MARKET_ROUTES } from "./market_routes.ts";
import { Parameters } from "./parameters.ts";
import type { Route, RouteContext } from "./route.ts";
import { TICKER_ROUTES } from "./ticker_routes.ts";

const ROUTES: Record<string, Route> = { ...MARKET_ROUTES, ...TICKER_ROUTES };

/** A request as the API sees it. */
export type RestRequest = {
  method: string;
  path: string;
  query: URLSearchParams;
  /** The header `X-MBX-TIME-UNIT`. */
  timeUnit: string | undefined;
  /** Whose weight it is. */
  address: string;
};

/** Status, headers and JSON text. */
export type RestAnswer = { status: number; headers: Record<string, string>; body: string };

const JSON_TYPE = "application/json;charset=UTF-8";

/** `/api/v3/*` without its socket: weights, then parameters, then the route. */
export class RestApi {
  readonly #context: RouteContext;
  readonly #limits: WeightLimits;
  readonly #wall: () => number;

  constructor(context: RouteContext, limits: WeightLimits, wall: () => number) {
    this.#context = context;
    this.#limits = limits;
    this.#wall = wall;
  }

  handle(request: RestRequest): RestAnswer {
    const wall = this.#wall();
    // Only a banned address is refused before its request is looked at.
    const before = this.#limits.ban(request.address, wall);
    if (before !== undefined) return this.#refusal(before);
    let answer: { body: string; weight: number; status: number };
    try {
      answer = { ...this.#answer(request), status: 200 };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      answer = { body: error.body, weight: ROUTES[request.path]?.weight ?? 1, status: error.status };
    }
    const verdict = this.#limits.charge(request.address, answer.weight, wall);
    if (verdict.kind !== "ok") return this.#refusal(verdict);
    return { status: answer.status, headers: this.#headers(verdict.used), body: answer.body };
  }

  #answer(request: RestRequest): { body: string; weight: number } {
    const route = ROUTES[request.path];
    if (route === undefined || request.method !== "GET") {
      throw new ApiError(-5000, `Path ${request.path}, Method ${request.method} is invalid`, 404);
    }
    return route.answer(
      new Parameters(request.query, route.parameters),
      this.#context,
      unitOf(request.timeUnit),
    );
  }

  #refusal(verdict: Verdict): RestAnswer {
    if (verdict.kind === "ok") throw new TypeError("Refuse a request that is within its limits");
    const error = verdict.kind === "slow"
      ? tooMuchWeight(this.#context.weightPerMinute)
      : banned(verdict.until);
    return {
      status: error.status,
      headers: { ...this.#headers(verdict.used), "Retry-After": String(verdict.retryAfterSeconds) },
      body: error.body,
    };
  }

  #headers(used: number): Record<string, string> {
    return {
      "Content-Type": JSON_TYPE,
      "X-MBX-USED-WEIGHT": String(used),
      "X-MBX-USED-WEIGHT-1M": String(used),
    };
  }
}

/** 1000 for `MICROSECOND` or `microsecond`; anything but the two units is refused. */
export function unitOf(text: string | undefined): TimeUnit {
  if (text === undefined || text === "MILLISECOND" || text === "millisecond") return 1;
  if (text === "MICROSECOND" || text === "microsecond") return 1000;
  throw new ApiError(-1130, "Data sent for parameter 'timeUnit' is not valid.");
}
