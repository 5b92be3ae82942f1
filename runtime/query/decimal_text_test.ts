import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../tests/seed.ts";
import { decimalText } from "./decimal_text.ts";

Deno.test("a double's text is plain, reads back as the same double, and is the exchange's up to trailing zeros", () => {
  for (
    const [value, text] of [
      [1e-8, "0.00000001"],
      [-1.5e-7, "-0.00000015"],
      [12345678.12345678, "12345678.12345678"],
      [1e21, "1000000000000000000000"],
      [1.25e22, "12500000000000000000000"],
      [0, "0"],
      [-0, "0"],
      [100, "100"],
    ] as const
  ) assert.equal(decimalText(value), text);
  const seed = testSeed("decimal text");
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = decimalText(value);
      assert.match(text, /^-?\d+(\.\d+)?$/);
      assert.equal(Number(text), value === 0 ? 0 : value);
    }),
    { seed },
  );
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 999_999_999_999_999n }),
      fc.integer({ min: 0, max: 8 }),
      (units, scale) => {
        const digits = units.toString().padStart(scale + 1, "0");
        const exact = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
        const short = scale === 0 ? exact : exact.replace(/\.?0+$/, "");
        assert.equal(decimalText(Number(exact)), short);
      },
    ),
    { seed },
  );
});
