import type { EpochMs } from "../../market/epoch.ts";
import type { TableName, TableRows } from "../../market/table.ts";

/** One decoded change on its way to the store. */
export type Change<T extends TableName = TableName> = {
  table: T;
  /** `upsert` stores `row`; `delete` removes the row with `row`'s key at `version`. */
  kind: "upsert" | "delete";
  row: TableRows[T];
  /** What the transform `enrich` computed of a book; stored beside the row, not part of it. */
  enrichment?: BookEnrichment;
  /** See "Version of a row"; an older version never replaces a newer one (I2). */
  version: number;
  /** Where it came from, for lineage and dead letters. */
  topic: string;
  partition: number;
  offset: number;
};

/** Derived from a book's best levels; null where a side is empty. Decimal text. */
export type BookEnrichment = {
  best_bid: string | null;
  best_ask: string | null;
  /** best_ask − best_bid. */
  spread: string | null;
  /** (best_bid + best_ask) / 2, exact: one decimal more than its inputs where needed. */
  mid: string | null;
};

/** What becomes of one change in a transform. Exactly one of the three, for every change (I5). */
export type Outcome =
  | { kind: "keep"; change: Change }
  /** Not stored, by a named rule, counted. */
  | { kind: "filter"; rule: string }
  /** Cannot be handled; the same input fails again. */
  | { kind: "fail"; code: string; message: string };

/** A warning computed before its row is stored, with what it was computed from. */
export type Alert = {
  /** Deterministic, so that a replay raises it once: rule, symbol, direction, window. */
  id: string;
  rule: string;
  symbol: string;
  /** For people: `ETHUSDT −5.03 % within 10 minutes`. */
  message: string;
  raisedAt: EpochMs;
  evidence: Record<string, unknown>;
};

/**
 * A step between the log and the store. `apply` sees changes in log order and answers with one outcome for each, in
 * the same order; stateful transforms must accept events that come again or late. It rejects only when the transform
 * itself cannot work (the batch is tried again).
 */
export interface Transform {
  readonly name: string;
  /** Tables it wants to see; others pass by. */
  readonly tables: readonly TableName[];
  apply(changes: Change[]): Outcome[] | Promise<Outcome[]>;
  /** Alerts raised since the last call. */
  takeAlerts?(): Alert[];
}
