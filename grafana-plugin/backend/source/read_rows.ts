import type { Page } from "../../../runtime/query/market_query.ts";

/** Rows, and whether there were more than the limit let through. */
export type Rows<Row> = { rows: Row[]; more: boolean };

/**
 * Pages until there are `limit` rows, no more pages, or `until` says that what follows is not wanted. `read` is given how
 * many rows are still wanted and the cursor.
 */
export async function readRows<Row>(
  limit: number,
  read: (limit: number, cursor: string | undefined) => Promise<Page<Row>>,
  options: { signal: AbortSignal; until?: (row: Row) => boolean },
): Promise<Rows<Row>> {
  const { signal, until } = options;
  const rows: Row[] = [];
  let cursor: string | undefined;
  for (;;) {
    signal.throwIfAborted();
    const page = await read(limit - rows.length, cursor);
    for (const row of page.rows) {
      if (until?.(row)) return { rows, more: false };
      if (rows.length >= limit) return { rows, more: true };
      rows.push(row);
    }
    if (page.next === null) return { rows, more: false };
    if (rows.length >= limit) return { rows, more: true };
    // A page without rows that says there are more would be asked for without end.
    if (page.rows.length === 0 && page.next === cursor) return { rows, more: true };
    cursor = page.next;
  }
}
