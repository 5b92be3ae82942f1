import type { EpochMs } from "../../market/epoch.ts";
import { TABLES } from "../../market/table.ts";
import type { Retention } from "../store/market_store.ts";
import { TABLE_COLUMNS } from "../table_columns.ts";
import type { Change, Outcome, Transform } from "./transform.ts";

/**
 * Filters rows past their time to live by the rule `expired`: what the store would remove at once is not stored.
 * Deletions pass. `now` is the wall clock, which a recording's times were shifted to.
 */
export function expired(retention: Retention, now: () => EpochMs): Transform {
  return {
    name: "expired",
    tables: TABLES.filter((table) => retention[table] !== null),
    apply(changes: Change[]): Outcome[] {
      const at = now();
      return changes.map((change): Outcome => {
        const keep = retention[change.table];
        if (keep === null || change.kind === "delete") return { kind: "keep", change };
        const time = (change.row as unknown as Record<string, number>)[TABLE_COLUMNS[change.table].time]!;
        return time < at - keep ? { kind: "filter", rule: "expired" } : { kind: "keep", change };
      });
    },
  };
}
