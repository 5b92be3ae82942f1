declare const unit: unique symbol;

/** Milliseconds since 1970-01-01T00:00:00Z, as Binance's `E`, `T`, `t`. */
export type EpochMs = number & { readonly [unit]: "ms" };

/** Marks a number as epoch milliseconds. */
export function epochMs(value: number): EpochMs {
  return value as EpochMs;
}

/** The current wall clock. Only edges (a `main.ts`, an adapter) read it; everything else is handed a time. */
export function wallClock(): EpochMs {
  return Date.now() as EpochMs;
}

let aheadMs = -Infinity;

/**
 * The wall clock, but it never goes back: to measure how long something is ago. Work that is due "so long after the last
 * time" would otherwise stand still for an hour when the wall clock is set back by one. It follows the wall clock forward.
 */
export function steadyClock(): EpochMs {
  const elapsedMs = performance.now();
  aheadMs = Math.max(aheadMs, Date.now() - elapsedMs);
  return Math.floor(elapsedMs + aheadMs) as EpochMs;
}

/** `2024-08-08T23:54:13.123Z` and its kin to epoch milliseconds; undefined for what is no instant. */
export function parseInstant(text: string): EpochMs | undefined {
  const value = Date.parse(text);
  return Number.isNaN(value) ? undefined : value as EpochMs;
}
