import { CandlewireError } from "../../error.ts";
import type { CompletenessRow, TableBatch, TableName } from "../../market/table.ts";
import type { MarketTables } from "./market_table.ts";
import { type AnyRow, isNewer, newestRows, rowKey, rowsOf, WRITE_ORDER } from "./row_shape.ts";

/** A fault to try the writer against: `reject` writes nothing, `failAfterWrite` writes and loses the answer. */
export type TableFault = "reject" | "failAfterWrite" | "fence";

/** {@linkcode MarketTables} in memory, for tests: the same contract, and faults by name. */
export class MemoryTables implements MarketTables {
  readonly tables = new Map<TableName, Map<string, AnyRow>>();
  /** Faults of the next writes, one each. */
  readonly faults: TableFault[] = [];
  /** Rows that can never be stored, as PostgreSQL would find. */
  isBad: (table: TableName, row: AnyRow) => boolean = () => false;
  writes = 0;

  rows<Row = AnyRow>(table: TableName): Row[] {
    return [...(this.tables.get(table)?.values() ?? [])] as Row[];
  }

  write(batch: TableBatch): ReturnType<MarketTables["write"]> {
    const fault = this.faults.shift();
    if (fault === "reject") return Promise.reject(unavailable());
    if (fault === "fence") {
      return Promise.reject(
        new CandlewireError("table.fenced", "Write rows: a newer writer has taken over", {
          retry: "operator",
        }),
      );
    }
    const bad = WRITE_ORDER.flatMap((table) =>
      rowsOf(batch, table).flatMap((row, index) => this.isBad(table, row) ? [{ table, index }] : [])
    );
    if (bad.length > 0) {
      return Promise.reject(
        new CandlewireError("table.bad_row", `Write ${bad[0]!.table}: row ${bad[0]!.index}`, {
          details: { rows: bad.map((row) => ({ ...row, reason: "told to be bad" })) },
        }),
      );
    }
    this.writes++;
    const counts = {} as Awaited<ReturnType<MarketTables["write"]>>;
    for (const table of WRITE_ORDER) {
      const rows = rowsOf(batch, table);
      const stored = this.tables.get(table) ?? new Map<string, AnyRow>();
      this.tables.set(table, stored);
      let written = 0;
      for (const row of newestRows(table, rows)) {
        const key = rowKey(table, row);
        const known = stored.get(key);
        if (known !== undefined && !isNewer(table, row, known)) continue;
        stored.set(key, { ...row });
        written++;
      }
      counts[table] = { written, unchanged: rows.length - written };
    }
    return fault === "failAfterWrite" ? Promise.reject(unavailable()) : Promise.resolve(counts);
  }

  lastTradeIds(symbols: string[]): Promise<Map<string, number>> {
    return Promise.resolve(
      this.#last("recent_trades", "trade_id", (row) => symbols.includes(row.symbol as string)),
    );
  }

  lastClosedKlines(symbols: string[]): Promise<Map<string, number>> {
    const wanted = (row: AnyRow) => row.closed === true && symbols.includes(row.symbol as string);
    return Promise.resolve(this.#last("klines", "open_time", wanted));
  }

  openGaps(): Promise<CompletenessRow[]> {
    return Promise.resolve(
      this.rows<CompletenessRow>("completeness").filter((row) => row.state === "open"),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  #last(table: TableName, column: string, wanted: (row: AnyRow) => boolean): Map<string, number> {
    const last = new Map<string, number>();
    for (const row of this.rows(table)) {
      const symbol = row.symbol as string;
      if (wanted(row)) last.set(symbol, Math.max(last.get(symbol) ?? 0, row[column] as number));
    }
    return last;
  }
}

function unavailable(): CandlewireError {
  return new CandlewireError("table.unavailable", "Write rows: told to fail", { retry: "retry" });
}
