import type { TableName } from "../../market/table.ts";
import type { Alert } from "./transform.ts";

/**
 * What the consumer sends to a user transform's process: rows of one table as columns, which cost half of what objects
 * do. Column order is that of `TABLE_COLUMNS`; times are epoch ms, decimals text. An empty `rows` asks only whether the
 * process is there.
 */
export type UserRequest = { table: TableName; columns: string[]; rows: unknown[][] };

/** One outcome a row, in order: keep with these values (same columns), filter by this rule, fail with this message. */
export type UserOutcome = [0, unknown[]] | [1, string] | [2, string];

/** What it answers. */
export type UserResponse = { outcomes: UserOutcome[]; alerts?: Alert[] };
