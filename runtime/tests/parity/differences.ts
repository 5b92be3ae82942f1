import type { ParityRecord } from "./normalise.ts";

/**
 * A documented difference (docs/capture-types.md): turns Debezium's record into ours. Answers whether it changed
 * anything, so that one that is gone is noticed.
 */
export type Difference = { name: string; apply: (record: ParityRecord, table: string) => boolean };

type Tree = Record<string, unknown>;

const valueOf = (record: ParityRecord) =>
  record.value as { op: string; before: Tree | null; after: Tree | null; source: Tree };

/** Sets a field; answers whether it had another value. */
function set(object: Tree, field: string, value: unknown): boolean {
  const changed = object[field] !== value;
  object[field] = value;
  return changed;
}

/** The differences that remain, in the order of the documentation's table. */
export const DIFFERENCES: readonly Difference[] = [
  {
    name: "source.snapshot of a streamed change",
    apply: (record) => valueOf(record).op !== "r" && set(valueOf(record).source, "snapshot", "false"),
  },
  {
    name: "source.txId of a snapshot's row",
    apply: (record) => valueOf(record).op === "r" && set(valueOf(record).source, "txId", null),
  },
  {
    name: "source.snapshot when the first table is empty",
    // p_Mixed sorts before it and has no row.
    apply: (record, table) =>
      table === "p_generated" && valueOf(record).op === "r" &&
      set(valueOf(record).source, "snapshot", "first"),
  },
  {
    name: "generated columns in the snapshot",
    apply: (record, table) =>
      table === "p_generated" && valueOf(record).op === "r" && delete valueOf(record).after!.twice,
  },
  {
    name: "dates before Christ in the snapshot",
    apply: (record, table) =>
      table === "p_types" && valueOf(record).op === "r" && valueOf(record).after!.date === -703_383 &&
      set(valueOf(record).after!, "date", -735_160),
  },
  {
    name: "before of a delete without full identity",
    apply: (record, table) => {
      const { op, before } = valueOf(record);
      if (op !== "d" || !["p_modes", "p_default", "p_altered"].includes(table)) return false;
      const key = record.key as Tree;
      // No `some`: every column is set.
      return Object.keys(before!).filter((column) => !(column in key) && set(before!, column, null)).length >
        0;
    },
  },
];
