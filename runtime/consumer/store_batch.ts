import type { Position } from "../change/record.ts";
import { CandlewireError, errorText } from "../error.ts";
import type { EpochMs } from "../market/epoch.ts";
import { isolate } from "./isolate.ts";
import { letterOf, type Processed } from "./process_batch.ts";
import type { MarketStore, NewDeadLetter, WriteResult } from "./store/market_store.ts";

/** What a batch came to in the store. */
export type StoredBatch = { result: WriteResult; letters: NewDeadLetter[] };

/** What goes to the store beside the changes. */
export type StoreBatchOptions = {
  positions: Position[];
  at: EpochMs;
  settled?: (failed: NewDeadLetter[]) => string[];
  dryRun?: boolean;
};

/**
 * Writes what a batch came to. A batch that the store can never take is narrowed down to the rows at fault, which
 * become dead letters; positions and dead letters go last, in one write, after all else is durable (I1, I5). Rejects
 * with what `MarketStore.write` rejects with, except `never`.
 */
export async function storeBatch(
  store: MarketStore,
  processed: Processed,
  options: StoreBatchOptions,
): Promise<StoredBatch> {
  const { positions, at, dryRun } = options;
  const letters = processed.letters;
  try {
    const settled = options.settled?.(letters);
    const result = await store.write(
      { changes: processed.changes, positions, deadLetters: dryRun ? [] : letters, settled, at },
      { dryRun },
    );
    return { result, letters };
  } catch (error) {
    if (!isDeterministic(error) || processed.changes.length === 0) throw error;
  }
  const total: WriteResult = { applied: {}, duplicates: 0, stale: 0, tiedKept: 0, tiedReplaced: 0 };
  const items = processed.changes.map((change, index) => ({ change, record: processed.records[index]! }));
  const results = await isolate(items, async (group) => {
    const result = await store.write(
      { changes: group.map(({ change }) => change), positions: [], deadLetters: [], at },
      { dryRun },
    );
    addResult(total, result);
    return group;
  }, { isPoison: isDeterministic });
  const failed = [...letters];
  results.forEach((result, index) => {
    if (result.ok) return;
    const { change, record } = items[index]!;
    const code = result.error instanceof CandlewireError ? result.error.code : "store.bad_row";
    failed.push(letterOf(change, record, code, errorText(result.error).slice(0, 2000)));
  });
  if (!dryRun) {
    const settled = options.settled?.(failed);
    await store.write({ changes: [], positions, deadLetters: failed, settled, at });
  }
  return { result: total, letters: failed };
}

/** Adds a write's counts to a total. */
export function addResult(total: WriteResult, result: WriteResult): void {
  for (const [table, rows] of Object.entries(result.applied) as [keyof WriteResult["applied"], number][]) {
    total.applied[table] = (total.applied[table] ?? 0) + rows;
  }
  total.duplicates += result.duplicates;
  total.stale += result.stale;
  total.tiedKept += result.tiedKept;
  total.tiedReplaced += result.tiedReplaced;
}

/** The same row fails again. */
function isDeterministic(error: unknown): boolean {
  return !(error instanceof CandlewireError) || error.retry === "never";
}
