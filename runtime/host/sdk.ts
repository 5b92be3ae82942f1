/**
 * What a user transform is written against. Types only: import them with `import type`, so that the running file
 * imports nothing. A transform is one file in the transforms folder:
 *
 * ```ts
 * import type { RowTransform } from "…/runtime/host/sdk.ts";
 *
 * export default {
 *   tables: ["recent_trades"],
 *   apply(row, context) {
 *     return Number(row.quantity) === 0 ? context.filter("empty") : row;
 *   },
 * } satisfies RowTransform<"recent_trades">;
 * ```
 *
 * It runs in a process of its own with no permission at all, a memory ceiling and a time limit per batch. It may see
 * the same row again (at-least-once delivery) and rows out of order; it must answer alike.
 */
import type { EpochMs } from "../market/epoch.ts";
import type { TableName, TableRows } from "../market/table.ts";
import type { LogLevel } from "./module_context.ts";

export type { EpochMs } from "../market/epoch.ts";
export type {
  BookRow,
  CompletenessRow,
  DecimalText,
  KlineRow,
  PriceRow,
  StatsRow,
  TableName,
  TableRows,
  TradeRow,
} from "../market/table.ts";

/** The default export of a transform file, for the tables `T`. */
export type RowTransform<T extends TableName = TableName> = {
  /** Tables it wants to see; others pass it by. */
  tables: readonly T[];
  /** Once, before the first row. */
  start?(context: TransformContext): void | Promise<void>;
  /**
   * One row. Returns the row to store (the same or a changed one, with the same columns), `null` or
   * `context.filter(rule)` to drop it by a counted rule, or throws to make it a dead letter with the error's message.
   * The columns of the key and `version` must stay as they are.
   */
  apply(row: TableRows[T], context: RowContext<T>): RowResult<T> | Promise<RowResult<T>>;
};

/** What {@linkcode RowTransform.apply} may return. */
export type RowResult<T extends TableName = TableName> = TableRows[T] | Filtered | null;

/** A row that is dropped by a named rule. Made by {@linkcode RowContext.filter} alone. */
export type Filtered = { readonly filteredBy: string };

/** What a transform has at its start. */
export type TransformContext = {
  /** The transform's name: the file's without `.ts`. */
  readonly name: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  log(level: LogLevel, message: string, fields?: Record<string, unknown>): void;
};

/** What a transform has beside each row. */
export type RowContext<T extends TableName = TableName> = TransformContext & {
  /** The table of the row at hand. */
  readonly table: T;
  /** Drops the row; the rule's name is counted and shown. */
  filter(rule: string): Filtered;
  /** Raises an alert, before the row is stored. At most 1,000 a batch; further ones are dropped and counted. */
  emitAlert(alert: AlertInput): void;
};

/** An alert of a transform. */
export type AlertInput = {
  /** What was found, such as `large_trade`. */
  rule: string;
  symbol: string;
  /** One line for people. */
  message: string;
  /** What it was computed from. */
  evidence?: Record<string, unknown>;
  /**
   * Tells this alert from others of its rule and symbol; must come from the data alone, so that a replay raises it
   * once. The key and the version of the row when left out.
   */
  key?: string;
  /** Event time, milliseconds since 1970; the row's when left out. */
  raisedAt?: EpochMs;
};

/** The request of the consumer: rows as columns, which cost less than half of rows as objects. */
export type ApplyRequest = { table: TableName; columns: string[]; rows: unknown[][] };

/** One outcome a row, in order: keep with these values, filter by this rule, fail with this message. */
export type ApplyOutcome = [0, unknown[]] | [1, string] | [2, string];

/** The answer to an {@linkcode ApplyRequest}. `alerts` have the fields of the consumer's `Alert`. */
export type ApplyResponse = {
  outcomes: ApplyOutcome[];
  alerts?: {
    id: string;
    rule: string;
    symbol: string;
    message: string;
    raisedAt: EpochMs;
    evidence: Record<string, unknown>;
  }[];
};
