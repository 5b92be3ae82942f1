import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../tests/seed.ts";
import { EventParser, reconnectWait } from "./event_stream.js";

type Event = { id: string; event: string; data: string };

function read(chunks: string[]): Event[] {
  const parser = new EventParser();
  return chunks.flatMap((chunk) => [...parser.push(chunk)]);
}

Deno.test("events are read as the format says: comments, defaults, several data lines, a kept id", () => {
  assert.deepEqual(
    read([": hello\n\nretry: 2000\n\nid: 7\nevent: trades\ndata: a\ndata: b\n\ndata:c\r\n\r\nevent: x\n\n"]),
    [
      { id: "7", event: "trades", data: "a\nb" },
      { id: "7", event: "message", data: "c" },
    ],
  );
});

Deno.test("I5: however the bytes are cut, the same events come out", () => {
  const event = fc.record({ id: fc.integer({ min: 1 }), data: fc.json() });
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 17 }), { minLength: 1 }),
      (events, cuts) => {
        const text = events.map(({ id, data }) => `id: k.${id}\nevent: trades\ndata: ${data}\n\n`).join("");
        const chunks: string[] = [];
        for (let at = 0, index = 0; at < text.length; index++) {
          const size = cuts[index % cuts.length]!;
          chunks.push(text.slice(at, at + size));
          at += size;
        }
        assert.deepEqual(
          read(chunks),
          events.map(({ id, data }) => ({ id: `k.${id}`, event: "trades", data })),
        );
      },
    ),
    { seed: testSeed("event chunks"), numRuns: 200 },
  );
});

Deno.test("I10: the wait before a reconnection grows to a ceiling and never is nothing", () => {
  assert.equal(reconnectWait(1, 0), 250);
  assert.ok(reconnectWait(3, 0.5) > reconnectWait(2, 0.5));
  for (const attempt of [1, 2, 5, 50, 1e6]) {
    const wait = reconnectWait(attempt, 0.999);
    assert.ok(wait >= 250 && wait <= 15_000, `attempt ${attempt}: ${wait}`);
  }
});
