import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../tests/seed.ts";
import { columnEncoder, type ColumnType, type ValueModes } from "./column_value.ts";
import {
  type CapturedColumn,
  type EnvelopeOptions,
  EnvelopeWriter,
  type RowChange,
} from "./envelope_writer.ts";
import type { Tuple } from "./pgoutput.ts";
import type { SinkRecord } from "./sink/change_sink.ts";

const seed = testSeed("envelope_writer");
const MODES: ValueModes = {
  decimalHandlingMode: "string",
  timePrecisionMode: "adaptive",
  intervalHandlingMode: "numeric",
  binaryHandlingMode: "bytes",
  hstoreHandlingMode: "map",
  includeUnknownDatatypes: false,
  unavailableValuePlaceholder: "__debezium_unavailable_value",
};

const column = (name: string, type: string, extra: Partial<CapturedColumn> = {}): CapturedColumn => ({
  name,
  type: { kind: "scalar", name: type },
  modifier: -1,
  identity: true,
  primaryKey: false,
  ...extra,
});

function writerOf(columns: CapturedColumn[], options: Partial<EnvelopeOptions> = {}): EnvelopeWriter {
  const writer = new EnvelopeWriter({
    topicPrefix: "binance",
    database: "market",
    version: "3.6.3.Final",
    keyColumns: ["symbol"],
    modes: MODES,
    skippedOperations: [],
    ...options,
  });
  writer.table({ oid: 1, schema: "public", table: "t", columns });
  writer.begin({ commitTime: 1_700_000_000_123_456, xid: 77, lastCommitLsn: 100n });
  return writer;
}

function write(writer: EnvelopeWriter, change: RowChange): SinkRecord[] {
  const out: SinkRecord[] = [];
  writer.change(change, 200n, 1_700_000_000_200_000, out);
  return out;
}

Deno.test("an envelope has Debezium's fields, in their order", () => {
  const writer = writerOf([column("symbol", "text"), column("price", "numeric"), column("n", "int8")]);
  const [record] = write(writer, {
    kind: "insert",
    relation: 1,
    after: ["BTCUSDT", "1.50", "9007199254740993"],
  });
  assert.equal(record!.topic, "binance.public.t");
  assert.equal(record!.key, '{"symbol":"BTCUSDT"}');
  assert.equal(
    record!.value,
    '{"before":null,"after":{"symbol":"BTCUSDT","price":"1.50","n":9007199254740993},' +
      '"source":{"version":"3.6.3.Final","connector":"postgresql","name":"binance","ts_ms":1700000000123,' +
      '"snapshot":"false","db":"market","sequence":"[\\"100\\",\\"200\\"]","ts_us":1700000000123456,' +
      '"ts_ns":1700000000123456000,"schema":"public","table":"t","txId":77,"lsn":200,"xmin":null,' +
      '"origin":null,"origin_lsn":null},"transaction":null,"op":"c","ts_ms":1700000000200,' +
      '"ts_us":1700000000200000,"ts_ns":1700000000200000000}',
  );
});

Deno.test("the key: configured columns, else the primary key, else none", () => {
  const id = column("id", "int4", { primaryKey: true });
  const keyOf = (columns: CapturedColumn[], after: Tuple, keyColumns = ["symbol"]) =>
    write(writerOf(columns, { keyColumns }), { kind: "insert", relation: 1, after })[0]!.key;
  assert.equal(keyOf([id, column("symbol", "text")], ["1", 'a"b']), '{"symbol":"a\\"b"}');
  assert.equal(keyOf([id, column("other", "text")], ["1", "x"]), '{"id":1}');
  assert.equal(keyOf([column("other", "text")], ["x"]), null);
  assert.equal(
    keyOf([id, column("symbol", "text")], ["1", "S"], ["symbol", "id"]),
    '{"symbol":"S","id":1}',
  );
});

Deno.test("skipped operations make no record; an unknown relation is told", () => {
  const writer = writerOf([column("symbol", "text")], { skippedOperations: ["t"] });
  const truncate: RowChange = { kind: "truncate", relations: [1], cascade: false, restartIdentity: false };
  assert.deepEqual(write(writer, truncate), []);
  assert.equal(writer.change({ kind: "insert", relation: 2, after: [] }, 1n, 1, []), undefined);
});

Deno.test("placeholders of unchanged TOAST values have the column's form", () => {
  const placeholder = (type: ColumnType, modes: Partial<ValueModes> = {}) =>
    JSON.parse(columnEncoder(type, -1, { ...MODES, ...modes })!.placeholder);
  const scalar = (name: string): ColumnType => ({ kind: "scalar", name });
  const array = (name: string): ColumnType => ({
    kind: "array",
    name: `_${name}`,
    element: scalar(name),
    delimiter: ",",
  });
  const text = "__debezium_unavailable_value";
  const bytes = [...new TextEncoder().encode(text)];
  assert.equal(placeholder(scalar("text")), text);
  assert.equal(placeholder(scalar("numeric")), text);
  assert.equal(placeholder(scalar("bytea")), btoa(text));
  assert.equal(placeholder(scalar("bytea"), { binaryHandlingMode: "hex" }), text);
  assert.deepEqual(placeholder(scalar("hstore")), { [text]: text });
  assert.deepEqual(placeholder(array("text")), [text]);
  assert.deepEqual(placeholder(array("int4")), bytes);
  assert.deepEqual(placeholder(array("int8")), bytes);
  assert.deepEqual(placeholder(array("bytea")), [btoa(text)]);
  // Debezium's documentation gives it for uuid arrays.
  assert.match(placeholder(array("uuid"))[0], /^[0-9a-f]{8}-[0-9a-f]{4}-3[0-9a-f]{3}-[89ab][0-9a-f]{3}-/);
});

Deno.test("every encoder takes any text and writes JSON, whatever it holds", () => {
  const names =
    "bool int8 float8 numeric money date time timetz timestamp timestamptz interval bytea bit varbit point hstore geometry text json sparsevec"
      .split(" ");
  // These write digits as PostgreSQL gives them; only PostgreSQL fills such columns.
  const verbatim = new Set(["int8", "numeric", "float8", "money", "sparsevec"]);
  const known = fc.constantFrom(
    ...[
      "",
      "NaN",
      "infinity",
      "-infinity",
      "{",
      "}",
      "{}",
      "{{}",
      '{"',
      "[0:1]={",
      "1",
      "-",
      "24:00:00",
      "(,)",
      '"a"=>',
      "\\x",
      "\0",
    ],
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...names),
      fc.oneof(known, fc.string({ unit: "binary" }), fc.string()),
      fc.boolean(),
      fc.integer({ min: -1, max: 6 }),
      (name, text, inArray, modifier) => {
        const scalar: ColumnType = { kind: "scalar", name };
        const type: ColumnType = inArray
          ? { kind: "array", name: `_${name}`, element: scalar, delimiter: "," }
          : scalar;
        const json = columnEncoder(type, modifier, MODES)!.encode(text);
        assert.equal(typeof json, "string");
        if (!verbatim.has(name)) JSON.parse(json);
      },
    ),
    { seed, numRuns: 5000 },
  );
});
