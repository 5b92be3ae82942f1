import assert from "node:assert/strict";
import { tableFromIPC } from "apache-arrow";
import { encodeArrow } from "./arrow.ts";
import { integers, nanoseconds, texts } from "./arrow_buffers.ts";
import { encodeFrameJson } from "./frame_json.ts";
import { field, type Frame } from "./frame.ts";

function frame(rows: number): Frame {
  const all = <T>(of: (row: number) => T | null) =>
    Array.from({ length: rows }, (_, row) => row % 7 === 3 ? null : of(row));
  return {
    name: "всё",
    refId: "A",
    fields: [
      field("time", "time", all((row) => 1_700_000_000_123 + row)),
      field("number", "price", all((row) => row * 1.5), {
        labels: { symbol: "BTCUSDT" },
        config: { unit: "s" },
      }),
      field("integer", "id", all((row) => row % 2 === 0 ? 9007199254740993n : row)),
      field("text", "text", all((row) => ["", "a", "价格 €", "😀"][row % 4]!)),
      field("bool", "flag", all((row) => row % 2 === 0)),
    ],
    meta: { type: "timeseries-wide", typeVersion: [0, 1], channel: "ds/x/y" },
  };
}

Deno.test("a frame survives Arrow's file format, with nulls, at every length around a bitmap's bytes", () => {
  for (const rows of [0, 1, 2, 7, 8, 9, 63, 64, 65, 1000]) {
    const made = frame(rows);
    const table = tableFromIPC(encodeArrow(made));
    assert.equal(table.numRows, rows);
    for (const { name, kind, values } of made.fields) {
      const column = table.getChild(name)!;
      const read = values.map((_, row) => column.get(row));
      const expected = values.map((value) =>
        value !== null && kind === "integer" ? BigInt(value as number) : value
      );
      assert.deepEqual(read, expected, `${name} of ${rows} rows`);
      assert.ok(table.schema.fields.find((one) => one.name === name)!.nullable);
    }
    assert.equal(table.schema.metadata.get("name"), "всё");
    assert.deepEqual(JSON.parse(table.schema.metadata.get("meta")!), made.meta);
    assert.deepEqual(JSON.parse(table.schema.fields[1]!.metadata.get("labels")!), { symbol: "BTCUSDT" });
  }
  const broken = frame(2);
  broken.fields[1]!.values.pop();
  assert.throws(() => encodeArrow(broken), /price has 1 of 2 rows/);
});

Deno.test("a frame as JSON says what numbers cannot", () => {
  const { schema, data } = JSON.parse(new TextDecoder().decode(encodeFrameJson({
    name: "n",
    fields: [
      field("number", "a", [1, NaN, Infinity, -Infinity, null]),
      field("integer", "b", [1n, 2, null, 4, 5]),
    ],
  })));
  assert.deepEqual(schema.fields.map(({ typeInfo }: { typeInfo: { frame: string } }) => typeInfo.frame), [
    "float64",
    "int64",
  ]);
  assert.deepEqual(data, {
    values: [[1, null, null, null, null], [1, 2, null, 4, 5]],
    entities: [{ NaN: [1], Inf: [2], NegInf: [3] }, null],
  });
});

Deno.test("times and whole numbers are exact to the last bit, also before 1970 and beyond 2^53", () => {
  const times = [
    0,
    1,
    -1,
    -1.5,
    65_535,
    65_536,
    -65_536,
    -65_537,
    1_700_000_000_123.9,
    8.64e15,
    -8.64e15,
    2 ** 53,
  ];
  const numbers = [
    0,
    1,
    -1,
    2 ** 31,
    2 ** 32,
    -(2 ** 32) - 1,
    2 ** 53 - 1,
    -(2 ** 53) + 1,
    2 ** 62,
    -(2n ** 63n),
  ];
  assert.deepEqual(
    [...nanoseconds(times)],
    // What does not fit into 64 bits is cut to them.
    times.map((ms) => BigInt.asIntN(64, BigInt(Math.trunc(ms)) * 1_000_000n)),
  );
  assert.deepEqual([...integers(numbers)], numbers.map(BigInt));
  assert.throws(() => integers([1.5]), RangeError);
});

Deno.test("texts of any script, a half of a pair too, begin where the one before ends", () => {
  for (const values of [["BTC", null, "", "ETH"], ["价格", "a", null, "😀"], ["\ud83d", "\ude00", "x"]]) {
    const { valueOffsets, data } = texts(values);
    const decoder = new TextDecoder();
    assert.deepEqual(
      values.map((_, at) => decoder.decode(data.subarray(valueOffsets[at], valueOffsets[at + 1]))),
      values.map((value) => (value ?? "").toWellFormed()),
    );
  }
});
