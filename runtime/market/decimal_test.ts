import assert from "node:assert/strict";
import fc from "fast-check";
import { compareDecimals, formatUnits, parseDecimal, unitsAt } from "./decimal.ts";

Deno.test("parseDecimal() and formatUnits() are inverse for every decimal text", () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(10n ** 22n), max: 10n ** 22n }),
      fc.integer({ min: 0, max: 12 }),
      (units, scale) => {
        const text = formatUnits(units, scale);
        assert.deepEqual(parseDecimal(text), { units, scale });
      },
    ),
  );
});

Deno.test("parseDecimal() refuses what is no decimal", () => {
  for (const text of ["", ".", "1.", ".5", "1e5", "NaN", "Infinity", " 1", "1,5", "--1"]) {
    assert.equal(parseDecimal(text), undefined, text);
  }
});

Deno.test("unitsAt() refuses digits that the scale cannot hold", () => {
  assert.equal(unitsAt("1.5", 8), 150_000_000n);
  assert.equal(unitsAt("1.500", 1), 15n);
  assert.equal(unitsAt("1.55", 1), undefined);
});

Deno.test("compareDecimals() agrees with exact arithmetic at any scales", () => {
  assert.equal(compareDecimals("1.50", "1.5"), 0);
  assert.equal(compareDecimals("0.00000001", "0.00000002"), -1);
  assert.equal(compareDecimals("99999999999999.1", "99999999999999.09"), 1);
});
