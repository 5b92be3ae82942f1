import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../tests/seed.ts";
import { bytes, count, duration, prettyJson, rate, shortDecimal, utc } from "./format.js";

Deno.test("I9: JSON is indented without touching a digit", () => {
  const text =
    `{"id":90071992547409931,"price":"0.10000000","n":1.10,"e":[],"o":{ },"deep":[{"a":null},true]}`;
  const pretty = prettyJson(text);
  assert.ok(pretty.includes(`"id": 90071992547409931,`));
  assert.ok(pretty.includes(`"n": 1.10,`));
  assert.ok(pretty.includes(`"o": {},`));
  assert.equal(prettyJson("{not json"), "{not json");
});

Deno.test("indented JSON means the same as before, whatever is in its strings", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      assert.deepEqual(JSON.parse(prettyJson(text)), JSON.parse(text));
    }),
    { seed: testSeed("pretty JSON"), numRuns: 300 },
  );
});

Deno.test("a short form cuts decimal text and never rounds it up", () => {
  assert.equal(shortDecimal("2345678901.12345678"), "2.34 B");
  assert.equal(shortDecimal("999999.99"), "999 k");
  assert.equal(shortDecimal("12345.6"), "12.3 k");
  assert.equal(shortDecimal("0.00001"), "0.00");
  assert.equal(shortDecimal("-1234.5"), "-1.23 k");
  assert.equal(shortDecimal(null), "–");
});

Deno.test("times are UTC, lengths and sizes have their unit", () => {
  assert.equal(utc(1763899384567, "full"), "2025-11-23 12:03:04.567 UTC");
  assert.equal(utc("2025-11-23T12:03:04.567Z"), "12:03:04");
  assert.equal(utc(null), "–");
  assert.equal(duration(0.25), "250 µs");
  assert.equal(duration(42), "42 ms");
  assert.equal(duration(3_725_000), "62 min");
  assert.equal(duration(9_000_000), "2 h 30 min");
  assert.equal(bytes(184_000_000), "184 MB");
  assert.equal(count(1_949_616), "1,949,616");
  assert.equal(rate(null), "–");
  assert.equal(rate(1234.5), "1,235");
});
