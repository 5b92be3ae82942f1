import { deepStrictEqual, notStrictEqual, strictEqual } from "node:assert/strict";
import { test } from "node:test";
import {
  type AnsweredData,
  askedSymbol,
  OriginMemory,
  questionOf,
  tradesAsked,
} from "../../src/panels/question.ts";

const marked = {
  length: 0,
  fields: [],
  meta: { custom: { simulated: true, origin: { kind: "exchange", id: "1", label: "seed 7" } } },
};
const bare = { length: 0, fields: [] };
const asked = (symbol: string, series: AnsweredData["series"]): AnsweredData => ({
  series,
  request: { targets: [{ refId: "A", symbols: [symbol] }], range: { raw: { from: "now-1h", to: "now" } } },
});

test("simulated once is simulated until another question is asked", () => {
  const memory = new OriginMemory();
  deepStrictEqual(memory.of(asked("BTCUSDT", [bare])), { simulated: false, label: null });
  deepStrictEqual(memory.of(asked("BTCUSDT", [marked])), { simulated: true, label: "seed 7" });
  deepStrictEqual(memory.of(asked("BTCUSDT", [bare])), { simulated: true, label: "seed 7" });
  deepStrictEqual(memory.of(asked("ETHUSDT", [bare])), { simulated: false, label: null });
});

test("a frame without a name is of the symbol that was asked for, when it is one", () => {
  strictEqual(askedSymbol(asked("BTCUSDT", []), "A"), "BTCUSDT");
  strictEqual(askedSymbol(asked("BTCUSDT", []), undefined), "BTCUSDT");
  strictEqual(
    askedSymbol({ series: [], request: { targets: [{ refId: "A", symbols: ["A", "B"] }] } }, "A"),
    "",
  );
  strictEqual(askedSymbol({ series: [] }, "A"), "");
  notStrictEqual(questionOf(asked("A", [])), questionOf(asked("B", [])));
});

test("only trades of our own data source have a page, and only without filters is every id asked for", () => {
  const datasource = { type: "candlewire-market-datasource" };
  const ask = (...targets: object[]) => tradesAsked({ series: [], request: { targets } });
  deepStrictEqual(ask({ kind: "trades", datasource }), { own: true, everyId: true });
  deepStrictEqual(ask({ kind: "trades", datasource, filters: [{ key: "side" }] }), {
    own: true,
    everyId: false,
  });
  deepStrictEqual(ask({ kind: "trades", datasource }, { kind: "cql", datasource }), {
    own: false,
    everyId: false,
  });
  deepStrictEqual(ask({ kind: "trades", datasource: { type: "other" } }), { own: false, everyId: false });
  deepStrictEqual(tradesAsked({ series: [] }), { own: false, everyId: false });
});
