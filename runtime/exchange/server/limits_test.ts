import assert from "node:assert/strict";
import { SlidingLimit, WeightLimits } from "./limits.ts";

const OPTIONS = { weightPerMinute: 100, banAfter: 3, banMs: 120_000 };

Deno.test("weight is counted by address and real minute", () => {
  const limits = new WeightLimits(OPTIONS);
  assert.deepEqual(limits.charge("a", 60, 1000), { kind: "ok", used: 60 });
  assert.deepEqual(limits.charge("b", 60, 1000), { kind: "ok", used: 60 });
  assert.deepEqual(limits.charge("a", 40, 2000), { kind: "ok", used: 100 });
  assert.deepEqual(limits.charge("a", 1, 30_000), { kind: "slow", used: 101, retryAfterSeconds: 30 });
  assert.deepEqual(limits.charge("a", 1, 60_000), { kind: "ok", used: 1 });
  assert.equal(limits.used("a", 60_000), 1);
});

Deno.test("who ignores 429 is banned, each time for twice as long", () => {
  const limits = new WeightLimits(OPTIONS);
  const exhaust = (wall: number) => {
    limits.charge("a", 100, wall);
    for (let i = 0; i < 3; i++) assert.equal(limits.charge("a", 1, wall).kind, "slow");
    return limits.charge("a", 1, wall);
  };
  assert.deepEqual(exhaust(0), { kind: "banned", used: 104, retryAfterSeconds: 120, until: 120_000 });
  assert.equal(limits.ban("a", 119_999)?.kind, "banned");
  assert.equal(limits.ban("a", 120_000), undefined);
  const second = exhaust(120_000);
  assert.equal(second.kind === "banned" && second.until, 360_000);
});

Deno.test("a sliding limit refuses one too many in any window", () => {
  const limit = new SlidingLimit(2, 1000);
  assert.deepEqual([0, 500, 999, 1000, 1400, 1500].map((wall) => limit.take("a", wall)), [
    true,
    true,
    false,
    true,
    false,
    true,
  ]);
  assert.ok(limit.take("b", 1400));
});
