import type { ChangeBatch, ChangeRecord, TopicPartition } from "../change/record.ts";
import { errorText } from "../error.ts";
import type { ChangeDecoder } from "./decode_change.ts";
import { isolate } from "./isolate.ts";
import { isRetryable } from "./retry.ts";
import type { NewDeadLetter } from "./store/market_store.ts";
import type { Alert, Change, Outcome, Transform } from "./transform/transform.ts";

/** What came of records: every one is in `changes`, `filtered` or `letters` (I5). */
export type Processed = {
  read: number;
  changes: Change[];
  /** The record of each of `changes`, for its dead letter should the store refuse it. */
  records: ChangeRecord[];
  /** How many by rule. */
  filtered: Map<string, number>;
  letters: NewDeadLetter[];
  alerts: Alert[];
};

/**
 * Decodes records and leads them through the transforms, in order. Rejects only when a transform is unavailable or the
 * signal that it was given aborted.
 */
export async function processBatch(
  batches: readonly Pick<ChangeBatch, "topic" | "partition" | "records">[],
  options: { decoder: ChangeDecoder; transforms: readonly Transform[] },
): Promise<Processed> {
  const done: Processed = { read: 0, changes: [], records: [], filtered: new Map(), letters: [], alerts: [] };
  const settle = (outcome: Exclude<Outcome, { kind: "keep" }>, at: TopicPartition, record: ChangeRecord) => {
    if (outcome.kind === "filter") {
      done.filtered.set(outcome.rule, (done.filtered.get(outcome.rule) ?? 0) + 1);
    } else done.letters.push(letterOf(at, record, outcome.code, outcome.message));
  };
  let changes: Change[] = [];
  let records: ChangeRecord[] = [];
  for (const batch of batches) {
    for (const record of batch.records) {
      done.read++;
      const outcome = options.decoder.decode(batch, record);
      if (outcome.kind === "keep") {
        changes.push(outcome.change);
        records.push(record);
      } else settle(outcome, batch, record);
    }
  }
  for (const transform of options.transforms) {
    const places: number[] = [];
    for (let at = 0; at < changes.length; at++) {
      if (transform.tables.includes(changes[at]!.table)) places.push(at);
    }
    if (places.length === 0) continue;
    const outcomes = await applyGuarded(transform, places.map((at) => changes[at]!));
    if (outcomes.every(({ kind }) => kind === "keep")) {
      places.forEach((at, index) => changes[at] = (outcomes[index] as { change: Change }).change);
    } else {
      const kept: (Change | undefined)[] = changes.slice();
      places.forEach((at, index) => {
        const outcome = outcomes[index]!;
        if (outcome.kind === "keep") kept[at] = outcome.change;
        else {
          kept[at] = undefined;
          settle(outcome, changes[at]!, records[at]!);
        }
      });
      records = records.filter((_, at) => kept[at] !== undefined);
      changes = kept.filter((change) => change !== undefined);
    }
    const alerts = transform.takeAlerts?.();
    if (alerts !== undefined && alerts.length > 0) done.alerts.push(...alerts);
  }
  done.changes = changes;
  done.records = records;
  return done;
}

/** A dead letter of a record. */
export function letterOf(
  { topic, partition }: TopicPartition,
  { offset, key, value }: Pick<ChangeRecord, "offset" | "key" | "value">,
  code: string,
  message: string,
): NewDeadLetter {
  return { topic, partition, offset, code, message, key, value };
}

/** A transform that throws for reasons of its own fails on some row: that row alone is set aside. */
async function applyGuarded(transform: Transform, changes: Change[]): Promise<Outcome[]> {
  const results = await isolate(changes, async (group) => {
    const outcomes = await transform.apply(group);
    if (outcomes.length !== group.length) {
      throw new TypeError(`Transform ${transform.name} answered ${outcomes.length} for ${group.length} rows`);
    }
    return outcomes;
  }, { isPoison: (error) => !isRetryable(error) && !isAbort(error) });
  return results.map((result): Outcome =>
    result.ok ? result.result : {
      kind: "fail",
      code: "transform.failed",
      message: `Transform ${transform.name}: ${errorText(result.error)}`,
    }
  );
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
