import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../../../tests/seed.ts";
import { type ClientFrame, encodeClose, encodeFrame, encodeText, FrameDecoder, OPCODE } from "./frame.ts";

/** A client's frame, as RFC 6455 wants it: masked. */
function clientFrame(opcode: number, final: boolean, payload: Uint8Array, mask: Uint8Array): Uint8Array {
  const plain = encodeFrame(opcode, payload);
  const header = plain.length - payload.length;
  const frame = new Uint8Array(plain.length + 4);
  frame.set(plain.subarray(0, header));
  frame[0] = (final ? 0x80 : 0) | opcode;
  frame[1]! |= 0x80;
  frame.set(mask, header);
  for (let i = 0; i < payload.length; i++) frame[header + 4 + i] = payload[i]! ^ mask[i & 3]!;
  return frame;
}

const anyFrame = fc.record({
  opcode: fc.constantFrom(0, 1, 2, 8, 9, 10),
  final: fc.boolean(),
  payload: fc.uint8Array({ maxLength: 300 }),
  mask: fc.uint8Array({ minLength: 4, maxLength: 4 }),
}).map((each) => each.opcode >= 8 ? { ...each, final: true, payload: each.payload.slice(0, 125) } : each);

Deno.test("frames come out as they went in, however their bytes are cut", () => {
  fc.assert(
    fc.property(
      fc.array(anyFrame, { maxLength: 8 }),
      fc.array(fc.nat(400), { maxLength: 20 }),
      (frames, cuts) => {
        const bytes = new Uint8Array(
          frames.flatMap((each) => [...clientFrame(each.opcode, each.final, each.payload, each.mask)]),
        );
        const decoder = new FrameDecoder(1000);
        const found: ClientFrame[] = [];
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          found.push(...decoder.push(bytes.subarray(at, at + cut)));
          at += cut;
        }
        assert.deepEqual(
          found,
          frames.map(({ opcode, final, payload }) => ({ kind: "frame", opcode, final, payload })),
        );
      },
    ),
    { seed: testSeed("frames cut"), numRuns: 300 },
  );
});

Deno.test("any bytes are frames or one refusal, and nothing after a refusal", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 }), (chunks) => {
      const decoder = new FrameDecoder(100);
      const found = chunks.flatMap((chunk) => decoder.push(chunk));
      const bad = found.findIndex((each) => each.kind === "bad");
      assert.ok(bad < 0 || bad === found.length - 1);
    }),
    { seed: testSeed("any bytes"), numRuns: 1000 },
  );
});

for (
  const [why, bytes, code] of [
    ["reserved bits", [0xc1, 0x80, 0, 0, 0, 0], 1002],
    ["an unknown opcode", [0x83, 0x80, 0, 0, 0, 0], 1002],
    ["no mask", [0x81, 0x01, 65], 1002],
    ["a fragmented ping", [0x09, 0x80, 0, 0, 0, 0], 1002],
    ["a long ping", [0x89, 0xfe, 0, 126], 1002],
    ["a message beyond the limit", [0x81, 0xfe, 0x10, 0], 1009],
    ["a length of 2^63", [0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], 1009],
  ] as [string, number[], number][]
) {
  Deno.test(`a client's frame with ${why} is refused with ${code}`, () => {
    const [frame] = new FrameDecoder(1000).push(new Uint8Array(bytes));
    assert.equal(frame?.kind === "bad" && frame.code, code);
  });
}

Deno.test("text is encoded as one whole frame at every length form", () => {
  for (
    const text of [
      "",
      "a",
      "x".repeat(125),
      "x".repeat(126),
      "币安".repeat(100),
      "y".repeat(65_535),
      "é".repeat(40_000),
    ]
  ) {
    const bytes = new TextEncoder().encode(text);
    assert.deepEqual(encodeText(text), encodeFrame(OPCODE.text, bytes), `${text.length} characters`);
  }
  assert.equal(encodeText("x".repeat(70_000))[1], 127);
});

Deno.test("a close frame stays a control frame", () => {
  assert.deepEqual([...encodeClose(1008, "no")], [0x88, 4, 0x03, 0xf0, 0x6e, 0x6f]);
  assert.equal(encodeClose(1000, "x".repeat(500)).length, 127);
});
