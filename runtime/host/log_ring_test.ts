import assert from "node:assert/strict";
import { epochMs } from "../market/epoch.ts";
import { LogRing } from "./log_ring.ts";

Deno.test("LogRing keeps the newest lines, numbered without a hole", () => {
  const ring = new LogRing("m", { maxLines: 10, maxPerSecond: 1_000_000 });
  for (let i = 1; i <= 25; i++) ring.add(epochMs(i), "info", `line ${i}`);
  const kept = ring.lines();
  assert.deepEqual([kept.length, kept[0]!.sequence, kept.at(-1)!.sequence], [10, 16, 25]);
  assert.deepEqual(ring.lines({ after: 20, limit: 2 }).map((line) => line.sequence), [24, 25]);
});

Deno.test("LogRing drops a flood, counts it and says so", () => {
  const ring = new LogRing("m", { maxLines: 100, maxPerSecond: 5 });
  for (let i = 0; i < 1000; i++) ring.add(epochMs(i), "info", "flood");
  assert.ok(ring.lines().length < 20);
  assert.ok(ring.dropped > 980);
});
