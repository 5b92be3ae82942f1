import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../tests/seed.ts";
import { decodeRecords, encodeRecords, segmentFile, segmentNumber } from "./journal_format.ts";

const seed = testSeed("journal_format");

Deno.test("encodeRecords() and decodeRecords() are inverse for JSON texts and nulls", () => {
  const text = fc.option(fc.json());
  fc.assert(
    fc.property(fc.array(fc.record({ key: text, value: text }), { maxLength: 20 }), (records) => {
      assert.deepEqual(decodeRecords(encodeRecords(records), records.length), structuredClone(records));
    }),
    { seed, numRuns: 500 },
  );
});

Deno.test("decodeRecords() refuses a text of any other count, also a torn one", () => {
  const text = encodeRecords([{ key: "1", value: "2" }, { key: null, value: "3" }]);
  assert.equal(decodeRecords(text, 1), undefined);
  assert.equal(decodeRecords(text, 3), undefined);
  for (let length = 0; length < text.length; length++) {
    assert.equal(decodeRecords(text.slice(0, length), 2), undefined);
  }
});

Deno.test("segmentNumber() reads what segmentFile() writes, and nothing else", () => {
  fc.assert(
    fc.property(fc.nat(), (number) => assert.equal(segmentNumber(segmentFile(number)), number)),
    { seed },
  );
  for (const name of ["segment-1.sqlite", "segment-0000000001.sqlite-wal", "segment-0000000001.sqlite.new"]) {
    assert.equal(segmentNumber(name), undefined);
  }
});
