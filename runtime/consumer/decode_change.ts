import { tableOf } from "../change/envelope.ts";
import { BINARY_PREFIX, type ChangeRecord, type TopicPartition } from "../change/record.ts";
import { type EpochMs } from "../market/epoch.ts";
import { rowVersion, type TableName, TABLES } from "../market/table.ts";
import { instantMs } from "./instant.ts";
import { type Column, TABLE_COLUMNS } from "./table_columns.ts";
import type { Change, Outcome } from "./transform/transform.ts";

/** Declared rules for renamed columns: by table, the incoming name and the name it has with us. */
export type ColumnMapping = Partial<Record<TableName, Record<string, string>>>;

/** Options of {@linkcode ChangeDecoder}. */
export type ChangeDecoderOptions = {
  columns?: ColumnMapping;
  /** Added to each version: the revision of a correcting replay. Default 0. */
  revision?: number;
};

type Incoming = { column: Column; from: string };
type Json = Record<string, unknown>;

/** How the writers of change events begin an insert: the row follows, then `source`. */
const INSERT = '{"before":null,"after":{';
const SOURCE = '},"source":{';

/**
 * Turns records of the log into changes: pure and total. Whatever the record holds, the answer is a change, a filter
 * (`tombstone`, `logical_message`) or a failure with a stable code; it never throws.
 *
 * - `c`, `r`, `u` upsert `after`; `d` deletes the row of `before` at that row's own version.
 * - Times become epoch ms; decimals stay text (I9); a column that is missing, or holds what it must not, is
 *   `transform.schema_mismatch` and the message names table, column, what is expected and what was found. A renamed
 *   column is taken up by a declared rule ({@linkcode ColumnMapping}). Columns that are not ours are left out, counted.
 * - `t` fails with `transform.truncate`. It has no version, so it cannot be ordered against rows (I2), and a replay
 *   would empty the store again; retention drops partitions and never truncates. It becomes a dead letter, so that a
 *   person sees it; dropping the letter says that the store's rows shall stay.
 * - `{schema, payload}` wrappers are taken off.
 */
export class ChangeDecoder {
  readonly #incoming: Record<TableName, Incoming[]>;
  readonly #revision: number;
  /** Columns seen that are not ours, by `table.column`; at most 256 names are told apart. */
  readonly unknownColumns = new Map<string, number>();

