import assert from "node:assert/strict";
import { field, type Frame } from "../frame/frame.ts";
import type { RowFilter } from "../../src/datasource/query.ts";
import { filterRows } from "./filters.ts";
import { typeFrames } from "./frame_type.ts";

const FRAME: Frame = {
  name: "f",
  fields: [
    field("text", "symbol", ["A", "B", null]),
    field("number", "price", [1, 20, null], { labels: { venue: "X" } }),
    field("time", "at", [0, 60_000, null]),
    field("bool", "closed", [true, false, null]),
  ],
};
const keep = (...filters: RowFilter[]) => filterRows(FRAME, filters).frame.fields[0]!.values;

Deno.test("filters compare by the column's kind", () => {
  assert.deepEqual(keep({ key: "price", operator: ">", value: "3" }), ["B"]);
  assert.deepEqual(keep({ key: "at", operator: "<=", value: "1970-01-01T00:00:30Z" }), ["A"]);
  assert.deepEqual(keep({ key: "closed", operator: "=", value: "false" }), ["B"]);
  assert.deepEqual(keep({ key: "symbol", operator: "!=", value: "A" }), ["B", null]);
  assert.deepEqual(keep({ key: "symbol", operator: "=~", value: "^[AB]$" }), ["A", "B"]);
  assert.deepEqual(keep({ key: "symbol", operator: "!~", value: "A" }), ["B", null]);
  assert.deepEqual(keep({ key: "venue", operator: "=", value: "Y" }), []);
  assert.deepEqual(keep({ key: "venue", operator: "=", value: "X" }), ["A", "B", null]);
  assert.deepEqual(filterRows(FRAME, [{ key: "nope", operator: "=", value: "" }]).unknown, ["nope"]);
  for (
    const [value, text] of [["(", /no valid pattern/], ["(a+)+$", /repeats a repetition/], [
      "a".repeat(300),
      /300 characters/,
    ]] as const
  ) {
    assert.throws(() => keep({ key: "symbol", operator: "=~", value }), text);
  }
  assert.throws(() => keep({ key: "price", operator: "=", value: "" }), /compares numbers/);
});

Deno.test("frames are typed as alert rules want them", () => {
  const number = field("number", "n", [1]);
  const type = (fields: Frame["fields"], chosen = true) =>
    typeFrames([{ name: "f", fields }], "table", chosen)[0]!.meta!.type;
  assert.equal(type([number]), "numeric-wide");
  assert.equal(type([number], false), "table");
  assert.equal(type([field("text", "s", ["A"]), number]), "numeric-long");
  assert.equal(type([field("time", "t", [1]), number]), "table");
  const two = (name: string): Frame => ({
    name,
    fields: [field("time", "t", [1]), number, { ...number, name: "m" }],
  });
  assert.deepEqual(
    typeFrames([two("a"), two("b")], "timeseries", false).map((
      { fields, meta },
    ) => [meta!.type, fields.length]),
    Array(4).fill(["timeseries-multi", 2]),
  );
  assert.deepEqual(typeFrames([two("a")], "timeseries", false).map(({ meta }) => meta!.type), [
    "timeseries-wide",
  ]);
});
