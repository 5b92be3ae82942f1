/**
 * Exponential backoff with full jitter: between 0 and `baseMs` × 2^`attempt`, at most `capMs`. Full jitter, so that
 * many clients that were cut together do not come back together.
 */
export function backoffMs(attempt: number, limits: { baseMs: number; capMs: number }): number {
  return Math.random() * Math.min(limits.capMs, limits.baseMs * 2 ** Math.min(attempt, 30));
}
