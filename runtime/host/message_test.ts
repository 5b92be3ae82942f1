import assert from "node:assert/strict";
import fc from "fast-check";
import { CandlewireError } from "../error.ts";
import { testSeed } from "../tests/seed.ts";
import { FRAME_KINDS, type FrameKind, NO_BODY } from "./frame.ts";
import { decodeChildFrame, decodeWireError, encodeWireError, thrownError } from "./message.ts";

Deno.test("decodeChildFrame() takes any head: a message or an error, never an exception", () => {
  const head = fc.dictionary(
    fc.constantFrom(
      "protocol",
      "level",
      "message",
      "health",
      "channel",
      "id",
      "to",
      "method",
      "error",
      "dropped",
    ),
    fc.jsonValue(),
  );
  const kind = fc.constantFrom(...Object.keys(FRAME_KINDS) as FrameKind[]);
  fc.assert(
    fc.property(kind, head, (kind, head) => {
      const message = decodeChildFrame({ kind, head, body: NO_BODY });
      assert.ok(message instanceof CandlewireError || message.kind === kind);
    }),
    { seed: testSeed("decodeChildFrame"), numRuns: 1000 },
  );
});

Deno.test("a CandlewireError crosses the process border with code, retry, hint and details", () => {
  const sent = new CandlewireError("table.fenced", "Write: epoch 3", {
    retry: "operator",
    hint: "Stop",
    details: { a: 1 },
  });
  const got = thrownError(decodeWireError(JSON.parse(JSON.stringify(encodeWireError(sent)))));
  assert.deepEqual(
    [got.code, got.message, got.retry, got.hint, got.details],
    ["table.fenced", "Write: epoch 3", "operator", "Stop", { a: 1 }],
  );
});
