import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../tests/seed.ts";
import { Flights } from "./flights.ts";

Deno.test("writes settle in the order in which they began, whichever ends first; after a failure none does (I1)", async () => {
  const seed = testSeed("flights");
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ ends: fc.integer({ min: 0, max: 6 }), fails: fc.boolean() }), { maxLength: 8 }),
      async (writes) => {
        const settled: number[] = [];
        let failures = 0;
        const flights = new Flights<number, void>({
          settle: async (item) => void settled.push(item),
          onFailure: () => failures++,
        });
        for (const [item, { ends, fails }] of writes.entries()) {
          const writing = (async () => {
            for (let turn = 0; turn < ends; turn++) await Promise.resolve();
            if (fails) throw new Error("refused");
          })();
          flights.launch(item, writing);
        }
        const firstFailure = writes.findIndex(({ fails }) => fails);
        const good = firstFailure < 0 ? writes.length : firstFailure;
        assert.equal(await flights.room(1), firstFailure < 0);
        const again = await flights.drain();
        assert.deepEqual(settled, Array.from({ length: good }, (_, item) => item));
        assert.deepEqual(again, Array.from({ length: writes.length - good }, (_, at) => good + at));
        assert.equal(failures, firstFailure < 0 ? 0 : 1);
        assert.equal(flights.count, 0);
        assert.equal(flights.failed, false);
      },
    ),
    { seed, numRuns: 200 },
  );
});

Deno.test("room() waits for as many as it must, and no longer", async () => {
  const flights = new Flights<number, void>({ settle: async () => {}, onFailure: () => {} });
  const ends = [0, 1].map(() => Promise.withResolvers<void>());
  for (const [item, { promise }] of ends.entries()) flights.launch(item, promise);
  let room = false;
  const waiting = flights.room(2).then(() => room = true);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(room, false);
  ends[0]!.resolve();
  await waiting;
  assert.equal(flights.count, 1);
  ends[1]!.resolve();
  assert.equal(await flights.room(1), true);
});
