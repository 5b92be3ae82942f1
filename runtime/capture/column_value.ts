import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { arrayText } from "./value/array_value.ts";
import {
  geometryText,
  hstoreEncoder,
  type HstoreHandlingMode,
  pointText,
  sparseVectorText,
} from "./value/extension_value.ts";
import { intervalEncoder, type IntervalHandlingMode } from "./value/interval_value.ts";
import { jsonText } from "./value/json_text.ts";
import {
  bitsEncoder,
  decimalEncoder,
  type DecimalHandlingMode,
  doubleEncoder,
  moneyEncoder,
} from "./value/number_value.ts";
import {
  dateEncoder,
  timeEncoder,
  type TimePrecisionMode,
  timestampEncoder,
  timestamptzEncoder,
  timetzEncoder,
} from "./value/time_value.ts";

/** How values are represented; each field is Debezium's property of that name. */
export type ValueModes = {
  decimalHandlingMode: DecimalHandlingMode;
  timePrecisionMode: TimePrecisionMode;
  intervalHandlingMode: IntervalHandlingMode;
  binaryHandlingMode: BinaryHandlingMode;
  hstoreHandlingMode: HstoreHandlingMode;
  /** Values of types that Debezium does not know: their text's bytes, or no field at all. */
  includeUnknownDatatypes: boolean;
  /** Stands for a TOAST value that did not change and is not known. */
  unavailableValuePlaceholder: string;
};

/** Debezium's `binary.handling.mode`. */
export type BinaryHandlingMode = "bytes" | "base64" | "base64-url-safe" | "hex";

/** A column's type, domains resolved to what they are made of. `name` is pg_type's. */
export type ColumnType =
  | { kind: "scalar" | "enum" | "other"; name: string }
  | { kind: "array"; name: string; element: ColumnType; delimiter: string };

/** Writes a column's values as JSON. */
export type ColumnEncoder = {
  /** PostgreSQL's text of a value that is not null, to JSON text. Total: text of no known form becomes a string. */
  encode(text: string): string;
  /** JSON text that stands for an unchanged, unknown TOAST value. */
  readonly placeholder: string;
};

/**
 * The encoder of a column; undefined when its type has none and such columns are left out. `modifier` is atttypmod.
 * Representations: docs/capture-types.md.
 */
export function columnEncoder(
  type: ColumnType,
  modifier: number,
  modes: ValueModes,
): ColumnEncoder | undefined {
  const encode = encoderOf(type, modifier, modes);
  if (encode === undefined) return undefined;
  return { encode, placeholder: placeholderOf(type, modes) };
}

type Encode = (text: string) => string;

const asIs: Encode = (text) => text;
const asBoolean: Encode = (text) => text === "t" ? "true" : "false";

/** Types whose text goes out as a JSON string. */
const TEXT_TYPES = new Set([
  ..."text varchar bpchar char name citext json jsonb xml uuid inet cidr macaddr macaddr8".split(" "),
  ..."int4range int8range numrange tsrange tstzrange daterange tsvector ltree isbn".split(" "),
]);

function encoderOf(type: ColumnType, modifier: number, modes: ValueModes): Encode | undefined {
  if (type.kind === "array") {
    const element = encoderOf(type.element, modifier, modes);
    if (element === undefined) return unknownEncoder(modes);
    const { delimiter } = type;
    return (text) => arrayText(text, element, delimiter) ?? jsonText(text);
  }
  if (type.kind === "enum" || (type.kind === "scalar" && TEXT_TYPES.has(type.name))) return jsonText;
  const precision = modifier < 0 ? 6 : modifier;
  switch (type.kind === "scalar" ? type.name : "") {
    case "bool":
      return asBoolean;
    case "int2":
    case "int4":
    case "int8":
    case "oid":
      return asIs;
    case "float4":
    case "float8":
      return doubleEncoder;
    case "numeric":
      return decimalEncoder(modes.decimalHandlingMode, modifier);
    case "money":
      return moneyEncoder(modes.decimalHandlingMode);
    case "date":
      return dateEncoder(modes.timePrecisionMode);
    case "time":
      return timeEncoder(modes.timePrecisionMode, precision);
    case "timetz":
      return timetzEncoder();
    case "timestamp":
      return timestampEncoder(modes.timePrecisionMode, precision);
    case "timestamptz":
      return timestamptzEncoder(precision);
    case "interval":
      return intervalEncoder(modes.intervalHandlingMode);
    case "bytea":
      return (text) => bytesText(Buffer.from(text.slice(2), "hex"), modes.binaryHandlingMode);
    case "bit":
      return bitsEncoder(modifier < 0 ? 1 : modifier);
    case "varbit":
      return bitsEncoder(modifier);
    case "point":
      return pointText;
    case "hstore":
      return hstoreEncoder(modes.hstoreHandlingMode);
    case "geometry":
    case "geography":
      return geometryText;
    case "vector":
    case "halfvec":
      return asIs;
    case "sparsevec":
      return sparseVectorText;
    default:
      return unknownEncoder(modes);
  }
}

function unknownEncoder(modes: ValueModes): Encode | undefined {
  if (!modes.includeUnknownDatatypes) return undefined;
  return (text) => bytesText(Buffer.from(text), modes.binaryHandlingMode);
}

function bytesText(bytes: Buffer, mode: BinaryHandlingMode): string {
  switch (mode) {
    case "bytes":
    case "base64":
      return `"${bytes.toString("base64")}"`;
    case "base64-url-safe":
      // Java's URL-safe encoder keeps the padding.
      return `"${bytes.toString("base64").replaceAll("+", "-").replaceAll("/", "_")}"`;
    case "hex":
      return `"${bytes.toString("hex")}"`;
  }
}

/** As Debezium's UnchangedToastedPlaceholder: the text itself, wrapped as far as the column's type needs it. */
function placeholderOf(type: ColumnType, modes: ValueModes): string {
  const text = modes.unavailableValuePlaceholder;
  const json = JSON.stringify(text);
  const bytes = Buffer.from(text);
  const binary = modes.binaryHandlingMode === "hex" ? json : bytesText(bytes, modes.binaryHandlingMode);
  if (type.kind !== "array") {
    if (type.name === "bytea") return binary;
    if (type.name !== "hstore") return json;
    return modes.hstoreHandlingMode === "map" ? `{${json}:${json}}` : JSON.stringify(`{${json}:${json}}`);
  }
  switch (type.element.name) {
    case "bytea":
      return `[${binary}]`;
    case "int4":
    case "int8":
    case "date":
      return `[${bytes.join(",")}]`;
    case "uuid":
      return `["${nameUuid(bytes)}"]`;
    default:
      return `[${json}]`;
  }
}

/** Java's UUID.nameUUIDFromBytes: MD5, version 3. */
function nameUuid(bytes: Uint8Array): string {
  const hash = createHash("md5").update(bytes).digest();
  hash[6] = (hash[6]! & 0x0f) | 0x30;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  return hash.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
