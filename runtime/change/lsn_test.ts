import assert from "node:assert/strict";
import fc from "fast-check";
import { formatLsn, parseLsn } from "./lsn.ts";

Deno.test("parseLsn() and formatLsn() are inverse", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (lsn) => parseLsn(formatLsn(lsn)) === lsn),
  );
});

Deno.test("parseLsn() refuses other text", () => {
  for (const text of ["", "0", "0/", "/0", "G/0", "123456789/0", "0/0 "]) {
    assert.equal(parseLsn(text), undefined);
  }
});
