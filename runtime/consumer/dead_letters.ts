import type { EpochMs } from "../market/epoch.ts";
import type { ChangeDecoder } from "./decode_change.ts";
import { processBatch } from "./process_batch.ts";
import { storeBatch } from "./store_batch.ts";
import { deadLetterId, type MarketStore } from "./store/market_store.ts";
import type { Transform } from "./transform/transform.ts";

/** Which letters to retry; all without a field. */
export type DeadLetterSelection = { ids?: string[]; code?: string; topic?: string };

/** What came of a retry. `filtered` letters are settled too, by a rule. */
export type RetryCounts = { retried: number; stored: number; filtered: number; failed: number };

/** Letters in one step. */
const STEP = 200;

/**
 * Leads dead letters through decoder and transforms again, as after a fix, in bounded steps in the order they came.
 * What is stored or filtered now is removed in the transaction that stores it; what fails again stays, counted.
 */
export async function retryDeadLetters(
  store: MarketStore,
  selection: DeadLetterSelection,
  options: { decoder: ChangeDecoder; transforms: readonly Transform[]; now: () => EpochMs },
): Promise<RetryCounts> {
  const counts: RetryCounts = { retried: 0, stored: 0, filtered: 0, failed: 0 };
  let after: string | undefined;
  // A letter that fails again keeps its place; one that comes meanwhile is behind `until` and not looked at.
  const room = await store.deadLetterRoom();
  while (counts.retried < room.count) {
    const letters = await store.deadLetters({ ...selection, after, limit: STEP });
    if (letters.length === 0) break;
    after = letters[letters.length - 1]!.id;
    const batches = letters.map(({ topic, partition, offset, key, value }) => ({
      topic,
      partition,
      records: [{ offset, key, value, timestamp: 0 as EpochMs }],
    }));
    const processed = await processBatch(batches, options);
    await store.raiseAlerts(processed.alerts);
    const { letters: failed } = await storeBatch(store, processed, {
      positions: [],
      at: options.now(),
      settled(refused) {
        const again = new Set(
          refused.map((letter) => deadLetterId(letter.topic, letter.partition, letter.offset)),
        );
        return letters.map(({ id }) => id).filter((id) => !again.has(id));
      },
    });
    const filtered = [...processed.filtered.values()].reduce((sum, rows) => sum + rows, 0);
    counts.retried += letters.length;
    counts.filtered += filtered;
    counts.failed += failed.length;
    counts.stored += letters.length - filtered - failed.length;
  }
  return counts;
}
