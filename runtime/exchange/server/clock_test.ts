import assert from "node:assert/strict";
import fc from "fast-check";
import { epochMs } from "../../market/epoch.ts";
import { testSeed } from "../../tests/seed.ts";
import { type Speed, VirtualClock } from "./clock.ts";

const START = epochMs(1_000_000);

Deno.test("a paced clock follows the wall at its speed", () => {
  const clock = new VirtualClock(START, 20, { wall: 500 });
  assert.equal(clock.at(500), START);
  assert.equal(clock.at(600), START + 2000);
  assert.equal(clock.wait(epochMs(START + 2000), 550), 50);
  assert.equal(clock.wait(epochMs(START), 550), 0);
});

Deno.test("a paused clock, speed 0 and full speed stand where they were put", () => {
  for (const speed of [0, "max"] as Speed[]) {
    const clock = new VirtualClock(START, speed, { wall: 0 });
    assert.equal(clock.at(99_999), START);
    clock.moveTo(epochMs(START + 7), 10);
    assert.equal(clock.at(99_999), START + 7);
  }
  const clock = new VirtualClock(START, 1, { wall: 0, paused: true });
  assert.equal(clock.at(5000), START);
  assert.equal(clock.wait(epochMs(START + 1), 5000), undefined);
  clock.resume(5000);
  assert.equal(clock.at(5010), START + 10);
});

Deno.test("full speed waits for nothing", () => {
  const clock = new VirtualClock(START, "max", { wall: 0 });
  assert.equal(clock.wait(epochMs(START + 1e9), 0), 0);
});

Deno.test("skew changes what is told, not what happens", () => {
  const clock = new VirtualClock(START, 1, { wall: 0 });
  clock.skewMs = -3000;
  assert.equal(clock.told(10), START - 2990);
  assert.equal(clock.at(10), START + 10);
});

Deno.test("virtual time never goes back, whatever is done to the clock", () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constant("speed"), value: fc.constantFrom<Speed>(0, 1, 5, 20, "max") }),
    fc.record({ kind: fc.constantFrom("pause", "resume", "none"), value: fc.constant<Speed>(0) }),
    fc.record({ kind: fc.constant("move"), value: fc.integer({ min: -1000, max: 1000 }) }),
  );
  const step = fc.record({ action, pass: fc.integer({ min: -5, max: 500 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let wall = 0;
      const clock = new VirtualClock(START, 1, { wall });
      let last = clock.at(wall);
      for (const { action, pass } of steps) {
        wall += pass;
        if (action.kind === "speed") clock.setSpeed(action.value, wall);
        else if (action.kind === "pause") clock.pause(wall);
        else if (action.kind === "resume") clock.resume(wall);
        else if (action.kind === "move") clock.moveTo(epochMs(last + (action.value as number)), wall);
        const now = clock.at(wall);
        assert.ok(now >= last, `${now} after ${last}`);
        last = now;
      }
    }),
    { seed: testSeed("clock"), numRuns: 2000 },
  );
});
