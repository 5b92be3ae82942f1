import type { CaptureConfig } from "../capture/config.ts";
import { CandlewireError } from "../error.ts";
import type { PostgresEndpoint } from "../postgres/server.ts";
import { ConnectorDatabase } from "./slot_postgres.ts";

/** Where the signal goes. */
export type SignalOptions = {
  postgres: PostgresEndpoint;
  capture: Pick<CaptureConfig, "publication" | "signalTable">;
};

/**
 * Asks Debezium to read tables again beside the stream, chunk by chunk (an incremental snapshot): their rows come as
 * `op: "r"` with `source.snapshot` `incremental`. `tables`: `schema.table`. Answers the signal's id once the row is
 * durable; a connector that is down does it when it runs again. Our own capture knows no signals.
 *
 * Rejects with `connect.unknown_table` for a table that is not captured, `connect.postgres` (retry).
 */
export async function requestIncrementalSnapshot(
  tables: readonly string[],
  options: SignalOptions,
): Promise<string> {
  const { publication, signalTable } = options.capture;
  await using database = new ConnectorDatabase(options.postgres);
  const known = (await database.tables(publication)).map(({ schema, table }) => `${schema}.${table}`)
    .filter((table) => table !== signalTable);
  const unknown = tables.filter((table) => !known.includes(table));
  if (unknown.length > 0 || tables.length === 0) {
    throw new CandlewireError(
      "connect.unknown_table",
      tables.length === 0
        ? "Request an incremental snapshot: no table is named"
        : `Request an incremental snapshot of ${unknown.join(", ")}: publication "${publication}" lacks it`,
      { hint: `Captured tables: ${known.join(", ")}` },
    );
  }
  const id = crypto.randomUUID();
  // Debezium matches each entry as a regular expression.
  const data = {
    "data-collections": tables.map((table) => table.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")),
    type: "incremental",
  };
  await database.signal(signalTable, { id, type: "execute-snapshot", data });
  return id;
}
