import { strict as assert } from "node:assert";
import { pathOf, proxyAddress, queryText } from "../../src/model/address.ts";
import { operateCheck, readCheck } from "../../src/model/connection_check.ts";
import { byConcern, countGaps, gapSize } from "../../src/model/gaps.ts";
import { addLines, fieldsText, filterLines } from "../../src/model/log_lines.ts";
import { problemOf } from "../../src/model/problem.ts";
import { EMPTY_REPLAY, replayRequest, replayWords } from "../../src/model/replay_form.ts";
import { addressProblem, tidyAddress } from "../../src/model/settings.ts";

Deno.test("addresses encode symbols of any script and leave empty parameters out", () => {
  const target = { subUrl: "/grafana", appId: "the-app", route: "read" as const };
  assert.equal(
    proxyAddress(target, `lineage/trades/${pathOf("币安/USDT", 7)}`, { limit: 5, cursor: null, code: "" }),
    "/grafana/api/plugin-proxy/the-app/read/lineage/trades/%E5%B8%81%E5%AE%89%2FUSDT/7?limit=5",
  );
  assert.equal(queryText({ all: false, n: 0 }), "?all=false&n=0");
  assert.equal(queryText({}), "");
});

Deno.test("an address is checked before it is saved", () => {
  assert.equal(addressProblem(" http://127.0.0.1:8787/ "), undefined);
  assert.equal(addressProblem("https://host/candlewire"), undefined);
  assert.match(addressProblem("") ?? "", /No address/);
  assert.match(addressProblem("host:8787") ?? "", /must begin with http/);
  assert.match(addressProblem("127.0.0.1") ?? "", /no address/);
  assert.match(addressProblem("http://u:p@host") ?? "", /tokens/);
  assert.match(addressProblem("http://host/api/v1/") ?? "", /\/api\/v1/);
  assert.match(addressProblem("http://host?x=1") ?? "", /\?/);
  assert.equal(tidyAddress(" http://host:1/// "), "http://host:1");
});

Deno.test("a replay's open bounds are left out and its times are UTC", () => {
  assert.deepEqual(replayRequest(EMPTY_REPLAY, true).request, {
    topic: "binance.public.recent_trades",
    dry_run: true,
    correcting: false,
  });
  const form = {
    ...EMPTY_REPLAY,
    partition: "2",
    by: "times" as const,
    fromTime: "2026-11-29 10:00",
    fromOffset: "5",
  };
  assert.deepEqual(replayRequest(form, false).request, {
    topic: "binance.public.recent_trades",
    partition: 2,
    from_time: "2026-11-29T10:00:00.000Z",
    dry_run: false,
    correcting: false,
  });
});

Deno.test("a replay with wrong bounds names the field", () => {
  assert.deepEqual(Object.keys(replayRequest({ ...EMPTY_REPLAY, partition: "-1" }, true).problems ?? {}), [
    "partition",
  ]);
  assert.deepEqual(
    Object.keys(replayRequest({ ...EMPTY_REPLAY, fromOffset: "9007199254740993" }, true).problems ?? {}),
    ["fromOffset"],
  );
  assert.deepEqual(
    Object.keys(replayRequest({ ...EMPTY_REPLAY, fromOffset: "5", untilOffset: "5" }, true).problems ?? {}),
    ["untilOffset"],
  );
  const times = { ...EMPTY_REPLAY, by: "times" as const };
  assert.deepEqual(Object.keys(replayRequest({ ...times, fromTime: "yesterday" }, true).problems ?? {}), [
    "fromTime",
  ]);
  assert.deepEqual(
    Object.keys(replayRequest({ ...times, fromTime: "2026-02-30 25:00" }, true).problems ?? {}),
    ["fromTime"],
  );
  assert.deepEqual(
    Object.keys(
      replayRequest({ ...times, fromTime: "2026-11-29 10:00", untilTime: "2026-11-29 09:00" }, true)
        .problems ?? {},
    ),
    ["untilTime"],
  );
});

