import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../tests/seed.ts";
import { addProduct, addSum, exactValue } from "./exact_sum.ts";
import { FixedText, ratioText, sumText } from "./fixed_text.ts";

const seed = testSeed("exact_sum_test");

Deno.test("addProduct() and addSum() equal BigInt, below and above 2^53", () => {
  const price = fc.oneof(fc.integer({ min: 0, max: 1_000_000 }), fc.maxSafeInteger().map(Math.abs));
  // Together below 10^30, which is what the sums promise to hold.
  const quantity = fc.oneof(
    fc.integer({ min: 0, max: 1_000_000 }),
    fc.integer({ min: 0, max: 1_000_000_000_000 }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(price, quantity), { maxLength: 30 }), (terms) => {
      const cells = new Float64Array(4);
      let expected = 0n;
      for (const [price, quantity] of terms) {
        addProduct(cells, 0, price, quantity);
        addSum(cells, 2, cells, 0);
        expected += BigInt(price) * BigInt(quantity);
      }
      assert.equal(exactValue(cells, 0), expected);
      assert.ok(exactValue(cells, 2) >= expected);
    }),
    { seed, numRuns: 300 },
  );
});

Deno.test("FixedText writes eight decimals of any integer at any scale, whatever it remembers", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 8 }),
      fc.array(fc.maxSafeInteger().map(Math.abs)),
      (scale, values) => {
        const text = new FixedText(scale);
        for (const value of [...values, ...values.map((value) => value % 5000)]) {
          assert.equal(text.of(value), sumText(BigInt(value), scale));
        }
      },
    ),
    { seed, numRuns: 200 },
  );
});

Deno.test("ratioText() rounds half away from zero", () => {
  assert.equal(ratioText(1n, 3n, 3), "0.333");
  assert.equal(ratioText(-1n, 2n, 0), "-1");
  assert.equal(ratioText(5n, 10n, 0), "1");
  assert.equal(ratioText(49n, 100n, 0), "0");
});
