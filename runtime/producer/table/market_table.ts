import type { TableBatch, TableName } from "../../market/table.ts";

/**
 * Where the producer writes: the source of truth. Adapters: `postgres`, `memory`. One caller at a time.
 *
 * Contract: when `write` resolves, every row of the batch is committed in one transaction; rows that are not newer
 * than what is there changed nothing (I2) and are counted as unchanged. Rejects with `retry` when the database is
 * unavailable (write the same batch again, also when the answer was lost), with `never` when a row can never be
 * stored (`table.bad_row`; the message names table, column and value), with `operator` and code `table.fenced` when
 * a newer instance has taken over.
 */
export interface MarketTables extends AsyncDisposable {
  write(batch: TableBatch): Promise<Record<TableName, { written: number; unchanged: number }>>;
  /** Highest stored trade id per symbol, to find what was missed while down. */
  lastTradeIds(symbols: string[]): Promise<Map<string, number>>;
  /** Open time of the last closed candle per symbol, ms. */
  lastClosedKlines(symbols: string[]): Promise<Map<string, number>>;
  /** Ranges that are still open, to take up their refill after a restart. */
  openGaps(): Promise<import("../../market/table.ts").CompletenessRow[]>;
}
