import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../../../tests/seed.ts";
import { INTERVALS } from "../../market.ts";
import { cadenceMs, parseStreamName, type Stream } from "./stream_name.ts";

const symbols = new Map([["btcusdt", "BTCUSDT"], ["币安人生usdt", "币安人生USDT"]]);
const parse = (name: string) => parseStreamName(name, (lowercase) => symbols.get(lowercase));
const symbol = "BTCUSDT";

const KNOWN: [string, Stream, number][] = [
  ["btcusdt@trade", { kind: "trade", symbol }, 0],
  ["btcusdt@aggTrade", { kind: "aggTrade", symbol }, 0],
  ["btcusdt@bookTicker", { kind: "bookTicker", symbol }, 0],
  ["btcusdt@miniTicker", { kind: "miniTicker", symbol }, 1000],
  ["btcusdt@ticker", { kind: "ticker", symbol }, 1000],
  ["btcusdt@avgPrice", { kind: "avgPrice", symbol }, 1000],
  ["btcusdt@ticker_1h", { kind: "window", symbol, window: "1h" }, 1000],
  ["btcusdt@ticker_4h", { kind: "window", symbol, window: "4h" }, 1000],
  ["btcusdt@ticker_1d", { kind: "window", symbol, window: "1d" }, 1000],
  ["btcusdt@kline_1s", { kind: "kline", symbol, interval: "1s" }, 1000],
  ["btcusdt@depth", { kind: "depth", symbol, speedMs: 1000 }, 1000],
  ["btcusdt@depth@100ms", { kind: "depth", symbol, speedMs: 100 }, 0],
  ["btcusdt@depth5", { kind: "partialDepth", symbol, levels: 5, speedMs: 1000 }, 1000],
  ["btcusdt@depth20@100ms", { kind: "partialDepth", symbol, levels: 20, speedMs: 100 }, 100],
  ["!miniTicker@arr", { kind: "allMiniTickers" }, 1000],
  ["!ticker_4h@arr", { kind: "allWindows", window: "4h" }, 1000],
  ["币安人生usdt@trade", { kind: "trade", symbol: "币安人生USDT" }, 0],
];

for (const [name, stream, cadence] of KNOWN) {
  Deno.test(`stream ${name}`, () => {
    assert.deepEqual(parse(name), stream);
    assert.equal(cadenceMs(stream), cadence);
  });
}

Deno.test("every interval has its kline stream", () => {
  for (const interval of INTERVALS) {
    assert.deepEqual(parse(`btcusdt@kline_${interval}`), { kind: "kline", symbol, interval });
  }
});

Deno.test("names without data are told apart from streams", () => {
  const names = [
    "!ticker@arr",
    "!bookTicker",
    "BTCUSDT@trade",
    "ethusdt@trade",
    "btcusdt",
    "btcusdt@",
    "@trade",
    "btcusdt@kline_7m",
    "btcusdt@kline_1M",
    "btcusdt@depth7",
    "btcusdt@depth@250ms",
    "btcusdt@ticker_2h",
    "!ticker_2h@arr",
    "btcusdt@trade@100ms",
    "",
  ];
  for (const name of names) assert.equal(parse(name), undefined, name);
});

Deno.test("any text is a stream or none", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
      for (const name of [text, `btcusdt@${text}`, `!${text}@arr`]) {
        const stream = parse(name);
        if (stream !== undefined) assert.ok(cadenceMs(stream) >= 0);
      }
    }),
    { seed: testSeed("stream names"), numRuns: 1000 },
  );
});
