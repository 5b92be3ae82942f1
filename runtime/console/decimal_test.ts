import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../tests/seed.ts";
import { addDecimal, significantScale } from "./decimal.js";

/** Decimal text of an integer number of units of 10^-scale. */
function decimalText(units: bigint, scale: number): string {
  const sign = units < 0n ? "-" : "";
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, "0");
  return scale === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

Deno.test("I9: a sum of decimal texts is exact where floats are not", () => {
  assert.equal(addDecimal("0.1", "0.2"), "0.3");
  assert.equal(addDecimal("99999999999999.99999999", "0.00000001"), "100000000000000.00000000");
  assert.equal(addDecimal("61250.37", "61250.40", -1), "-0.03");
  assert.equal(addDecimal("1", "x"), null);
});

Deno.test("I9: adding and taking away gives the same decimal text, at any scale", () => {
  const units = fc.bigInt(-(10n ** 22n), 10n ** 22n);
  fc.assert(
    fc.property(units, units, fc.integer({ min: 0, max: 8 }), (a, b, scale) => {
      const sum = addDecimal(decimalText(a, scale), decimalText(b, scale));
      assert.equal(sum, decimalText(a + b, scale));
      assert.equal(addDecimal(sum!, decimalText(b, scale), -1), decimalText(a, scale));
    }),
    { seed: testSeed("decimal text"), numRuns: 200 },
  );
});

Deno.test("trailing zeros do not count as digits of a price", () => {
  assert.equal(significantScale("0.12345000"), 5);
  assert.equal(significantScale("61250.00000000"), 0);
  assert.equal(significantScale("61250"), 0);
});
