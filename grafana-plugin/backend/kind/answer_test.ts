import assert from "node:assert/strict";
import { channelPath, DEFAULT_LIMIT, FORMATS_OF, type MarketQueryModel } from "../../src/datasource/query.ts";
import { field, type Frame } from "../frame/frame.ts";
import { answerFrames } from "./answer.ts";
import type { Found } from "./read_kind.ts";
import type { Request } from "./request.ts";

const ORIGIN: Found["origin"] = {
  simulated: false,
  origin: { kind: "live", id: "live", label: "Binance" },
};

function requestOf(model: MarketQueryModel): Request {
  const { kind, symbols = [], filters = [], fields = [], format = FORMATS_OF[kind][0] } = model;
  return {
    refId: "A",
    model,
    kind,
    symbols,
    format: format!,
    source: "control",
    limit: DEFAULT_LIMIT[kind],
    filters,
    fields,
    from: 0,
    to: 1,
    intervalMs: 1000,
    signal: new AbortController().signal,
  };
}

/** The first frame of an answer, and its notices in one text. */
function answer(model: MarketQueryModel, found: Omit<Found, "origin" | "more">): [Frame, string] {
  const [first] = answerFrames({ ...found, more: false, origin: ORIGIN }, requestOf(model), {
    uid: "market",
  });
  return [first!, (first!.meta?.notices ?? []).map(({ text }) => text).join("\n")];
}

const STAGES: Frame = {
  name: "stages",
  fields: [field("text", "id", ["source", "store"]), field("number", "lag", [1, 2])],
};
const EDGES: Frame = { name: "edges", fields: [field("text", "from", ["source"])] };

Deno.test("a filter is for the frames that have its column; one that no frame has is told of", () => {
  const filtered = (key: string, fields?: string[]) =>
    answer(
      { kind: "pipeline", fields, filters: [{ key, operator: "=", value: "source" }] },
      { frames: [STAGES, EDGES] },
    );
  for (const fields of [["id", "lag"], undefined]) {
    const [stages, notices] = filtered("id", fields);
    assert.deepEqual(stages.fields[0]!.values, ["source"]);
    assert.equal(notices, "");
  }
  const [all, notices] = filtered("nope");
  assert.equal(all.fields[0]!.values.length, 2);
  assert.equal(notices, "Filters on nope are not applied: pipeline has no such column");
});

Deno.test("a live answer has a channel that Grafana takes, or says that it does not go on", () => {
  const names = Array.from({ length: 20 }, (_, at) => `a_long_name_${at}`);
  const klines: Frame = {
    name: "klines",
    fields: [field("time", "time", [1]), ...names.map((name) => field("number", name, [1]))],
  };
  const live = (fields: string[], filters: MarketQueryModel["filters"] = []) =>
    answer(
      { kind: "klines", format: "table", symbols: ["BTCUSDT"], live: true, fields, filters },
      { frames: [klines], channels: [channelPath("klines", "BTCUSDT")] },
    );
  const few = names.slice(0, 3);
  const [short, silent] = live(few);
  assert.equal(
    short.meta?.channel,
    `ds/market/klines/BTCUSDT/table/${DEFAULT_LIMIT.klines}/${few.join(".")}`,
  );
  assert.equal(silent, "");
  const [long, notices] = live(names);
  assert.equal(long.meta?.channel, undefined);
  assert.match(notices, /^Rows of so many fields do not go on by streaming/);
  const [none, why] = live(few, [{ key: few[0]!, operator: "=", value: "1" }]);
  assert.equal(none.meta?.channel, undefined);
  assert.match(why, /^Filtered rows do not go on by streaming/);
});
