import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { test } from "node:test";
import { EXAMPLES } from "../../src/datasource/help_examples.ts";
import {
  cqlLiteral,
  expandSymbols,
  interpolateQuery,
  type Replace,
  rowFilter,
} from "../../src/datasource/interpolate.ts";
import { formatOptions, KIND_OPTIONS } from "../../src/datasource/kind_options.ts";
import { checkQuery, FORMATS_OF, type MarketQueryModel, QUERY_KINDS } from "../../src/datasource/query.ts";
import { onceARow } from "../../src/datasource/stream_rows.ts";
import { isUnwritten } from "../../src/datasource/unwritten_query.ts";
import { parseVariableQuery, variableProblem } from "../../src/datasource/variable_query.ts";

/** Replaces as Grafana does: `$name` by its value, through the format when one is given. */
function replacing(values: Record<string, unknown>, variable = { multi: true }): Replace {
  return (text, format) =>
    text.replace(/\$(\w+)/g, (whole, name: string) => {
      const value = values[name];
      if (value === undefined) return whole;
      return format === undefined
        ? (Array.isArray(value) ? `{${value.join(",")}}` : String(value))
        : format(value, variable);
    });
}

test("a variable of several values becomes several symbols, each once", () => {
  const replace = replacing({ symbol: ["BTCUSDT", "ETHUSDT"], one: "BTCUSDT", none: [] });
  deepStrictEqual(expandSymbols(["$symbol"], replace), ["BTCUSDT", "ETHUSDT"]);
  deepStrictEqual(expandSymbols(["$one", "$symbol", " "], replace), ["BTCUSDT", "ETHUSDT"]);
  deepStrictEqual(expandSymbols(["$none"], replace), []);
  deepStrictEqual(expandSymbols(["币安人生USDT"], replace), ["币安人生USDT"]);
});

test("a live query of several symbols is read, one of a single symbol streams on", () => {
  const query: MarketQueryModel = { kind: "trades", symbols: ["$symbol"], live: true };
  strictEqual(interpolateQuery(query, replacing({ symbol: ["A", "B"] })).live, false);
  strictEqual(interpolateQuery(query, replacing({ symbol: ["A"] })).live, true);
  strictEqual(
    interpolateQuery({ kind: "pipeline", live: true, symbols: ["A", "B"] }, replacing({})).live,
    true,
  );
  deepStrictEqual(checkQuery(interpolateQuery(query, replacing({ symbol: ["A", "B"] }))), []);
});

test("CQL gets values that cannot leave their quotes; macros stay for the backend", () => {
  const replace = replacing({ symbol: ["A'B", "C"] });
  strictEqual(
    interpolateQuery(
      { kind: "cql", cql: "SELECT * FROM t WHERE s IN ($symbol) AND $__timeFilter(t)" },
      replace,
    ).cql,
    "SELECT * FROM t WHERE s IN ('A''B','C') AND $__timeFilter(t)",
  );
  strictEqual(cqlLiteral("x' OR '1", { multi: false }), "x'' OR ''1");
  strictEqual(cqlLiteral("x", { includeAll: true }), "'x'");
});

test("ad-hoc filters are added; one of several values becomes a pattern of exactly them", () => {
  const query = interpolateQuery(
    { kind: "tickers", filters: [{ key: "symbol", operator: "=", value: "$one" }] },
    replacing({ one: "BTCUSDT" }),
    [{ key: "volume", operator: ">", value: "5" }, { key: "", operator: "=", value: "" }, {
      key: "x",
      operator: "??",
      value: "1",
    }],
  );
  deepStrictEqual(query.filters, [
    { key: "symbol", operator: "=", value: "BTCUSDT" },
    { key: "volume", operator: ">", value: "5" },
  ]);
  const one = rowFilter({ key: "symbol", operator: "=|", value: "a.b", values: ["a.b", "c+(d", "e-f/g"] })!;
  strictEqual(one.operator, "=~");
  const pattern = new RegExp(one.value, "u");
  for (const text of ["a.b", "c+(d", "e-f/g"]) ok(pattern.test(text), text);
  for (const text of ["axb", "a.bc", "c"]) ok(!pattern.test(text), text);
  strictEqual(rowFilter({ key: "symbol", operator: "!=|", value: "a" })!.value, "^(a)$");
  strictEqual(
    "filters" in interpolateQuery({ kind: "tickers" }, replacing({})) &&
      interpolateQuery({ kind: "tickers" }, replacing({})).filters,
    undefined,
  );
});

test("a candle that went on stands once with its last values; rows without repeats are the same frame", () => {
  const frame = {
    fields: [
      { name: "time", values: [60, 120, 120, 60, 180] },
      { name: "close", values: [1, 2, 3, 1.5, 4] },
    ],
    length: 5,
  };
  deepStrictEqual(onceARow("klines", frame), {
    fields: [{ name: "time", values: [60, 120, 180] }, { name: "close", values: [1.5, 3, 4] }],
    length: 3,
  });
  const clean = { fields: [{ name: "time", values: [1, 2] }], length: 2 };
  strictEqual(onceARow("klines", clean), clean);
  strictEqual(onceARow("book", frame), frame, "levels of a book have no key of their own");
  const series = { fields: [{ name: "time", values: [1, 1] }, { name: "price", values: [1, 2] }], length: 2 };
  strictEqual(
    onceARow("trades", series),
    series,
    "two trades of a millisecond are two: without ids nothing is dropped",
  );
  const trades = { fields: [{ name: "trade_id", values: [5, 6, 5] }], length: 3 };
  strictEqual(onceARow("trades", trades).length, 2);
});

test("only a query that was not begun is held back; a wrong one goes to the backend, which says what is wrong", () => {
  ok(isUnwritten({ kind: "cql", cql: " " }));
  ok(isUnwritten({ kind: "book", symbols: [" "] }));
  ok(!isUnwritten({ kind: "book", symbols: ["$symbol"] }));
  ok(!isUnwritten({ kind: "completeness" }));
  ok(!isUnwritten({ kind: "tickers", limit: -1 }));
});

test("saved variable queries of any form are understood", () => {
  deepStrictEqual(parseVariableQuery({ refId: "x", kind: "symbols" }), { kind: "symbols" });
  deepStrictEqual(parseVariableQuery(undefined), { kind: "symbols" });
  deepStrictEqual(parseVariableQuery("columns klines"), { kind: "columns", of: "klines" });
  deepStrictEqual(parseVariableQuery({ kind: "values", of: "nothing", column: "symbol" }), {
    kind: "values",
    of: "tickers",
    column: "symbol",
  });
  ok(variableProblem({ kind: "values", column: "" }) !== undefined);
  strictEqual(variableProblem({ kind: "symbols" }), undefined);
});

test("every kind and format has words, and every example can be run", () => {
  deepStrictEqual(KIND_OPTIONS.map(({ value }) => value), [...QUERY_KINDS]);
  for (const kind of QUERY_KINDS) {
    deepStrictEqual(formatOptions(kind).map(({ value }) => value), [...FORMATS_OF[kind]]);
    ok(formatOptions(kind).every(({ label, description }) => label.length > 0 && description.length > 0));
  }
  for (const { title, query } of EXAMPLES) deepStrictEqual(checkQuery(query), [], title);
});
