import { type TableName, TABLES } from "../../market/table.ts";
import type { Change, Outcome, Transform } from "./transform.ts";

/** A rule that keeps rows from the store. `name` is counted and shown as `filter:<name>`. */
export type FilterRule = {
  name: string;
  /** Tables it applies to; all without it. */
  tables?: TableName[];
  /** Rows of other symbols are filtered. */
  onlySymbols?: string[];
  /** Rows of these symbols are filtered. */
  notSymbols?: string[];
};

/** Filters by table and symbol. The first rule that hits is the one counted. */
export function filter(rules: FilterRule[]): Transform {
  const prepared = rules.map((rule) => ({
    rule: `filter:${rule.name}`,
    tables: new Set<TableName>(rule.tables ?? TABLES),
    only: rule.onlySymbols === undefined ? undefined : new Set(rule.onlySymbols),
    not: new Set(rule.notSymbols ?? []),
    // A rule that names no symbol filters the whole of its tables.
    all: rule.onlySymbols === undefined && rule.notSymbols === undefined,
  }));
  return {
    name: "filter",
    tables: TABLES.filter((table) => prepared.some(({ tables }) => tables.has(table))),
    apply(changes: Change[]): Outcome[] {
      return changes.map((change): Outcome => {
        const { symbol } = change.row;
        const hit = prepared.find(({ tables, only, not, all }) =>
          tables.has(change.table) && (all || not.has(symbol) || (only !== undefined && !only.has(symbol)))
        );
        return hit === undefined ? { kind: "keep", change } : { kind: "filter", rule: hit.rule };
      });
    },
  };
}
