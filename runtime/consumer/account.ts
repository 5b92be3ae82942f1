import type { ChangeBatch, TopicPartition } from "../change/record.ts";
import type { Metrics } from "../host/module_context.ts";
import type { EpochMs } from "../market/epoch.ts";
import { nameOf } from "./partition_name.ts";
import type { Processed } from "./process_batch.ts";
import type { StoredBatch } from "./store_batch.ts";
import type { Change } from "./transform/transform.ts";

/** What became of everything that was read: `read` = stored + unchanged + filtered + dead (I5). */
export type Account = { read: number; stored: number; unchanged: number; filtered: number; dead: number };

/** Sampled rows per batch for the latency histogram. */
const LATENCY_SAMPLES = 100;

/** Counts what became of records, once it is durable. */
export class ConsumerAccount {
  readonly totals: Account = { read: 0, stored: 0, unchanged: 0, filtered: 0, dead: 0 };
  readonly #metrics: Metrics;
  readonly #now: () => EpochMs;
  readonly #lag = new Map<string, number>();

  constructor(metrics: Metrics, now: () => EpochMs) {
    this.#metrics = metrics;
    this.#now = now;
  }

  /** Takes batches that are durable; `stored` are the changes that the store took. */
  add(
    batches: ChangeBatch[],
    processed: Processed,
    { letters, result, stored }: StoredBatch & { stored: Change[] },
  ): void {
    const metrics = this.#metrics;
    for (const { topic, records } of batches) {
      metrics.count("candlewire_consumed_records_total", records.length, { topic });
    }
    let applied = 0;
    for (const [table, rows] of Object.entries(result.applied)) {
      applied += rows;
      metrics.count("candlewire_stored_rows_total", rows, { table });
    }
    const unchanged = stored.length - applied;
    if (unchanged > 0) metrics.count("candlewire_duplicate_rows_total", unchanged);
    const tied = result.tiedKept + result.tiedReplaced;
    if (tied > 0) metrics.count("candlewire_tied_rows_total", tied);
    let filtered = 0;
    for (const [rule, rows] of processed.filtered) {
      filtered += rows;
      metrics.count("candlewire_filtered_total", rows, { rule });
    }
    for (const { code } of letters) metrics.count("candlewire_dead_letters_total", 1, { code });
    this.totals.read += processed.read;
    this.totals.stored += applied;
    this.totals.unchanged += unchanged;
    this.totals.filtered += filtered;
    this.totals.dead += letters.length;
    metrics.gauge("candlewire_consumer_lag_records", this.#totalLag(batches));
    this.#observeLatency(stored);
  }

  /** A partition that another consumer reads from now on: its lag is told there. */
  forget(partition: TopicPartition): void {
    this.#lag.delete(nameOf(partition));
  }

  #totalLag(batches: ChangeBatch[]): number {
    for (const batch of batches) this.#lag.set(nameOf(batch), Math.max(0, batch.highWatermark - batch.next));
    let total = 0;
    for (const lag of this.#lag.values()) total += lag;
    return total;
  }

  /** Exchange event time → durable, of rows that came by stream. Both clocks are read: NTP's error is in it. */
  #observeLatency(stored: Change[]): void {
    const now = this.#now();
    const step = Math.max(1, Math.ceil(stored.length / LATENCY_SAMPLES));
    for (let at = 0; at < stored.length; at += step) {
      const { table, row } = stored[at]!;
      if (table !== "recent_trades" && table !== "latest_prices" && table !== "order_book") continue;
      const { trade_time, updated_at = trade_time, backfill } = row as unknown as Record<
        string,
        number | boolean
      >;
      if (backfill === true) continue;
      const seconds = (now - Number(updated_at)) / 1000;
      this.#metrics.observe("candlewire_store_latency_seconds", Math.max(0, seconds));
    }
  }
}
