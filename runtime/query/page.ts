import { CandlewireError } from "../error.ts";
import type { Page } from "./market_query.ts";

/** Rows of a page at most, whatever is asked for (I10). */
export const MAX_LIMIT = 1000;
/** Payload characters in a listing of dead letters. */
export const LISTED_VALUE = 64 * 1024;

/** The limit as it is used. Throws `query.bad_limit` for what is no positive whole number. */
export function checkLimit(limit: number): number {
  if (!Number.isInteger(limit) || limit < 1) {
    throw new CandlewireError(
      "query.bad_limit",
      `Read a page: limit is ${limit}, expected 1 to ${MAX_LIMIT}`,
    );
  }
  return Math.min(limit, MAX_LIMIT);
}

/** Cuts the row that was read too many, which only tells that there is a next page. */
export function pageOf<In, Out = In>(
  rows: In[],
  limit: number,
  cursor: (row: In) => string,
  map: (row: In) => Out = (row) => row as unknown as Out,
): Page<Out> {
  const shown = rows.slice(0, limit);
  const next = rows.length > limit ? cursor(shown[shown.length - 1]!) : null;
  return { rows: shown.map(map), next };
}
