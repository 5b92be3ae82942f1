import assert from "node:assert/strict";
import { steadyClock } from "./epoch.ts";

Deno.test("steadyClock() goes on while the wall clock is set back, and follows it forward", async () => {
  const wall = Date.now;
  try {
    const at = wall();
    const before = steadyClock();
    assert.ok(before >= at - 1 && before <= wall() + 1);
    Date.now = () => wall() - 3_600_000;
    assert.ok(steadyClock() >= before);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const later = steadyClock();
    assert.ok(later >= before + 19 && later < before + 10_000, `${later - before} ms later`);
    Date.now = () => wall() + 1_000;
    const least = wall() + 999;
    assert.ok(steadyClock() >= least);
  } finally {
    Date.now = wall;
  }
});
