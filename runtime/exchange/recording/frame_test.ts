import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../../tests/seed.ts";
import { parseRecordedLine } from "./frame.ts";
import { significantDecimals, UnitsError, unitsOf } from "./units.ts";

const seed = testSeed("frame_test");

const TRADE = {
  stream: "币安人生usdt@trade",
  data: { e: "trade", E: 11, s: "币安人生USDT", t: 5, p: "0.16", q: "3.0", T: 10, m: true, M: true },
};
const line = (value: unknown, stamp = "1723161253937085768") => `${stamp} ${JSON.stringify(value)}`;
const problemOf = (text: string) => {
  const { frame } = parseRecordedLine(text);
  return frame.kind === "problem" ? frame.problem : frame.kind;
};

Deno.test("parseRecordedLine() reads frames of combined streams and bare ones", () => {
  assert.deepEqual(parseRecordedLine(line(TRADE)), {
    receivedAt: 1723161253937.0857,
    frame: {
      kind: "trade",
      symbol: "币安人生USDT",
      id: 5,
      price: "0.16",
      quantity: "3.0",
      time: 10,
      isBuyerMaker: true,
    },
  });
  assert.equal(problemOf(line(TRADE.data)), "trade");
  assert.equal(problemOf(line({ lastUpdateId: 1, bids: [["1.0", "2.0"]], asks: [] })), "snapshot");
  assert.equal(problemOf(line({ e: "depthUpdate", E: 1, s: "A", U: 3, u: 4, b: [], a: [] })), "depth");
  assert.equal(problemOf(line({ u: 1, s: "A", b: "1", B: "1", a: "2", A: "1" })), "bookTicker");
});

Deno.test("parseRecordedLine() names what is wrong", () => {
  const broken: [string, string][] = [
    ["", "no receive time"],
    ["x {}", "no receive time"],
    ["1723161253937 ", "no JSON"],
    [line(TRADE).slice(0, -3), "no JSON"],
    [line(null), "fields"],
    [line([1]), "fields"],
    [line({ stream: "a@trade", data: 5 }), "fields"],
    [line({ ...TRADE.data, t: -1 }), "fields"],
    [line({ ...TRADE.data, t: 1.5 }), "fields"],
    [line({ ...TRADE.data, p: 0.16 }), "fields"],
    [line({ ...TRADE.data, p: "1e5" }), "fields"],
    [line({ ...TRADE.data, p: "NaN" }), "fields"],
    [line({ ...TRADE.data, m: 1 }), "fields"],
    [line({ e: "depthUpdate", E: 1, s: "A", U: 5, u: 4, b: [], a: [] }), "fields"],
    [line({ e: "depthUpdate", E: 1, s: "A", U: 3, u: 4, b: [["1"]], a: [] }), "fields"],
    [line({ ...TRADE.data, e: "kline" }), "stream"],
    [line({ e: "serverShutdown", E: 1 }), "stream"],
    [`1723161253937085768 "${"x".repeat(4_000_001)}"`, "oversized"],
  ];
  for (const [text, problem] of broken) assert.equal(problemOf(text), problem, text.slice(0, 80));
});

Deno.test("parseRecordedLine() never throws, whatever the line", () => {
  const mutated = fc.tuple(fc.nat(), fc.string()).map(([at, text]) => {
    const whole = line(TRADE);
    const cut = at % whole.length;
    return whole.slice(0, cut) + text + whole.slice(cut + text.length);
  });
  const json = fc.jsonValue().map((value) => line(value));
  const fields = fc.dictionary(
    fc.constantFrom("e", "s", "t", "p", "q", "T", "m", "u", "U", "E", "b", "a"),
    fc.jsonValue(),
  )
    .map((value) => line(value));
  fc.assert(
    fc.property(fc.oneof(fc.string(), mutated, json, fields), (text) => {
      const { frame, receivedAt } = parseRecordedLine(text);
      assert.ok(frame.kind === "problem" ? Number.isNaN(receivedAt) || receivedAt > 0 : receivedAt > 0);
    }),
    { seed, numRuns: 2000 },
  );
});

Deno.test("unitsOf() is exact or refuses", () => {
  const decimal = fc.tuple(fc.integer({ min: 0, max: 10 ** 8 }), fc.integer({ min: 0, max: 99_999_999 }));
  fc.assert(
    fc.property(decimal, fc.integer({ min: 0, max: 8 }), ([whole, fraction], scale) => {
      const text = `${whole}.${String(fraction).padStart(8, "0")}`;
      const exact = BigInt(whole) * 100_000_000n + BigInt(fraction);
      const divisor = 10n ** BigInt(8 - scale);
      let units: number;
      try {
        units = unitsOf(text, scale);
      } catch (error) {
        assert.ok(error instanceof UnitsError);
        if (error.problem === "digits") assert.notEqual(exact % divisor, 0n);
        else assert.ok(exact / divisor > BigInt(Number.MAX_SAFE_INTEGER));
        return;
      }
      assert.equal(BigInt(units) * divisor, exact);
      const decimals = significantDecimals(units, scale);
      assert.equal(BigInt(units) % 10n ** BigInt(scale - decimals), 0n);
    }),
    { seed, numRuns: 1000 },
  );
});
