import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeBatch, splitBatches } from "../../kafka/record_batch.ts";
import { testSeed } from "../../tests/seed.ts";
import { ProduceRequest } from "./kafka_produce_request.ts";

const seed = testSeed("kafka_produce_request");

Deno.test("what is written is what a reader of record batches reads, whatever the text and its length", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 300 }),
    // Around the borders of the lengths' encoding, where bytes and characters differ.
    fc.tuple(fc.integer({ min: 20, max: 9000 }), fc.constantFrom("a", "é", "币", "🂡", "\ud800"))
      .map(([count, letter]) => letter.repeat(count)),
  );
  const key = fc.option(fc.string({ unit: "grapheme", maxLength: 80 }));
  const records = fc.array(fc.record({ key, value: fc.option(text) }), { minLength: 1, maxLength: 40 });
  const utf8 = new TextEncoder();
  // One writer for all, as in use: nothing of the request before is left in the next.
  const request = new ProduceRequest(64);
  fc.assert(
    fc.property(
      records,
      records,
      fc.nat(2 ** 31 - 1),
      fc.bigInt(0n, 2n ** 62n),
      (first, second, sequence, id) => {
        const wire = (given: typeof first) =>
          given.map(({ key, value }) => ({ key: key === null ? null : utf8.encode(key), value }));
        const body = request.encode(
          new Map([["topic-é", [
            { partition: 7, sequence, records: wire(first) },
            { partition: 9, sequence: 0, records: wire(second) },
          ]]]),
          { producer: { id, epoch: 3 }, now: 1_763_900_000_123, timeoutMs: 5000 },
        );
        let at = 2 + 2 + 4 + 4 + 2 + utf8.encode("topic-é").length + 4;
        for (
          const [partition, given, base] of [[7, pairs(first), sequence], [9, pairs(second), 0]] as const
        ) {
          assert.equal(body.readInt32BE(at), partition);
          const size = body.readInt32BE(at + 4);
          const bytes = body.subarray(at + 8, at + 8 + size);
          const batches = splitBatches(bytes);
          assert.equal(batches.length, 1);
          assert.equal(bytes.readBigInt64BE(43), id);
          assert.equal(bytes.readInt16BE(51), 3);
          assert.equal(bytes.readInt32BE(53), base);
          const read = decodeBatch(batches[0]!);
          assert.deepEqual(read.map(({ key, value }) => [key, value]), given);
          assert.ok(
            read.every(({ timestamp, offset }, i) => timestamp === 1_763_900_000_123 && offset === i),
          );
          at += 8 + size;
        }
        assert.equal(at, body.length);
      },
    ),
    { seed, numRuns: 300 },
  );

  /** A lone surrogate has no UTF-8: it goes out as U+FFFD. */
  function pairs(given: { key: string | null; value: string | null }[]) {
    return given.map(({ key, value }) => [key?.toWellFormed() ?? null, value?.toWellFormed() ?? null]);
  }
});
