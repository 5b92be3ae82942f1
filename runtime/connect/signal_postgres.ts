import type { CaptureConfig } from "../capture/config.ts";
import { CandlewireError } from "../error.ts";
import type { PostgresEndpoint } from "../postgres/server.ts";
import { type ConnectorTable, hasKeyColumns, patternOf } from "./connector_settings.ts";
import { ConnectorDatabase } from "./slot_postgres.ts";

/** Where the signal goes. */
export type SignalOptions = {
  postgres: PostgresEndpoint;
  capture: Pick<CaptureConfig, "publication" | "signalTable" | "keyColumns">;
};

/**
 * How Debezium reads a table again: `incremental`, chunk by chunk beside the stream; `blocking`, as in the initial snapshot, while
 * the stream waits.
 */
export type SnapshotKind = "incremental" | "blocking";

/**
 * Asks Debezium to read tables again: their rows come as `op: "r"`. `tables`: `schema.table`. Answers how each is read,
 * once the requests are durable; a connector that is down does it when it runs again. Our own capture knows no signals.
 *
 * A table whose records have another key than its primary key is read with the stream waiting: Debezium (3.6.3) gathers
 * the rows of an incremental chunk by their record's key, and with the symbol for a key all but one row of a symbol and
 * chunk would be lost silently (I5).
 *
 * Rejects with `connect.unknown_table` for a table that is not captured, `connect.postgres` (retry).
 */
export async function requestSnapshot(
  tables: readonly string[],
  options: SignalOptions,
): Promise<Map<string, SnapshotKind>> {
  const { publication, signalTable, keyColumns } = options.capture;
  await using database = new ConnectorDatabase(options.postgres);
  const published = (await database.tables(publication)).filter((table) => nameOf(table) !== signalTable);
  const known = published.map(nameOf);
  const unknown = tables.filter((table) => !known.includes(table));
  if (unknown.length > 0 || tables.length === 0) {
    throw new CandlewireError(
      "connect.unknown_table",
      tables.length === 0
        ? "Request a snapshot: no table is named"
        : `Request a snapshot of ${unknown.join(", ")}: publication "${publication}" lacks it`,
      { hint: `Captured tables: ${known.join(", ")}` },
    );
  }
  const primaryKeys = await database.primaryKeys();
  const kinds = new Map<string, SnapshotKind>();
  for (const table of published) {
    if (!tables.includes(nameOf(table))) continue;
    const primary = primaryKeys.get(nameOf(table)) ?? [];
    const unique = primary.length > 0 &&
      (!hasKeyColumns(table, keyColumns) || primary.every((column) => keyColumns.includes(column)));
    kinds.set(nameOf(table), unique ? "incremental" : "blocking");
  }
  for (const type of ["incremental", "blocking"] as const) {
    const chosen = published.filter((table) => kinds.get(nameOf(table)) === type);
    if (chosen.length === 0) continue;
    const data = { "data-collections": chosen.map(patternOf), type };
    await database.signal(signalTable, { id: crypto.randomUUID(), type: "execute-snapshot", data });
  }
  return kinds;
}

function nameOf({ schema, table }: ConnectorTable): string {
  return `${schema}.${table}`;
}
