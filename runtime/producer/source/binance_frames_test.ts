import assert from "node:assert/strict";
import fc from "fast-check";
import { seededRandom, testSeed } from "../../tests/seed.ts";
import { haveRecorded, recordedFrames, recordedText, skipReason } from "../testing/recorded.ts";
import { decodeFrame } from "./binance_frames.ts";

const SYMBOLS = new Set(["BTCUSDT", "ETHUSDT", "DOTUSDT", "币安人生USDT"]);

const TRADE = {
  e: "trade",
  E: 1723161255343,
  s: "BTCUSDT",
  t: 3735683259,
  p: "61837.63000000",
  q: "0.02000000",
  T: 1723161255342,
  m: true,
  M: true,
};
const DEPTH = {
  e: "depthUpdate",
  E: 1723161255208,
  s: "BTCUSDT",
  U: 50093239189,
  u: 50093239202,
  b: [["61737.63000000", "0.00000000"]],
  a: [["61837.64000000", "1.54698000"]],
};
const KLINE = {
  e: "kline",
  E: 1617566591776,
  s: "ETHUSDT",
  k: {
    t: 1617566580000,
    T: 1617566639999,
    s: "ETHUSDT",
    i: "1m",
    f: 346711017,
    L: 346711087,
    o: "2063.88",
    c: "2064.73",
    h: "2065.00",
    l: "2063.88",
    v: "70.86",
    n: 71,
    x: false,
    q: "146321.7",
    V: "46.9",
    Q: "97009.7",
    B: "0",
  },
};
const TICKER = {
  e: "1dTicker",
  E: 1723161255343,
  s: "BTCUSDT",
  p: "-10.00",
  P: "-0.621",
  o: "1",
  h: "2",
  l: "1",
  c: "1.5",
  w: "1.2",
  v: "12345678901234.12345678",
  q: "5",
  O: 1723074855343,
  C: 1723161255343,
  F: 1,
  L: 9,
  n: 9,
};

function frame(stream: string, data: unknown): string {
  return JSON.stringify({ stream, data });
}

Deno.test("decodeFrame() keeps every text and id of each stream", () => {
  const trade = decodeFrame(frame("btcusdt@trade", TRADE), SYMBOLS);
  assert.deepEqual(trade, {
    stream: "trade",
    problems: [],
    shutdown: false,
    events: [{
      kind: "trade",
      eventTime: 1723161255343,
      trade: {
        symbol: "BTCUSDT",
        trade_id: 3735683259,
        price: "61837.63000000",
        quantity: "0.02000000",
        trade_time: 1723161255342,
        is_buyer_maker: true,
        backfill: false,
      },
    }],
  });
  const closed = decodeFrame(
    frame("ethusdt@kline_1m", { ...KLINE, k: { ...KLINE.k, x: true } }),
    SYMBOLS,
  ).events[0]!;
  // Closed: close time + 60 s, above every version it had while open.
  assert.equal(closed.kind === "kline" && closed.kline.version, (1617566639999 + 60_000) * 1_000);
  const stats = decodeFrame(frame("!ticker_1d@arr", [TICKER]), SYMBOLS).events[0]!;
  assert.equal(stats.kind === "stats" && stats.stats.volume, "12345678901234.12345678");
  assert.equal(stats.kind === "stats" && stats.stats.version, TICKER.C * 1_000);
});

Deno.test("decodeFrame() reads symbols in any script", () => {
  const decoded = decodeFrame(frame("币安人生usdt@trade", { ...TRADE, s: "币安人生USDT" }), SYMBOLS);
  assert.equal(decoded.problems.length, 0);
  assert.equal(decoded.events.length, 1);
});

Deno.test("decodeFrame() keeps the good tickers of an array with bad ones", () => {
  const decoded = decodeFrame(
    frame("!ticker_1d@arr", [TICKER, null, { ...TICKER, c: "NaN" }, { ...TICKER, s: "X", L: -1, n: 0 }]),
    SYMBOLS,
  );
  assert.equal(decoded.events.length, 2);
  assert.deepEqual(decoded.problems.map((p) => [p.code, p.reason]), [
    ["source.bad_frame", "Field data[] is null"],
    ["source.bad_frame", 'Field c is "NaN"'],
  ]);
});