Deno.test("a replay in words says what it covers", () => {
  const { request } = replayRequest(
    { ...EMPTY_REPLAY, partition: "1", fromOffset: "10", untilOffset: "20" },
    false,
  );
  assert.equal(
    replayWords(request!),
    "binance.public.recent_trades, partition 1, from offset 10 until offset 20 (not included)",
  );
  assert.match(replayWords(replayRequest(EMPTY_REPLAY, false).request!), /all partitions, all that is kept/);
});

const line = (sequence: number, level = "info", message = "m", fields?: Record<string, unknown>) =>
  ({ sequence, time: 0, level, module: "consumer", message, fields }) as never;

Deno.test("log lines come once, in order, and are bounded (I10)", () => {
  const first = addLines([], [line(2), line(1)]);
  assert.deepEqual(first.map((each) => each.sequence), [1, 2]);
  assert.equal(addLines(first, [line(1), line(2)]), first, "nothing new keeps the array");
  const next = addLines(first, [line(4), line(4), line(3)], 3);
  assert.deepEqual(next.map((each) => each.sequence), [2, 3, 4]);
});

Deno.test("the log's filter takes the least level and text of message and fields", () => {
  const lines = [line(1, "debug", "a"), line(2, "warn", "Slow", { topic: "Klines" }), line(3, "error", "b")];
  assert.deepEqual(filterLines(lines, { level: "warn", text: "" }).map((each) => each.sequence), [2, 3]);
  assert.deepEqual(filterLines(lines, { level: "debug", text: " klines " }).map((each) => each.sequence), [
    2,
  ]);
  assert.equal(fieldsText({ fields: { a: "x", n: { b: 1 } } }), 'a=x n={"b":1}');
});

const gap = (kind: string, state: string, first: number, last: number, at = 0) =>
  ({ symbol: "A", kind, state, first_id: first, last_id: last, detected_at: at }) as never;

Deno.test("gaps are counted, sized in their own unit, and the worst come first (I3)", () => {
  const rows = [
    gap("trade", "refilled", 1, 1, 9),
    gap("kline", "open", 60_000, 180_000, 1),
    gap("book", "lost", 5, 9, 2),
    gap("kline", "open", 0, 0, 3),
  ];
  assert.deepEqual(countGaps(rows).kline, { open: 2, refilled: 0, lost: 0 });
  assert.deepEqual(rows.map(gapSize), ["1 trade", "3 minutes", "5 updates", "1 minute"]);
  assert.deepEqual(byConcern(rows).map((row) => row.kind), ["book", "kline", "kline", "trade"]);
  assert.equal(byConcern(rows)[1].detected_at, 3);
});

Deno.test("the test of the settings tells reading and operating apart", () => {
  const pipeline = {
    profile: "embedded",
    version: "1",
    stages: [],
    ready: true,
    notReady: [],
    simulated: true,
    origin: { label: "seed 7" },
  };
  const good = readCheck(pipeline as never);
  assert.ok(good.ok);
  assert.match(good.detail, /SIMULATED/);
  assert.equal(readCheck({ simulated: false, origin: {} } as never).ok, false);
  const refused = { code: "control.unauthorized", detail: "No valid token" };
  assert.match(readCheck(problemOf({ status: 401, body: refused, what: "" })).hint ?? "", /"viewer"/);
  // "Unknown module" comes after the token was looked at.
  assert.ok(
    operateCheck(problemOf({ status: 404, body: { code: "host.unknown_module", detail: "x" }, what: "" })).ok,
  );
  assert.equal(operateCheck(problemOf({ status: 404, body: "<html>", what: "" })).ok, false);
  assert.match(
    operateCheck(problemOf({ status: 403, body: { ...refused, code: "control.forbidden" }, what: "" })).title,
    /only read/,
  );
  assert.equal(operateCheck(problemOf({ status: 502, body: "", what: "" })).ok, false);
});
