import cassandra from "cassandra-driver";
import { Buffer } from "node:buffer";
import { type Field, field, type FieldKind } from "../frame/frame.ts";
import type { CqlColumn } from "../source/cql_cassandra.ts";

const { dataTypes } = cassandra.types;

/** Columns as doubles that have their exact text beside them (I9). */
const EXACT: ReadonlySet<number> = new Set([dataTypes.decimal, dataTypes.varint]);

const KINDS: ReadonlyMap<number, FieldKind> = new Map<number, FieldKind>([
  [dataTypes.timestamp, "time"],
  [dataTypes.double, "number"],
  [dataTypes.float, "number"],
  [dataTypes.decimal, "number"],
  [dataTypes.varint, "number"],
  [dataTypes.int, "integer"],
  [dataTypes.smallint, "integer"],
  [dataTypes.tinyint, "integer"],
  [dataTypes.bigint, "integer"],
  [dataTypes.counter, "integer"],
  [dataTypes.boolean, "bool"],
]);

/**
 * An answer's columns as fields: times, numbers and truth as such, `decimal` and `varint` as doubles with their text in `<name>_text`, all
 * else as text a person can read (collections, tuples and types of one's own as JSON, blobs as 0x…). Whole numbers beyond 2^53, which
 * a browser cannot hold, make their column text.
 */
export function fieldsOfColumns(
  columns: readonly CqlColumn[],
  rows: readonly Record<string, unknown>[],
): Field[] {
  return columns.flatMap(({ name, type }): Field[] => {
    const cells = rows.map((row) => row[name] ?? null);
    const kind = KINDS.get(type);
    switch (kind) {
      case "time":
        return [field("time", name, cells.map((cell) => finite((cell as Date | null)?.getTime())))];
      case "number": {
        const number = field("number", name, cells.map((cell) => cell === null ? null : Number(cell)));
        return EXACT.has(type)
          ? [number, field("text", `${name}_text`, cells.map((cell) => cell === null ? null : String(cell)))]
          : [number];
      }
      case "integer": {
        const whole = cells.map((cell) => cell === null ? null : BigInt(String(cell)));
        const safe = whole.every((cell) => cell === null || Number.isSafeInteger(Number(cell)));
        return [
          safe
            ? field("integer", name, whole)
            : field("text", name, whole.map((cell) => cell === null ? null : String(cell))),
        ];
      }
      case "bool":
        return [field("bool", name, cells as (boolean | null)[])];
      default:
        return [field("text", name, cells.map((cell) => cell === null ? null : textOf(cell)))];
    }
  });
}

function finite(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : value;
}

function textOf(cell: unknown): string {
  const value = plain(cell);
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** What JSON can say of a value. */
function plain(value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "bigint") return String(value);
  if (Buffer.isBuffer(value)) return `0x${value.toString("hex")}`;
  if (value instanceof Date) return Number.isFinite(value.getTime()) ? value.toISOString() : null;
  if (value instanceof cassandra.types.Tuple) return value.values().map(plain);
  if (Array.isArray(value)) return value.map(plain);
  if (ArrayBuffer.isView(value) && "length" in value) {
    return Array.from(value as unknown as ArrayLike<number>);
  }
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, item]) => [textOf(key), plain(item)]));
  }
  if (value instanceof Set) return [...value].map(plain);
  // The driver's own values: Uuid, Long, BigDecimal, Integer, LocalDate, LocalTime, Duration, InetAddress.
  if (Object.getPrototypeOf(value) !== Object.prototype) return String(value);
  return Object.fromEntries(Object.entries(value as object).map(([key, item]) => [key, plain(item)]));
}
