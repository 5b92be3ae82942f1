import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../tests/seed.ts";
import { RestartBudget } from "./restart_budget.ts";

const seed = testSeed("restart_budget");

Deno.test("no window holds more restarts than the budget, and the budget comes back (I10)", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 8 }),
      fc.integer({ min: 1_000, max: 100_000 }),
      fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 200 }),
      (limit, windowMs, steps) => {
        const budget = new RestartBudget(limit, windowMs);
        const restarts: number[] = [];
        let now = 0;
        for (const step of steps) {
          now += step;
          const decision = budget.decide(now);
          if (decision.kind !== "restart") {
            // What is promised for later holds then.
            if (decision.ms !== Infinity) assert.ok(decision.ms > 0);
            continue;
          }
          budget.restarted(now);
          restarts.push(now);
          assert.ok(restarts.filter((at) => now - at < windowMs).length <= limit);
        }
        assert.equal(budget.total, restarts.length);
        if (limit > 0) assert.equal(budget.decide(now + Math.max(windowMs, 30_000)).kind, "restart");
      },
    ),
    { seed },
  );
});

Deno.test("pauses double, and what is spent says when it comes back", () => {
  const budget = new RestartBudget(3, 60_000);
  assert.deepEqual(budget.decide(0), { kind: "restart" });
  budget.restarted(0);
  assert.deepEqual(budget.decide(400), { kind: "wait", ms: 600 });
  budget.restarted(1_000);
  assert.deepEqual(budget.decide(1_000), { kind: "wait", ms: 2_000 });
  budget.restarted(3_000);
  assert.deepEqual(budget.decide(10_000), { kind: "spent", ms: 50_000 });
  assert.deepEqual(budget.decide(60_000), { kind: "restart" });
  assert.deepEqual(new RestartBudget(0, 1_000).decide(0), { kind: "spent", ms: Infinity });
});
