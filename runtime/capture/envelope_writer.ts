import type { Operation } from "../change/envelope.ts";
import { type ColumnEncoder, columnEncoder, type ColumnType, type ValueModes } from "./column_value.ts";
import type { SinkRecord } from "./sink/change_sink.ts";
import { jsonText } from "./value/json_text.ts";
import type { PgoutputMessage, Tuple } from "./pgoutput.ts";

/** A captured table: what the stream's relation message says, with types resolved. */
export type CapturedTable = {
  oid: number;
  schema: string;
  table: string;
  columns: CapturedColumn[];
  /** The primary key's columns in its index' order; without it, in the table's. */
  primaryKey?: readonly string[];
};

/** `identity`: part of the replica identity; `primaryKey`: part of the primary key. */
export type CapturedColumn = {
  name: string;
  type: ColumnType;
  modifier: number;
  identity: boolean;
  primaryKey: boolean;
};

/** Options of {@linkcode EnvelopeWriter}. */
export type EnvelopeOptions = {
  /** Debezium's `topic.prefix`: the first part of topic names, and `source.name`. */
  topicPrefix: string;
  database: string;
  /** `source.version`. */
  version: string;
  /** Columns of the record key, for tables that have all of them; else the primary key; else no key. */
  keyColumns: readonly string[];
  modes: ValueModes;
  /** Operations that are not written; the caller counts them. */
  skippedOperations: readonly Operation[];
  /** `schema.table` of a published table that is not captured. */
  leftOut?: string;
};

/** The transaction, or the snapshot, that changes belong to. Times are µs since 1970. */
export type TransactionInfo = {
  commitTime: number;
  xid: number | null;
  /** Behind the transaction before this one; null when that is not known. */
  lastCommitLsn: bigint | null;
};

/** `source.snapshot` of a row that was read, not streamed. */
export type SnapshotMark =
  | "first"
  | "first_in_data_collection"
  | "true"
  | "last_in_data_collection"
  | "last";

/** A change of rows, or a truncate. */
export type RowChange = Extract<PgoutputMessage, { kind: "insert" | "update" | "delete" | "truncate" }>;

/**
 * Turns changes into records whose key and value are JSON text as Debezium's PostgreSQL connector writes it
 * (`schemas.enable=false`). Each table's encoders are made once; a row costs string concatenation.
 * Field order and meaning: debezium `Envelope.java`, `PostgresSourceInfoStructMaker.java`.
 */
export class EnvelopeWriter {
  readonly #options: EnvelopeOptions;
  readonly #tables = new Map<number, TableWriter>();
  #transaction: TransactionInfo = { commitTime: 0, xid: null, lastCommitLsn: null };
  #transactionNumber = 0;

  constructor(options: EnvelopeOptions) {
    this.#options = options;
  }

  /** Learns a table, or its new columns. Returns names of columns that are left out because of their type. */
  table(table: CapturedTable): string[] {
    const writer = new TableWriter(table, this.#options);
    this.#tables.set(table.oid, writer);
    return writer.omitted;
  }

  knows(oid: number): boolean {
    return this.#tables.has(oid);
  }

  /** The table's name without its schema, for counts. */
  nameOf(oid: number): string {
    return this.#tables.get(oid)?.name ?? String(oid);
  }

  begin(transaction: TransactionInfo): void {
    this.#transaction = transaction;
    this.#transactionNumber++;
  }

  /**
   * Appends a change's records to `out` and returns how many: a key change makes two, a skipped operation none.
   * Undefined when the relation is unknown. `lsn`: the change's WAL position; `now`: µs since 1970.
   */
  change(message: RowChange, lsn: bigint, now: number, out: SinkRecord[]): number | undefined {
    if (message.kind === "truncate") {
      let count = 0;
      for (const oid of message.relations) {
        const writer = this.#tables.get(oid);
        if (writer === undefined) return undefined;
        count += this.#write(writer, "t", null, "null", "null", lsn, now, out);
      }
      return count;
    }
    const writer = this.#tables.get(message.relation);
    if (writer === undefined) return undefined;
    switch (message.kind) {
      case "insert": {
        const { after } = message;
        return this.#write(writer, "c", writer.key(after), "null", writer.row(after), lsn, now, out);
      }
      case "update": {
        const { before, after, old } = message;
        const source = old === "row" ? before : null;
        const key = writer.key(after, source);
        const row = writer.row(after, source);
        if (before === null) return this.#write(writer, "u", key, "null", row, lsn, now, out);
        const oldRow = writer.row(before);
        if (old === "row" || writer.keyIsIdentity) {
          const oldKey = writer.key(before);
          if (oldKey !== key) {
            // Debezium: a change of the key is a delete of the old and a create of the new.
            return this.#write(writer, "d", oldKey, oldRow, "null", lsn, now, out) +
              this.#write(writer, "c", key, "null", row, lsn, now, out);
          }
        }
        return this.#write(writer, "u", key, oldRow, row, lsn, now, out);
      }
      case "delete": {
        const { before } = message;
        return this.#write(writer, "d", writer.key(before), writer.row(before), "null", lsn, now, out);
      }
      default: {
        const impossible: never = message;
        return impossible;
      }
    }
  }

  /** Appends a row that the snapshot read. */
  read(oid: number, row: Tuple, mark: SnapshotMark, lsn: bigint, now: number, out: SinkRecord[]): number {
    const writer = this.#tables.get(oid)!;
    return this.#write(writer, "r", writer.key(row), "null", writer.row(row), lsn, now, out, mark);
  }

  #write(
    writer: TableWriter,
    operation: Operation,
    key: string | null,
    before: string,
    after: string,
    lsn: bigint,
    now: number,
    out: SinkRecord[],
    mark: SnapshotMark | "false" = "false",
  ): number {
    if (writer.leftOut || this.#options.skippedOperations.includes(operation)) return 0;
    const source = writer.source(this.#transaction, this.#transactionNumber, mark);
    const position = lsn.toString();
    out.push({
      topic: writer.topic,
      key,
      value: '{"before":' + before + ',"after":' + after + source.head + position + source.middle +
        position + source.tail + operation + this.#times(now),
    });
    return 1;
  }

  #timesAt = -1;
  #timesText = "";

  #times(now: number): string {
    if (now !== this.#timesAt) {
      this.#timesAt = now;
      this.#timesText = `","ts_ms":${Math.floor(now / 1000)},"ts_us":${now},"ts_ns":${now}000}`;
    }
    return this.#timesText;
  }
}

/** One table's encoders, compiled. */
class TableWriter {
  readonly topic: string;
  readonly name: string;
  readonly leftOut: boolean;
  readonly omitted: string[] = [];
  /** The key's columns all are in the replica identity, so that an old key tuple holds the old key. */
  readonly keyIsIdentity: boolean;
  readonly #columns: { index: number; prefix: string; encoder: ColumnEncoder }[] = [];
  readonly #key: { index: number; prefix: string; encoder: ColumnEncoder }[];
  readonly #head: string;
  readonly #database: string;
  readonly #place: string;
  #source = { head: "", middle: "", tail: "" };
  #sourceOf = -1;
  #sourceMark = "";

