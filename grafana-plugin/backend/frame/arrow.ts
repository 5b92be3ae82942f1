import {
  Bool,
  type Data,
  type DataType,
  Field as ArrowField,
  Float64,
  Int64,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  tableToIPC,
  TimestampNanosecond,
  Utf8,
} from "apache-arrow";
import { bits, doubles, integers, nanoseconds, texts, validity } from "./arrow_buffers.ts";
import { type Field, type FieldKind, type Frame, lengthOf } from "./frame.ts";

const TYPES: Record<FieldKind, () => DataType> = {
  time: () => new TimestampNanosecond(),
  number: () => new Float64(),
  integer: () => new Int64(),
  text: () => new Utf8(),
  bool: () => new Bool(),
};

/** TypeScript's name of a kind, which grafana-plugin-sdk-go writes beside each field. */
const TS_TYPES: Record<FieldKind, string> = {
  time: "time",
  number: "number",
  integer: "number",
  text: "string",
  bool: "boolean",
};

/**
 * A frame in Arrow's file format, with the metadata by which grafana-plugin-sdk-go makes it the same frame again. Buffers are
 * built by hand: arrow's own builders take twice the time.
 */
export function encodeArrow(frame: Frame): Uint8Array {
  const length = lengthOf(frame);
  for (const { name, values } of frame.fields) {
    if (values.length !== length) {
      throw new RangeError(`Encode frame ${frame.name}: ${name} has ${values.length} of ${length} rows`);
    }
  }
  const fields = frame.fields.map(arrowField);
  const metadata = new Map([["name", frame.name], ["refId", frame.refId ?? ""]]);
  if (frame.meta !== undefined) {
    metadata.set("meta", JSON.stringify({ typeVersion: [0, 0], ...frame.meta }));
  }
  const schema = new Schema(fields, metadata);
  const children = frame.fields.map(column);
  const batch = new RecordBatch(
    schema,
    makeData({ type: new Struct(fields), length, nullCount: 0, children }),
  );
  return tableToIPC(new Table(schema, [batch]), "file");
}

function arrowField({ name, kind, labels, config }: Field): ArrowField {
  const metadata = new Map([["name", name], ["tstype", TS_TYPES[kind]]]);
  if (labels !== undefined) metadata.set("labels", JSON.stringify(labels));
  if (config !== undefined) metadata.set("config", JSON.stringify(config));
  return new ArrowField(name, TYPES[kind](), true, metadata);
}

function column(field: Field): Data {
  const { nullBitmap, nullCount } = validity(field.values);
  const common = { length: field.values.length, nullCount, nullBitmap };
  switch (field.kind) {
    case "time":
      return makeData({ ...common, type: new TimestampNanosecond(), data: nanoseconds(field.values) });
    case "number":
      return makeData({
        ...common,
        type: new Float64(),
        data: doubles(field.values),
      });
    case "integer":
      return makeData({
        ...common,
        type: new Int64(),
        data: integers(field.values),
      });
    case "text":
      return makeData({ ...common, type: new Utf8(), ...texts(field.values) });
    case "bool":
      return makeData({ ...common, type: new Bool(), data: bits(field.values, (value) => value === true) });
    default:
      return field satisfies never;
  }
}
