import { type ConnectorSettings, type ConnectorTable, patternOf } from "./connector_settings.ts";

/** Properties that let Debezium pass over changes: with another value, its position moves and nothing is written. */
const SKIPS =
  /^((table|schema|column)\.(include|exclude)\.list|skipped\.operations|publication\.name|slot\.name|topic\.prefix|errors\.tolerance|event\.processing\.failure\.handling\.mode|transforms(\..*)?|predicates(\..*)?)$/;

/**
 * The tables, as `schema.table`, of which a connector with settings `held` may have passed over changes that `wanted`
 * captures: Debezium's position is behind them already, so that they must be read again. Pure.
 */
export function skippedTables(
  held: ConnectorSettings,
  wanted: ConnectorSettings,
  tables: readonly ConnectorTable[],
): string[] {
  const changed = [...new Set([...Object.keys(held), ...Object.keys(wanted)])]
    .filter((property) => SKIPS.test(property) && held[property] !== wanted[property]);
  if (changed.length === 0) return [];
  const list = held["table.include.list"]?.split(",");
  // Where the list alone is another, its tables were captured.
  const only = list !== undefined && changed.every((property) => property === "table.include.list");
  return tables.filter((table) => !only || !list.includes(patternOf(table)))
    .map(({ schema, table }) => `${schema}.${table}`);
}