  constructor(table: CapturedTable, options: EnvelopeOptions) {
    this.topic = `${options.topicPrefix}.${table.schema}.${table.table}`;
    this.name = table.table;
    this.leftOut = options.leftOut === `${table.schema}.${table.table}`;
    for (const [index, column] of table.columns.entries()) {
      const encoder = columnEncoder(column.type, column.modifier, options.modes);
      if (encoder === undefined) {
        this.omitted.push(`${column.name} (${column.type.name})`);
        continue;
      }
      const prefix = `${this.#columns.length === 0 ? "" : ","}${JSON.stringify(column.name)}:`;
      this.#columns.push({ index, prefix, encoder });
    }
    const indexes = options.keyColumns.map((name) => table.columns.findIndex((c) => c.name === name));
    const keyIndexes = indexes.length > 0 && indexes.every((index) => index >= 0)
      ? indexes
      : table.primaryKey?.map((name) => table.columns.findIndex((c) => c.name === name)).filter((i) =>
        i >= 0
      ) ??
        [...table.columns.keys()].filter((index) => table.columns[index]!.primaryKey);
    this.keyIsIdentity = keyIndexes.every((index) => table.columns[index]!.identity);
    this.#key = keyIndexes.flatMap((index) => this.#columns.filter((column) => column.index === index))
      .map((column, at) => ({
        ...column,
        prefix: `${at === 0 ? "{" : ","}${JSON.stringify(table.columns[column.index]!.name)}:`,
      }));
    this.#head = `,"source":{"version":${jsonText(options.version)},"connector":"postgresql","name":${
      jsonText(options.topicPrefix)
    },"ts_ms":`;
    this.#database = jsonText(options.database);
    this.#place = `,"schema":${jsonText(table.schema)},"table":${jsonText(table.table)},"txId":`;
  }

  /** The row as a JSON object; unchanged TOAST values come from `old` when it is a whole row. */
  row(tuple: Tuple, old: Tuple | null = null): string {
    let text = "{";
    for (const column of this.#columns) text += column.prefix + this.#value(column, tuple, old);
    return text + "}";
  }

  /** The record's key as a JSON object; null for a table without one. */
  key(tuple: Tuple, old: Tuple | null = null): string | null {
    if (this.#key.length === 0) return null;
    let text = "";
    for (const column of this.#key) text += column.prefix + this.#value(column, tuple, old);
    return text + "}";
  }

  #value(column: { index: number; encoder: ColumnEncoder }, tuple: Tuple, old: Tuple | null): string {
    let value = tuple[column.index];
    if (value === undefined && old !== null) value = old[column.index];
    if (value === null) return "null";
    return value === undefined ? column.encoder.placeholder : column.encoder.encode(value);
  }

  /** The text around the two places of the LSN, the same for all of a transaction's changes. */
  source(transaction: TransactionInfo, transactionNumber: number, mark: string) {
    if (this.#sourceOf !== transactionNumber || this.#sourceMark !== mark) {
      this.#sourceOf = transactionNumber;
      this.#sourceMark = mark;
      const { commitTime, xid, lastCommitLsn } = transaction;
      const last = lastCommitLsn === null ? "null" : `\\"${lastCommitLsn}\\"`;
      this.#source = {
        head: `${this.#head}${
          Math.floor(commitTime / 1000)
        },"snapshot":"${mark}","db":${this.#database},"sequence":"[${last},\\"`,
        middle: `\\"]","ts_us":${commitTime},"ts_ns":${commitTime}000${this.#place}${xid},"lsn":`,
        tail: ',"xmin":null,"origin":null,"origin_lsn":null},"transaction":null,"op":"',
      };
    }
    return this.#source;
  }
}
