import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../../../tests/seed.ts";
import { ApiError } from "./api_error.ts";
import { Parameters } from "./parameters.ts";
import { parseWindowSize } from "./ticker_routes.ts";

const known = (symbol: string) => ["BTCUSDT", "ETHUSDT", "币安人生USDT"].includes(symbol);
const read = (query: string, names = ["symbol", "symbols", "limit", "startTime", "interval", "type"]) =>
  new Parameters(new URLSearchParams(query), names);

/** What was asked, and the code of the refusal. */
const REFUSED: [string, (p: Parameters) => unknown, number][] = [
  ["", (p) => p.symbol(known), -1102],
  ["symbol=", (p) => p.symbol(known), -1105],
  ["symbol=btcusdt", (p) => p.symbol(known), -1100],
  ["symbol=BTC USDT", (p) => p.symbol(known), -1100],
  [`symbol=${"A".repeat(51)}`, (p) => p.symbol(known), -1100],
  ["symbol=XRPUSDT", (p) => p.symbol(known), -1121],
  ['symbol=BTCUSDT&symbols=["BTCUSDT"]', (p) => p.symbols(known), -1128],
  ["symbols=BTCUSDT", (p) => p.symbols(known), -1100],
  ['symbols=["btcusdt"]', (p) => p.symbols(known), -1100],
  ["symbols=[]", (p) => p.symbols(known), -1105],
  ['symbols=["BTCUSDT","BTCUSDT"]', (p) => p.symbols(known), -1151],
  ['symbols=["BTCUSDT","XRPUSDT"]', (p) => p.symbols(known), -1121],
  ["limit=-1", (p) => p.limit(500, 1000), -1100],
  ["limit=1.5", (p) => p.limit(500, 1000), -1100],
  ["limit=0", (p) => p.limit(500, 1000), -1130],
  ["limit=99999999999999999999", (p) => p.limit(500, 1000), -1108],
  ["interval=1M", (p) => p.interval(), -1120],
  ["interval=5x", (p) => p.interval(), -1120],
  ["type=HALF", (p) => p.mini(), -1139],
];

for (const [query, ask, code] of REFUSED) {
  Deno.test(`"${query.slice(0, 40)}" is refused with ${code}`, () => {
    assert.throws(() => ask(read(query)), (error) => error instanceof ApiError && error.code === code);
  });
}

Deno.test("names are checked before values", () => {
  const code = (query: string, names: string[]) => {
    try {
      read(query, names);
    } catch (error) {
      return (error as ApiError).code;
    }
  };
  assert.equal(code("a=1", ["symbol", "limit"]), -1104);
  assert.equal(code("symbol=A&b=1", ["symbol"]), -1101);
  assert.equal(code("symbol=A&symbol=B", ["symbol", "limit"]), -1101);
});

Deno.test("what is right is read", () => {
  assert.equal(read("symbol=币安人生USDT").symbol(known), "币安人生USDT");
  assert.deepEqual(read('symbols=["BTCUSDT","ETHUSDT"]').symbols(known), { many: ["BTCUSDT", "ETHUSDT"] });
  assert.equal(read("limit=9999").limit(500, 1000), 1000);
  assert.equal(read("startTime=1700000000000").time("startTime"), 1_700_000_000_000);
  assert.equal(read("startTime=1700000000000123").time("startTime"), 1_700_000_000_000);
  assert.equal(read("type=MINI").mini(), true);
});

Deno.test("windows are 1m to 59m, 1h to 23h, 1d to 7d", () => {
  assert.deepEqual(
    ["1m", "59m", "60m", "23h", "24h", "7d", "8d", "0m", "1d2h", "01m", ""].map(parseWindowSize),
    [
      60_000,
      3_540_000,
      undefined,
      82_800_000,
      undefined,
      604_800_000,
      ...new Array(5).fill(undefined),
    ],
  );
});

Deno.test("any query is read or refused with a code of Binance's", () => {
  const name = fc.oneof(
    fc.constantFrom("symbol", "symbols", "limit", "startTime", "interval", "type"),
    fc.string(),
  );
  const value = fc.oneof(
    fc.constantFrom("BTCUSDT", '["BTCUSDT"]', "1m", "10"),
    fc.string({ unit: "binary" }),
    fc.json(),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 6 }), (pairs) => {
      try {
        const parameters = new Parameters(new URLSearchParams(pairs), [
          "symbol",
          "symbols",
          "limit",
          "startTime",
          "interval",
          "type",
        ]);
        parameters.symbols(known);
        parameters.limit(500, 1000);
        parameters.time("startTime");
        parameters.interval();
        parameters.mini();
      } catch (error) {
        assert.ok(error instanceof ApiError && error.code < 0, String(error));
      }
    }),
    { seed: testSeed("queries"), numRuns: 1000 },
  );
});
