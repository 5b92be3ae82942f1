import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { testSeed } from "../tests/seed.ts";
import { COMPRESSIONS } from "./codecs_kafka.ts";
import { crc32c } from "./crc32c.ts";
import { decodeBatch, type RecordBatch, splitBatches } from "./record_batch.ts";

const seed = testSeed("record_batch");

const fixture = (codec: string) =>
  Deno.readFileSync(new URL(`./testing/batches/${codec}.bin`, import.meta.url));

/** What the Java program wrote as value of record i; see testing/SOURCES.md. */
function javaValue(i: number): string | null {
  if (i % 10 === 0) return null;
  return `{"i":${i},"text":"币安人生 😀","pad":"${"abc,def;".repeat(i % 97)}${i * 7919 % 1000003}"}`;
}

const expected = (i: number) => ({
  offset: i,
  key: i % 11 === 0 ? null : `{"symbol":"S${i % 7}"}`,
  value: javaValue(i),
  timestamp: 1_700_000_000_000 + 3 * i,
});

for (const codec of COMPRESSIONS) {
  Deno.test(`reads the Java client's ${codec} batch to the last byte`, () => {
    const batches = splitBatches(fixture(codec));
    assert.equal(batches.length, 1);
    const count = codec === "none" ? 30 : 300;
    assert.deepEqual([batches[0]!.base, batches[0]!.last], [0, count - 1]);
    assert.deepEqual(decodeBatch(batches[0]!), Array.from({ length: count }, (_, i) => expected(i)));
    assert.deepEqual(decodeBatch(batches[0]!, count - 2), [expected(count - 2), expected(count - 1)]);
  });

  Deno.test(`never takes a damaged ${codec} batch for a whole one`, () => {
    const good = fixture(codec);
    fc.assert(
      fc.property(
        fc.integer({ min: 16, max: good.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        (at, flip) => {
          const bad = good.slice();
          bad[at] = bad[at]! ^ flip;
          const [batch] = splitBatches(bad);
          if (batch!.hidden) return;
          assert.throws(() => decodeBatch(batch!), { code: "log.corrupt_batch" });
        },
      ),
      { seed, numRuns: 200 },
    );
  });

  Deno.test(`with a checksum that fits, any content of a ${codec} batch is records or log.corrupt_batch`, () => {
    const good = fixture(codec);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 57, max: good.length - 1 }), fc.nat(255)), {
          minLength: 1,
          maxLength: 4,
        }),
        (changes) => {
          const bad = good.slice();
          for (const [at, byte] of changes) bad[at] = byte;
          new DataView(bad.buffer).setUint32(17, crc32c(bad, 21));
          try {
            decodeBatch(splitBatches(bad)[0]!);
          } catch (error) {
            assert.equal((error as { code?: string }).code, "log.corrupt_batch", String(error));
          }
        },
      ),
      { seed, numRuns: 200 },
    );
  });
}

Deno.test("splits at every cut into the batches that are whole", () => {
  const one = fixture("none");
  const all = Buffer.concat([one, fixture("zstd"), one]);
  fc.assert(
    fc.property(fc.nat(all.length), (length) => {
      const whole = [one.length, one.length + fixture("zstd").length, all.length].filter((end) =>
        end <= length
      );
      assert.equal(splitBatches(all.subarray(0, length)).length, whole.length);
    }),
    { seed, numRuns: 200 },
  );
});

Deno.test("whatever the bytes of an answer, splitting ends", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const batch of splitBatches(bytes)) {
        if (batch.hidden) continue;
        assert.throws(() => decodeBatch(batch), { code: "log.corrupt_batch" });
      }
    }),
    { seed, numRuns: 1000 },
  );
});

Deno.test("says so of the formats of before Kafka 0.11", () => {
  const old = fixture("none");
  old[16] = 1;
  assert.throws(() => decodeBatch(splitBatches(old)[0]!), { message: /magic 1/ });
});

Deno.test("hides an aborted transaction's batches up to its marker, and markers", () => {
  const control = (base: number, producer: bigint, type: 0 | 1) =>
    // Length, attributes, two deltas, key of four bytes (version, type), no value, no headers.
    batch(base, { producer, attributes: 0x30, records: [18, 0, 0, 0, 8, 0, 0, 0, type, 1, 0] });
  const data = (base: number, producer: bigint) =>
    batch(base, { producer, attributes: 0x10, records: [16, 0, 0, 0, 1, 4, 49, 50, 0] });
  const bytes = Buffer.concat([
    data(0, 7n),
    data(1, 8n),
    control(2, 7n, 0),
    data(3, 7n),
    control(4, 8n, 1),
    control(5, 7n, 1),
  ]);
  const seen = splitBatches(bytes, [{ producerId: 7n, firstOffset: 0 }])
    .flatMap((each: RecordBatch) => decodeBatch(each).map(({ offset, value }) => [offset, value]));
  assert.deepEqual(seen, [[1, "12"], [3, "12"]]);
});

/** A batch of one record. */
function batch(
  base: number,
  { producer, attributes, records }: { producer: bigint; attributes: number; records: number[] },
): Uint8Array {
  const bytes = new Uint8Array(61 + records.length);
  const view = new DataView(bytes.buffer);
  view.setBigInt64(0, BigInt(base));
  view.setInt32(8, bytes.length - 12);
  bytes[16] = 2;
  view.setInt16(21, attributes);
  view.setBigInt64(43, producer);
  view.setInt32(57, 1);
  bytes.set(records, 61);
  view.setUint32(17, crc32c(bytes, 21));
  return bytes;
}
