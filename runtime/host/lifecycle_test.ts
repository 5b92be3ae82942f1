import assert from "node:assert/strict";
import fc from "fast-check";
import { epochMs } from "../market/epoch.ts";
import { testSeed } from "../tests/seed.ts";
import {
  type LifecycleEvent,
  NEW_LIFECYCLE,
  type RestartPolicy,
  restartsLeft,
  transition,
  TRANSITIONS,
} from "./lifecycle.ts";

const POLICY: RestartPolicy = { budget: 3, windowMs: 60_000, backoffMs: 100, maxBackoffMs: 1_000 };
const EVENTS = Object.keys(TRANSITIONS.stopped) as LifecycleEvent[];

Deno.test("every state reacts to every event", () => {
  for (const row of Object.values(TRANSITIONS)) assert.deepEqual(Object.keys(row), EVENTS);
});

Deno.test("a crash waits longer each time, until the budget is used up", () => {
  let life = transition(NEW_LIFECYCLE, "start", { at: epochMs(0), policy: POLICY });
  const waits: (number | null)[] = [];
  for (let at = 0; life.state !== "failed"; at += 10) {
    life = transition(life, "exit", { at: epochMs(at), policy: POLICY });
    waits.push(life.retryAt === null ? null : life.retryAt - at);
    life = transition(life, "retry", { at: epochMs(at), policy: POLICY });
  }
  assert.deepEqual(waits, [100, 200, 400, null]);
  assert.equal(life.restarts, 3);
  assert.equal(restartsLeft(life, { at: epochMs(40), policy: POLICY }), 0);
  life = transition(life, "start", { at: epochMs(50), policy: POLICY });
  assert.deepEqual(
    [life.state, life.crashes.length],
    ["starting", 0],
    "a start by hand has the whole budget",
  );
});

Deno.test("crashes that are older than the window do not count", () => {
  let life = transition(NEW_LIFECYCLE, "start", { at: epochMs(0), policy: POLICY });
  for (let round = 0; round < 50; round++) {
    const at = epochMs(round * POLICY.windowMs);
    life = transition(life, "exit", { at, policy: POLICY });
    assert.equal(life.state, "backing_off");
    life = transition(life, "retry", { at, policy: POLICY });
  }
});

Deno.test("whatever happens: restarts stay within the budget of any window, and only backing_off has a time to retry", () => {
  const steps = fc.array(
    fc.tuple(fc.constantFrom(...EVENTS.filter((event) => event !== "start")), fc.nat(5_000)),
    {
      maxLength: 100,
    },
  );
  fc.assert(
    fc.property(steps, (steps) => {
      let at = 0;
      let life = transition(NEW_LIFECYCLE, "start", { at: epochMs(at), policy: POLICY });
      const retries: number[] = [];
      for (const [event, passed] of steps) {
        at += passed;
        const before = life;
        life = transition(life, event, { at: epochMs(at), policy: POLICY });
        assert.equal(life.retryAt !== null, life.state === "backing_off");
        assert.ok(life.crashes.length <= POLICY.budget + 1, "I10");
        if (life.restarts > before.restarts) retries.push(at);
      }
      for (const end of retries) {
        const within = retries.filter((time) => time > end - POLICY.windowMs && time <= end).length;
        assert.ok(within <= POLICY.budget + 1);
      }
    }),
    { seed: testSeed("lifecycle"), numRuns: 500 },
  );
});
