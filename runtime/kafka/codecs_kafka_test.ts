import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import zlib from "node:zlib";
import fc from "fast-check";
import kafkajs from "kafkajs";
import { testSeed } from "../tests/seed.ts";
import { decompress, registerCodecs } from "./codecs_kafka.ts";
import { crc32c } from "./crc32c.ts";
import frames from "./testing/frames.json" with { type: "json" };

const seed = testSeed("codecs");

/** What every frame holds. */
function frameText(): Uint8Array {
  let text = "";
  for (let i = 0; i < 9000; i++) {
    text += `${i % 400},${(i * 7919) % 100},${i % 3 === 0 ? "ETHUSDT" : "BTCUSDT"},${"0".repeat(i % 5)}\n`;
  }
  return new TextEncoder().encode(text);
}

const TEXT = frameText();
const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const codecOf = (name: string) => name.startsWith("lz4") ? 3 : 2;

for (const [name, base64] of Object.entries(frames)) {
  Deno.test(`reads ${name} as the reference library wrote it`, () => {
    assert.deepEqual(Buffer.from(decompress(codecOf(name), bytesOf(base64))), Buffer.from(TEXT));
  });

  Deno.test(`refuses damaged ${name}, or reads it as something else, and neither hangs nor overruns`, () => {
    const good = bytesOf(base64);
    fc.assert(
      fc.property(
        fc.nat(good.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        (at, flip, cut) => {
          const bad = good.slice(0, cut ? at : good.length);
          if (!cut) bad[at] = bad[at]! ^ flip;
          const limit = 1 << 20;
          try {
            assert.ok(decompress(codecOf(name), bad, limit).length <= limit);
          } catch (error) {
            assert.equal((error as { code?: string }).code, "log.corrupt_batch", String(error));
          }
        },
      ),
      { seed, numRuns: 100 },
    );
  });

  Deno.test(`bounds what ${name} may grow to`, () => {
    assert.throws(() => decompress(codecOf(name), bytesOf(base64), TEXT.length - 1), {
      code: "log.corrupt_batch",
      message: new RegExp(`more than|beyond`),
    });
    assert.equal(decompress(codecOf(name), bytesOf(base64), TEXT.length).length, TEXT.length);
  });
}

Deno.test("whatever the bytes, a codec answers or says log.corrupt_batch", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 7 }), fc.uint8Array({ maxLength: 200 }), (codec, bytes) => {
      try {
        assert.ok(decompress(codec, bytes, 1 << 16).length <= 1 << 16);
      } catch (error) {
        assert.equal((error as { code?: string }).code, "log.corrupt_batch", String(error));
      }
    }),
    { seed, numRuns: 2000 },
  );
});

Deno.test("gzip and zstd bombs end at the limit", () => {
  const zeros = new Uint8Array(32 << 20);
  for (const [codec, bomb] of [[1, zlib.gzipSync(zeros)], [4, zlib.zstdCompressSync(zeros)]] as const) {
    assert.ok(bomb.length < 64 << 10);
    assert.throws(() => decompress(codec, bomb, 1 << 20), { code: "log.corrupt_batch" });
  }
});

Deno.test("what kafkajs compresses with our zstd, ours reads", async () => {
  registerCodecs();
  const codec = kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD]!();
  const data = await codec.compress({ buffer: TEXT });
  assert.deepEqual(Buffer.from(decompress(4, data)), Buffer.from(TEXT));
});

Deno.test("the checksum is CRC-32C", () => {
  const ascii = new TextEncoder();
  // RFC 3720, B.4, and the catalogue's check value.
  assert.equal(crc32c(ascii.encode("123456789")), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(ascii.encode("xx123456789yy"), 2, 11), 0xe3069283);
});
