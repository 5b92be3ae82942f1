import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../tests/seed.ts";
import { splitZeros } from "./decimal_text.js";

Deno.test("zeros at the end are paler, and only those", () => {
  assert.deepEqual(splitZeros("61946.00000000"), ["61946", ".00000000"]);
  assert.deepEqual(splitZeros("61946.10000000"), ["61946.1", "0000000"]);
  assert.deepEqual(splitZeros("0.00000762"), ["0.00000762", ""]);
  assert.deepEqual(splitZeros("0.00000000"), ["0", ".00000000"]);
  assert.deepEqual(splitZeros("100"), ["100", ""]);
  assert.deepEqual(splitZeros("–"), ["–", ""]);
});

Deno.test("I9: no digit of a decimal is lost", () => {
  const seed = testSeed("decimal text");
  const decimal = fc.tuple(fc.nat(), fc.stringMatching(/^[0-9]{0,8}$/), fc.boolean());
  fc.assert(
    fc.property(decimal, ([whole, fraction, negative]) => {
      const text = `${negative ? "-" : ""}${whole}${fraction === "" ? "" : `.${fraction}`}`;
      assert.equal(splitZeros(text).join(""), text);
    }),
    { seed },
  );
});
