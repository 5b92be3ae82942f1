import assert from "node:assert/strict";
import { field } from "../frame/frame.ts";
import { groupingOf, groupRows } from "./group.ts";
import { tokensOf } from "./lexer.ts";
import { bindMacros } from "./macros.ts";
import { seriesOf } from "./series.ts";
import { checkFiltering, parseSelect } from "./statement.ts";

const VALUES = {
  from: 1000,
  to: 2001,
  intervalMs: 30_000,
  symbols: ["BTCUSDT"],
  keyspace: "binance_keyspace",
};
const bind = (cql: string, more: Partial<typeof VALUES> = {}) =>
  bindMacros(parseSelect(cql), { ...VALUES, ...more });

Deno.test("statements that are no single SELECT are refused, whatever hides them", () => {
  for (
    const [cql, text] of [
      ["INSERT INTO klines (symbol) VALUES ('a')", /begins with INSERT/],
      ["/* SELECT */ UPDATE klines SET a = 1", /begins with UPDATE/],
      ["BEGIN BATCH SELECT * FROM a APPLY BATCH", /begins with BEGIN/],
      ["SELECT * FROM a; DROP TABLE a", /several statements/],
      ["SELECT * FROM a -- ;\n; TRUNCATE a", /several statements/],
      ["SELECT * FROM system.local", /servers' own/],
      ['SELECT * FROM "system_auth".roles', /servers' own/],
      ["SELECT * FROM SYSTEM_schema.tables", /servers' own/],
      ["SELECT * FROM a WHERE b = ?", /bind marker/],
      ["SELECT * FROM a WHERE b = :x", /bind marker/],
      ["SELECT * FROM a WHERE b = 'open", /has no end: 'open/],
      ["SELECT * FROM a /* open", /comment that begins in line 1 has no end/],
      ["SELECT (a FROM b", /brackets do not match/],
      ["SELECT a) FROM b (", /brackets do not match/],
      ["SELECT 1", /no FROM/],
      ["SELECT * FROM a WHERE b = $symbol", /\$symbol in line 1 is no macro/],
      ["SELECT * FROM a WHERE b = '$__symbol'", /stands in quotes/],
      [" ; ", /is empty/],
    ] as const
  ) assert.throws(() => parseSelect(cql), text, cql);
  assert.equal(parseSelect("select * from K.\"Odd;Name\" where a = 'x;--' ;").table, "Odd;Name");
  assert.equal(parseSelect("SELECT a FROM t WHERE b = 'it''s; DROP' // end").table, "t");
});

Deno.test("macros are bound, never spliced; the table gets its keyspace", () => {
  assert.deepEqual(
    bind("SELECT * FROM recent_trades WHERE symbol = $__symbol AND $__timeFilter(trade_time)"),
    {
      cql:
        "SELECT * FROM binance_keyspace.recent_trades WHERE symbol = ? AND trade_time >= ? AND trade_time < ?",
      values: ["BTCUSDT", new Date(1000), new Date(2001)],
    },
  );
  const hostile = "x' OR 1=1; DROP TABLE a --";
  const bound = bind(
    "SELECT * FROM k.t WHERE symbol IN ($__symbol) AND t > $__timeFrom() AND t < $__timeTo",
    { symbols: ["A", hostile] },
  );
  assert.equal(bound.cql, "SELECT * FROM k.t WHERE symbol IN ( ?, ? ) AND t > ? AND t < ?");
  assert.deepEqual(bound.values, ["A", hostile, new Date(1000), new Date(2001)]);
  assert.throws(() => bind("SELECT * FROM t WHERE s = $__symbol", { symbols: ["A", "B"] }), /IN|2 symbols/);
  assert.throws(() => bind("SELECT * FROM t WHERE s = $__symbol", { symbols: [] }), /no value/);
  assert.throws(() => bind("SELECT * FROM t WHERE $__nope(a)"), /no macro \$__nope/);
  assert.throws(() => bind("SELECT * FROM t WHERE $__timeFilter()"), /wants one column/);
  const kept = bind(
    "SELECT a FROM t WHERE id = 550e8400-e29b-41d4-a716-446655440000 AND n = 1.5e-3 AND b = 0xCAFE",
  );
  assert.match(kept.cql, /id = 550e8400-e29b-41d4-a716-446655440000 AND n = 1\.5e-3 AND b = 0xCAFE$/);
});

Deno.test("ALLOW FILTERING needs the whole partition key", () => {
  const check = (where: string) =>
    checkFiltering(parseSelect(`SELECT * FROM windows WHERE ${where} ALLOW FILTERING`), ["symbol", "window"]);
  check("symbol = 'a' AND window IN ('1m')");
  check("trade_count > 3 AND \"window\" = '1m' AND symbol = 'b' LIMIT 5");
  assert.throws(() => check("symbol = 'a'"), /without window/);
  assert.throws(() => check("symbol > 'a' AND window = '1m'"), /without symbol/);
  assert.throws(() => check("note = 'symbol = 1 AND window = 2'"), /without symbol, window/);
  checkFiltering(parseSelect("SELECT * FROM windows"), ["symbol"]);
});

Deno.test("$__timeGroup reads rows as they are and groups them", () => {
  const select = parseSelect(
    "SELECT $__timeGroup(trade_time, 1m) AS time, is_buyer_maker, count(*), avg(price), last(price) AS close FROM recent_trades WHERE symbol = $__symbol",
  );
  const grouping = groupingOf(select, 1000)!;
  assert.equal(
    bindMacros(select, { ...VALUES, list: grouping.list }).cql,
    "SELECT trade_time, is_buyer_maker, price FROM binance_keyspace.recent_trades WHERE symbol = ?",
  );
  const fields = groupRows(grouping, [
    field("time", "trade_time", [60_000, 119_999, 5_000, 61_000, null]),
    field("bool", "is_buyer_maker", [true, true, true, false, true]),
    field("number", "price", [2, 4, 1, null, 9]),
  ]);
  assert.deepEqual(fields.map(({ name, values }) => [name, values]), [
    ["time", [0, 60_000, 60_000]],
    ["is_buyer_maker", [true, true, false]],
    ["count", [1, 2, 1]],
    ["avg_price", [1, 3, null]],
    ["close", [1, 4, null]],
  ]);
  const bad = (list: string, rest = "") => () =>
    groupingOf(parseSelect(`SELECT ${list} FROM t ${rest}`), 1000);
  assert.throws(bad("$__timeGroup(a, soon)"), /no interval/);
  assert.throws(bad("$__timeGroup(a, 1m), writetime(b)"), /cannot be grouped/);
  assert.throws(bad("$__timeGroup(a, 1m)", "GROUP BY a"), /with GROUP BY/);
  assert.equal(groupingOf(parseSelect("SELECT a FROM t"), 1), undefined);
});

Deno.test("a table becomes series by its texts", () => {
  const frames = seriesOf({
    name: "t",
    fields: [
      field("time", "at", [2, 1, 1]),
      field("text", "symbol", ["A", "A", "B"]),
      field("number", "price", [20, 10, 5]),
      field("text", "price_text", ["20", "10", "5"]),
    ],
  });
  assert.deepEqual(frames.map(({ fields }) => [fields[0]!.values, fields[1]!.values, fields[1]!.labels]), [
    [[1, 2], [10, 20], { symbol: "A" }],
    [[1], [5], { symbol: "B" }],
  ]);
  assert.throws(() => seriesOf({ name: "t", fields: [field("number", "a", [1])] }), /timestamp column/);
  assert.throws(() => seriesOf({ name: "t", fields: [field("time", "a", [1])] }), /number column/);
});

Deno.test("the lexer tells where it stops", () => {
  assert.deepEqual(tokensOf('SELECT a, "B""c" --x\nFROM t').map(({ text }) => text), [
    "SELECT",
    "a",
    ",",
    '"B""c"',
    "FROM",
    "t",
  ]);
  assert.throws(() => tokensOf("SELECT a\nFROM t WHERE @ = 1"), /"@" in line 2/);
});