  constructor(options: ChangeDecoderOptions = {}) {
    this.#revision = options.revision ?? 0;
    this.#incoming = Object.fromEntries(TABLES.map((table) => {
      const renamed = new Map(Object.entries(options.columns?.[table] ?? {}).map(([from, to]) => [to, from]));
      return [
        table,
        TABLE_COLUMNS[table].columns.map((column) => ({
          column,
          from: renamed.get(column.name) ?? column.name,
        })),
      ];
    })) as Record<TableName, Incoming[]>;
  }

  decode(at: TopicPartition, record: Pick<ChangeRecord, "offset" | "value">): Outcome {
    const table = tableOf(at.topic);
    if (!isTable(table)) {
      return fail("transform.unknown_topic", `Decode ${at.topic}: it carries none of ${TABLES.join(", ")}`);
    }
    const { value } = record;
    if (value === null) return { kind: "filter", rule: "tombstone" };
    const inserted = insertedRow(value);
    if (inserted !== undefined) return this.#upsert(table, inserted, at, record.offset);
    return this.#envelope(table, value, at, record.offset);
  }

  #envelope(table: TableName, value: string, at: TopicPartition, offset: number): Outcome {
    if (value.startsWith(BINARY_PREFIX)) return fail("transform.binary", `Decode ${table}: ${binary(value)}`);
    let envelope: unknown;
    try {
      envelope = JSON.parse(value);
    } catch (error) {
      if (value.startsWith("\0")) return fail("transform.binary", `Decode ${table}: ${binary(value)}`);
      return fail("transform.bad_json", `Decode ${table}: ${(error as Error).message}`);
    }
    if (isObject(envelope) && "payload" in envelope && "schema" in envelope) envelope = envelope.payload;
    if (envelope === null) return { kind: "filter", rule: "tombstone" };
    if (!isObject(envelope)) {
      return fail(
        "transform.bad_envelope",
        `Decode ${table}: expected an envelope, found ${found(envelope)}`,
      );
    }
    switch (envelope.op) {
      case "c":
      case "r":
      case "u":
        if (isObject(envelope.after)) return this.#upsert(table, envelope.after, at, offset);
        return fail(
          "transform.bad_envelope",
          `Decode ${table}: "after" of op ${found(envelope.op)} must be a row, found ${
            found(envelope.after)
          }`,
        );
      case "d":
        if (isObject(envelope.before)) return this.#delete(table, envelope.before, at, offset);
        return fail(
          "transform.bad_envelope",
          `Decode ${table}: "before" of op "d" must be a row, found ${found(envelope.before)}`,
        );
      case "t":
        return fail(
          "transform.truncate",
          `Decode ${table}: it was truncated at the source; the store keeps its rows`,
        );
      case "m":
        return { kind: "filter", rule: "logical_message" };
      default:
        return fail(
          "transform.unknown_operation",
          `Decode ${table}: expected op c, r, u, d, t or m, found ${found(envelope.op)}`,
        );
    }
  }

  #upsert(table: TableName, wire: Json, at: TopicPartition, offset: number): Outcome {
    const row: Json = {};
    const incoming = this.#incoming[table];
    for (let i = 0; i < incoming.length; i++) {
      const { column, from } = incoming[i]!;
      const problem = convert(column, valueOf(wire, column, from), row);
      if (problem !== undefined) return mismatch(table, column, from, problem, wire);
    }
    this.#countUnknown(table, wire);
    const version = versionOf(table, row) + this.#revision;
    if (this.#revision !== 0 && "version" in row) row.version = version;
    return keep(table, "upsert", row, version, at, offset);
  }

  #delete(table: TableName, wire: Json, at: TopicPartition, offset: number): Outcome {
    const { key, time } = TABLE_COLUMNS[table];
    const row: Json = {};
    for (const { column, from } of this.#incoming[table]) {
      const needed = key.includes(column.name) || (column.name === time && table === "recent_trades");
      const problem = convert(column, valueOf(wire, column, from), row);
      if (problem !== undefined && needed) return mismatch(table, column, from, problem, wire);
    }
    // Without REPLICA IDENTITY FULL, `before` holds the key alone and the rest is null or zero.
    let version = typeof row.version === "number" && row.version > 0 ? row.version : 0;
    if (version === 0 && (table === "recent_trades" || key.includes(time))) {
      version = table === "klines" ? 0 : rowVersion(row[time] as EpochMs);
    }
    if (version === 0) {
      return fail(
        "transform.delete_without_version",
        `Decode ${table}: the deleted row came without its version; set REPLICA IDENTITY FULL on ${table}`,
      );
    }
    return keep(table, "delete", row, version + this.#revision, at, offset);
  }

  #countUnknown(table: TableName, wire: Json): void {
    const known = this.#incoming[table];
    let columns = 0;
    for (const _ in wire) columns++;
    if (columns === known.length) return;
    for (const name in wire) {
      if (known.some(({ column, from }) => from === name || column.name === name)) continue;
      const at = `${table}.${name.slice(0, 64)}`;
      const count = this.unknownColumns.get(at);
      if (count !== undefined || this.unknownColumns.size < 256) {
        this.unknownColumns.set(at, (count ?? 0) + 1);
      }
    }
  }
}

/**
 * The row of an insert without parsing the rest of the envelope, which is two thirds of it. Only where the text has
 * exactly the shape that Debezium and capture write; else undefined, and the whole is parsed.
 */
function insertedRow(value: string): Json | undefined {
  if (!value.startsWith(INSERT)) return undefined;
  const end = value.indexOf(SOURCE, INSERT.length);
  if (end < 0 || value.charCodeAt(value.length - 1) !== 125) return undefined;
  const op = value.lastIndexOf('"op":"');
  // Nothing closes behind it but the envelope: it is the envelope's own, and the last of its name, as JSON has it.
  if (op < end || value.indexOf("}", op) !== value.length - 1) return undefined;
  const letter = value[op + 6];
  if ((letter !== "c" && letter !== "r") || value[op + 7] !== '"') return undefined;
  try {
    return JSON.parse(value.slice(INSERT.length - 1, end + 1)) as Json;
  } catch {
    return undefined;
  }
}

/** A column's value; a log may hold rows from before it was renamed beside those that the rule is for. */
function valueOf(wire: Json, column: Column, from: string): unknown {
  const value = wire[from];
  return value === undefined && from !== column.name ? wire[column.name] : value;
}

