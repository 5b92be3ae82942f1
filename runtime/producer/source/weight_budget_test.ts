import assert from "node:assert/strict";
import { backoffMs } from "./backoff.ts";
import { WeightBudget } from "./weight_budget.ts";

const signal = new AbortController().signal;

Deno.test("WeightBudget believes the server's count and waits for its minute", async () => {
  let now = 1_000;
  const budget = new WeightBudget(100, { share: 0.5, now: () => now });
  await budget.take(20, signal);
  budget.settle(20, 45);
  assert.equal(budget.used, 45, "others share the address");
  let taken = false;
  const waiting = budget.take(20, signal).then(() => taken = true);
  await Promise.resolve();
  assert.equal(taken, false);
  now += 60_000;
  await waiting;
  assert.equal(budget.used, 20);
});

Deno.test("WeightBudget refuses while the gate is closed, and opens it as the server said", async () => {
  let now = 0;
  const budget = new WeightBudget(100, { now: () => now });
  await budget.take(1, signal);
  budget.close(3_000);
  budget.settle(1, 5_000);
  await assert.rejects(() => budget.take(1, signal), { code: "source.rate_limited", retry: "retry" });
  now = 3_001;
  await budget.take(1, signal);
});

Deno.test("backoffMs() grows to its cap, with full jitter", () => {
  for (let attempt = 0; attempt < 100; attempt++) {
    const ms = backoffMs(attempt, { baseMs: 10, capMs: 500 });
    assert.ok(ms >= 0 && ms <= Math.min(500, 10 * 2 ** attempt));
  }
});
