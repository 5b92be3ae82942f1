import assert from "node:assert/strict";
import { epochMs } from "../market/epoch.ts";
import { fixture } from "./control_fixture.ts";
import { LagWatch } from "./lag_watch.ts";

type F = ReturnType<typeof fixture>;

const FAULTS: [string, string, (f: F) => void][] = [
  ["a module stopped", "module.capture", (f) => f.host.add("capture", { kind: "capture", state: "stopped" })],
  [
    "a module backs off",
    "module.producer",
    (f) => f.host.add("producer", { kind: "producer", state: "backing_off" }),
  ],
  [
    "a module is degraded",
    "module.consumer",
    (f) => f.host.add("consumer", { health: "degraded", detail: "slow disk" }),
  ],
  [
    "a module hangs (I7)",
    "module.consumer",
    (f) => f.host.add("consumer", { lastHeartbeatAt: epochMs(Date.now() - 60_000) }),
  ],
  ["a module never spoke", "module.consumer", (f) => f.host.add("consumer", { lastHeartbeatAt: null })],
  ["the store is gone", "store", (f) => void (f.query.failure = new Error("unable to open database file"))],
];

for (const [name, check, fault] of FAULTS) {
  Deno.test(`not ready when ${name}`, async () => {
    const f = fixture();
    fault(f);
    const answer = await f.request("/readyz");
    const { status, checks } = await answer.json();
    assert.deepEqual([answer.status, status], [503, "not_ready"]);
    const failed = checks.filter((one: { ok: boolean }) => !one.ok).map((one: { name: string }) => one.name);
    assert.ok(failed.includes(check), failed.join());
    assert.ok(checks.every((one: { why: string }) => one.why !== ""));
    await f.close();
  });
}

Deno.test("a required module that does not exist is not ready; a transform that fails is no reason", async () => {
  const f = fixture({ required: ["producer", "archiver"] });
  f.host.add("my-transform", { kind: "transform", state: "failed" });
  const { checks } = await (await f.request("/readyz")).json();
  const failed = checks.filter((one: { ok: boolean }) => !one.ok);
  assert.deepEqual(failed, [{ name: "module.archiver", ok: false, why: "There is no such module" }]);
  await f.close();
});

Deno.test("a lag that grows without end is not ready; it is again once the lag falls", async () => {
  let now = Date.now();
  const f = fixture({ nowMs: () => now });
  const consumer = f.host.module("consumer")!;
  const step = async (lag: number) => {
    now += 1_000;
    for (const module of f.host.modules()) module.lastHeartbeatAt = epochMs(now);
    consumer.metrics = { candlewire_consumer_lag_records: lag };
    await f.tick();
  };
  for (let n = 0; n < 70; n++) await step(20_000 + n * 1_000);
  const growing = await f.request("/readyz");
  assert.equal(growing.status, 503);
  const { checks } = await growing.json();
  assert.ok(checks.some((one: { name: string; ok: boolean }) => one.name === "lag.consumer" && !one.ok));
  for (let n = 0; n < 30; n++) await step(90_000 - n * 3_000);
  assert.equal((await f.request("/readyz")).status, 200);
  await f.close();
});

Deno.test("lag watch: steady, bursty, falling and small lags do not grow", () => {
  const watched = (values: number[]) => {
    const watch = new LagWatch({ windowMs: 60_000, floor: 100 });
    values.forEach((value, n) => watch.sample(value, n * 1_000));
    return watch.growing() !== undefined;
  };
  const minutes = Array.from({ length: 120 }, (_, n) => n);
  assert.equal(watched(minutes.map((n) => 1_000 + n)), true);
  assert.equal(watched(minutes.map(() => 1_000)), false);
  assert.equal(watched(minutes.map((n) => (n % 20) * 1_000)), false);
  assert.equal(watched(minutes.map((n) => 1_000_000 - n * 1_000)), false);
  assert.equal(watched(minutes.map((n) => n / 2)), false);
  assert.equal(watched(minutes.slice(0, 30).map((n) => 1_000 * n)), false);
});