/** Checks one column and puts it into the row; answers with what was expected when it does not fit. */
function convert(column: Column, value: unknown, row: Json): string | undefined {
  if (value === null && column.nullable) {
    row[column.name] = null;
    return undefined;
  }
  switch (column.kind) {
    case "decimal":
      if (typeof value !== "string" || !isDecimal(value)) return "decimal text such as 61234.56000000";
      row[column.name] = value;
      return undefined;
    case "instant": {
      const time = typeof value === "string" ? instantMs(value) : undefined;
      if (time === undefined) return "a time such as 2024-08-08T23:54:13.123Z";
      row[column.name] = time;
      return undefined;
    }
    case "integer":
      if (!Number.isSafeInteger(value)) return "an integer within ±2^53";
      row[column.name] = value;
      return undefined;
    case "boolean":
      if (typeof value !== "boolean") return "true or false";
      row[column.name] = value;
      return undefined;
    case "text":
    case "json":
      if (typeof value !== "string" || value === "") return "text that is not empty";
      row[column.name] = value;
      return undefined;
  }
}

/** What a value of ours (times in epoch ms) must be for a column; undefined when it is. */
export function checkColumn(column: Column, value: unknown): string | undefined {
  if (column.kind === "instant") return Number.isSafeInteger(value) ? undefined : "epoch milliseconds";
  return convert(column, value, {});
}

/** Digits before and behind the point that `market/decimal.ts` computes with; more would end the windows. */
const MOST_DIGITS = 40;

/** Decimal text: digits, one point within them, perhaps a minus sign; at most 40 digits before and behind the point. */
export function isDecimal(text: string): boolean {
  const { length } = text;
  let at = text.charCodeAt(0) === 45 ? 1 : 0;
  let digits = 0;
  let point = false;
  for (; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 48 && code <= 57) {
      if (++digits > MOST_DIGITS) return false;
    } else if (code === 46 && digits > 0 && !point && at < length - 1) {
      point = true;
      digits = 0;
    } else return false;
  }
  return digits > 0;
}

/** See "Version of a row": a trade's follows from its time, the others carry theirs. */
function versionOf(table: TableName, row: Json): number {
  return table === "recent_trades" ? rowVersion(row.trade_time as EpochMs) : row.version as number;
}

function keep(
  table: TableName,
  kind: Change["kind"],
  row: Json,
  version: number,
  { topic, partition }: TopicPartition,
  offset: number,
): Outcome {
  return {
    kind: "keep",
    change: { table, kind, row: row as unknown as Change["row"], version, topic, partition, offset },
  };
}

function mismatch(table: TableName, column: Column, from: string, expected: string, wire: Json): Outcome {
  const came = from in wire || !(column.name in wire) ? from : column.name;
  const name = came === column.name ? `"${came}"` : `"${came}" (mapped to "${column.name}")`;
  if (came in wire) {
    return fail(
      "transform.schema_mismatch",
      `Decode ${table}: column ${name} must be ${expected}, found ${found(wire[came])}`,
    );
  }
  const columns = Object.keys(wire).slice(0, 20).join(", ").slice(0, 400);
  return fail(
    "transform.schema_mismatch",
    `Decode ${table}: column ${name} is missing, expected ${expected}; the row has ${columns}. ` +
      `If it was renamed, map it in consumer.columns.${table}`,
  );
}

/** What a value that is no text seems to be. */
function binary(value: string): string {
  const base64 = value.startsWith(BINARY_PREFIX) ? value.slice(BINARY_PREFIX.length) : undefined;
  const bytes = base64 === undefined ? value.length : Math.floor(base64.replace(/=+$/, "").length * 3 / 4);
  // Magic byte 0, then the schema's id: the wire format of Confluent's and Apicurio's registries.
  if (base64?.startsWith("AA") ?? true) {
    return `expected JSON text, found ${bytes} bytes that begin as Avro of a schema registry does; ` +
      "set the connector's value.converter to JsonConverter with schemas.enable=false";
  }
  return `expected JSON text, found ${bytes} bytes that are no UTF-8`;
}

function fail(code: string, message: string): Outcome {
  return { kind: "fail", code, message };
}

/** A value as a message shows it, cut. */
function found(value: unknown): string {
  if (value === undefined) return "nothing";
  // It was rounded when it was parsed; the letter's payload has its digits.
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    return `about ${(value as number).toPrecision(6)}`;
  }
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

function isTable(name: string | undefined): name is TableName {
  return (TABLES as readonly (string | undefined)[]).includes(name);
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
