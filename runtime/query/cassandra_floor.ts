/** How long rows live, in ms from their event time, by table; null or missing: for ever. As the consumer's retention. */
export type Kept = {
  readonly [table in "latest_prices" | "klines" | "order_book" | "recent_trades" | "windows_1s" | "windows"]?:
    | number
    | null;
};

/**
 * The time before which a table's rows have expired, the least there is when they never do. Every read along a
 * partition begins there: what has expired stays on the disk for hours, and a server that passes over 100,000 such
 * cells gives the read up (`tombstone_failure_threshold`).
 */
export function floorOf(kept: Kept, table: keyof Kept, now: number): number {
  const keep = kept[table];
  return keep === undefined || keep === null ? Number.MIN_SAFE_INTEGER : now - keep;
}
