import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../tests/seed.ts";
import { decodeBody, encodeBody, encodeFrame, FRAME_KINDS, FrameDecoder, type FrameKind } from "./frame.ts";

const frames = fc.array(
  fc.record({
    kind: fc.constantFrom(...Object.keys(FRAME_KINDS) as FrameKind[]),
    head: fc.dictionary(fc.string({ maxLength: 20 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 5 }),
    body: fc.option(fc.jsonValue({ maxDepth: 3 }), { nil: undefined }),
  }),
  { maxLength: 10 },
);

function joined(parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Cuts bytes at any places. */
function split(bytes: Uint8Array, cuts: number[]): Uint8Array[] {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((from, index) => bytes.slice(from, at[index] ?? bytes.length));
}

Deno.test("FrameDecoder gives back what was encoded, however the bytes are cut", () => {
  fc.assert(
    fc.property(frames, fc.array(fc.nat(), { maxLength: 20 }), (sent, cuts) => {
      const bytes = joined(sent.map(({ kind, head, body }) => encodeFrame(kind, head, encodeBody(body))));
      const decoder = new FrameDecoder();
      const got = split(bytes, cuts).flatMap((chunk) => {
        const { frames, error } = decoder.push(chunk);
        assert.equal(error, undefined);
        return frames.map(({ kind, head, body }) => ({ kind, head, body: decodeBody(body) }));
      });
      const expected = sent.map(({ kind, head, body }) => ({
        kind,
        head: JSON.parse(JSON.stringify(head)),
        body: { value: body === undefined ? undefined : JSON.parse(JSON.stringify(body)) },
      }));
      assert.deepEqual(got, expected);
      assert.equal(decoder.buffered, 0);
    }),
    { seed: testSeed("frame split"), numRuns: 300 },
  );
});

Deno.test("FrameDecoder takes any bytes: frames or one error, after which it is closed", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (chunks) => {
      const decoder = new FrameDecoder({ maxBytes: 300 });
      let failed = false;
      for (const chunk of chunks) {
        const { frames, error } = decoder.push(chunk);
        if (failed) {
          assert.deepEqual({ frames: frames.length, error: error?.code }, {
            frames: 0,
            error: "host.bad_frame",
          });
        }
        failed ||= error !== undefined;
        assert.ok(decoder.buffered <= 300 + 4 + 200, "I10: at most one incomplete frame is kept");
      }
    }),
    { seed: testSeed("frame garbage"), numRuns: 500 },
  );
});

Deno.test("FrameDecoder keeps good frames before garbage, and takes none after it", () => {
  const good = encodeFrame("health", { health: "running" });
  const decoder = new FrameDecoder();
  const first = decoder.push(joined([good, new TextEncoder().encode("console output\n"), good]));
  assert.equal(first.frames.length, 1);
  assert.equal(first.error?.code, "host.bad_frame");
  assert.equal(decoder.push(good).frames.length, 0);
});

Deno.test("FrameDecoder refuses a frame above the limit before it arrives", () => {
  const { error } = new FrameDecoder().push(new Uint8Array([0xff, 0xff, 0xff, 0xff]));
  assert.match(error!.message, /4294967295 bytes/);
  assert.throws(() => encodeFrame("request", {}, new Uint8Array(16 * 1024 * 1024)), {
    code: "host.frame_too_large",
  });
});

Deno.test("FrameDecoder judges what a frame announces, however small its pieces, before the frame is there", () => {
  const starts = {
    "a length that a frame may have, and a kind that none has": [0, 4, 0, 0, 99, 0, 0, 0, 2],
    "a head longer than a head may be": [0, 4, 0, 0, 8, 0, 2, 0, 0],
    "a head longer than its frame": [0, 0, 0, 20, 8, 0, 0, 0, 30],
  };
  for (const [what, bytes] of Object.entries(starts)) {
    assert.equal(new FrameDecoder().push(new Uint8Array(bytes)).error?.code, "host.bad_frame", what);
    const decoder = new FrameDecoder();
    const errors = bytes.map((byte) => decoder.push(new Uint8Array([byte])).error?.code);
    assert.deepEqual(errors, [...Array(8).fill(undefined), "host.bad_frame"], what);
  }
});

Deno.test("FrameDecoder keeps few chunks of a frame that comes byte by byte", () => {
  const bytes = encodeFrame("log", { level: "info", message: "x".repeat(5000) });
  const decoder = new FrameDecoder();
  const got = [...bytes].flatMap((byte) => decoder.push(new Uint8Array([byte])).frames);
  assert.equal((got[0]!.head.message as string).length, 5000);
});