Deno.test("decodeFrame() names what is wrong: code, field and value", () => {
  const cases: [string, string, RegExp][] = [
    ["{", "source.not_json", /no JSON/],
    ["null", "source.bad_frame", /Frame is null/],
    ["[]", "source.bad_frame", /Frame is \[\]/],
    ["{}", "source.unknown_stream", /names no stream/],
    [frame("btcusdt@nothing", TRADE), "source.unknown_stream", /btcusdt@nothing/],
    [frame("!arr", []), "source.unknown_stream", /!arr/],
    [frame("xxx@trade", { ...TRADE, s: "XXX" }), "source.unknown_symbol", /"XXX"/],
    [frame("btcusdt@trade", { ...TRADE, t: 2 ** 53 }), "source.bad_frame", /Field t is 9007199254740992/],
    [frame("btcusdt@trade", { ...TRADE, t: -1 }), "source.bad_frame", /Field t is -1/],
    [frame("btcusdt@trade", { ...TRADE, T: 1723161255342000 }), "source.bad_frame", /Field T/],
    [frame("btcusdt@trade", { ...TRADE, p: 61837.63 }), "source.bad_frame", /Field p is 61837.63/],
    [frame("btcusdt@trade", { ...TRADE, p: "-1" }), "source.bad_frame", /Field p/],
    [frame("btcusdt@trade", { ...TRADE, m: "true" }), "source.bad_frame", /Field m/],
    [frame("btcusdt@depth@100ms", { ...DEPTH, u: 1 }), "source.bad_frame", /Field u is 1/],
    [frame("btcusdt@depth@100ms", { ...DEPTH, b: [["1"]] }), "source.bad_frame", /Field b/],
    [frame("ethusdt@kline_1m", { ...KLINE, k: { ...KLINE.k, i: "1h" } }), "source.bad_frame", /k\.i/],
    [frame("ethusdt@kline_1m", { ...KLINE, k: null }), "source.bad_frame", /Field k is null/],
    ['{"error":{"code":2,"msg":"Invalid request"},"id":1}', "source.refused_request", /Invalid request/],
  ];
  for (const [text, code, reason] of cases) {
    const decoded = decodeFrame(text, SYMBOLS);
    assert.equal(decoded.events.length, 0, text);
    assert.equal(decoded.problems[0]?.code, code, text);
    assert.match(decoded.problems[0]!.reason, reason);
  }
  assert.deepEqual(decodeFrame('{"result":null,"id":1}', SYMBOLS).problems, []);
  const shutdown = '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1723161255343}}';
  assert.equal(decodeFrame(shutdown, SYMBOLS).shutdown, true);
});

Deno.test("decodeFrame() never throws, and never yields a row with a field of another kind", () => {
  const seed = testSeed("decodeFrame on any JSON");
  const streams = ["btcusdt@trade", "btcusdt@depth@100ms", "ethusdt@kline_1m", "!ticker_1d@arr"];
  const templates = [TRADE, DEPTH, KLINE, TICKER] as Record<string, unknown>[];
  fc.assert(
    fc.property(
      fc.nat(3),
      fc.nat(30),
      fc.jsonValue(),
      fc.boolean(),
      (which, fieldIndex, value, nested) => {
        const data = structuredClone(templates[which]!);
        const target = nested && which === 2 ? data.k as Record<string, unknown> : data;
        const fields = Object.keys(target);
        const field = fields[fieldIndex % fields.length]!;
        target[field] = value;
        const decoded = decodeFrame(frame(streams[which]!, which === 3 ? [data] : data), SYMBOLS);
        assert.equal(decoded.events.length + decoded.problems.length, 1);
        for (const event of decoded.events) {
          if (event.kind !== "trade") continue;
          assert.match(event.trade.price, /^\d+(\.\d+)?$/);
          assert.ok(Number.isSafeInteger(event.trade.trade_id));
        }
      },
    ),
    { seed, numRuns: 2_000 },
  );
  fc.assert(fc.property(fc.string(), (text) => void decodeFrame(text, SYMBOLS)), { seed, numRuns: 500 });
});

Deno.test({
  name: `decodeFrame() reads every recorded frame, and no damage makes it throw${skipReason}`,
  ignore: !haveRecorded,
  fn() {
    const seed = testSeed("damaged recorded frames");
    const random = seededRandom(seed);
    let events = 0;
    for (const name of ["btcusdt_20240808.gz", "ethusdt_20240808.gz"]) {
      for (const text of recordedFrames(name)) {
        if (text.includes("@bookTicker") || text.startsWith('{"lastUpdateId"')) continue;
        const decoded = decodeFrame(text, SYMBOLS);
        assert.deepEqual(decoded.problems, [], text.slice(0, 200));
        events += decoded.events.length;
        if (random() < 0.2) {
          const at = Math.floor(random() * text.length);
          decodeFrame(text.slice(0, at), SYMBOLS);
          decodeFrame(
            text.slice(0, at) + String.fromCharCode(32 + random() * 90) + text.slice(at + 1),
            SYMBOLS,
          );
        }
      }
    }
    assert.equal(events, 9_757 + 6_106 + 3_451 + 3_434);
    const klines = recordedText("cryptofeed-BINANCE-ee25be.txt.gz").split("\n").filter((line) =>
      line.includes('@kline_1m",')
    ).map((line) => decodeFrame(line.slice(line.indexOf(": ") + 2), SYMBOLS));
    assert.equal(klines.length, 118);
    assert.ok(klines.every((decoded) => decoded.problems.length === 0));
    assert.equal(
      klines.filter((decoded) => decoded.events[0]?.kind === "kline" && decoded.events[0].kline.closed)
        .length,
      3,
    );
  },
});
