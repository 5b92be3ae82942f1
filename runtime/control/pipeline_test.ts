import assert from "node:assert/strict";
import { fixture, ORIGIN, VIEWER } from "./control_fixture.ts";
import { STAGES } from "./pipeline.ts";

type Stage = Record<string, unknown> & { id: string; state: string; detail: string };

async function pipelineOf(f: ReturnType<typeof fixture>) {
  const document = await (await f.request("/api/v1/pipeline", { token: VIEWER })).json();
  const stage = (id: string): Stage => document.stages.find((one: Stage) => one.id === id);
  return { document, stage };
}

Deno.test("every stage in the data's order, with rates, lag and totals", async () => {
  let now = Date.now();
  const f = fixture({
    nowMs: () => now,
    probes: {
      source: () => Promise.resolve({ state: "running", detail: "20 symbols" }),
      postgres: () => Promise.resolve({ state: "running", detail: "18.4", rssBytes: 7 }),
      disk: () => Promise.resolve({ journal: 5 }),
    },
  });
  await f.tick();
  now += 1_000;
  const producer = f.host.module("producer")!;
  producer.metrics = {
    'candlewire_frames_total{stream="trade"}': 350,
    'candlewire_rows_written_total{table="klines"}': 40,
    candlewire_source_lag_seconds: 0.25,
  };
  await f.tick();
  const { document, stage } = await pipelineOf(f);
  assert.deepEqual(document.stages.map((one: Stage) => one.id), [...STAGES]);
  assert.deepEqual(document.edges.length, STAGES.length - 1);
  assert.equal(document.simulated, true);
  assert.deepEqual(document.origin, ORIGIN);
  const source = stage("source");
  assert.deepEqual(
    [source.title, source.state, source.detail, source.rate, source.total, source.lag],
    ["Exchange", "running", "20 symbols", 250, 350, { value: 0.25, unit: "seconds" }],
  );
  assert.deepEqual([stage("producer").rate, stage("producer").module], [40, "producer"]);
  assert.deepEqual([stage("postgres").state, stage("postgres").rssBytes], ["running", 7]);
  assert.deepEqual([stage("journal").state, stage("journal").total], ["running", 100]);
  assert.deepEqual(stage("consumer").lag, { value: 3, unit: "records" });
  assert.deepEqual(document.edges[0], { from: "source", to: "producer", rate: 250, unit: "frames" });
  assert.deepEqual(document.diskBytes, { journal: 5 });
  await f.close();
});

Deno.test("the truth about what is broken (I7)", async () => {
  const f = fixture({
    probes: {
      postgres: () => Promise.reject(new Error("connection refused")),
      // Never answers: the picture must come all the same.
      source: () => new Promise(() => {}),
    },
    settings: { callTimeoutMs: 50 },
  });
  f.host.add("consumer", {
    state: "failed",
    detail: "The restart budget is used up",
    lastExit: { at: 0 as never, code: 1, signal: null, cause: "out of memory" },
  });
  f.host.add("capture", { kind: "capture", state: "stopped" });
  f.host.add("my-transform", { kind: "transform", state: "awaiting_approval" });
  await f.tick();
  const { document, stage } = await pipelineOf(f);
  assert.deepEqual([stage("consumer").state, stage("consumer").detail], [
    "failed",
    "The restart budget is used up: out of memory",
  ]);
  assert.equal(stage("capture").state, "stopped");
  assert.equal(stage("transforms").state, "blocked");
  assert.deepEqual([stage("postgres").state, stage("postgres").detail], [
    "failed",
    "Error: connection refused",
  ]);
  assert.equal(stage("source").state, "unknown");
  assert.equal(stage("journal").state, "unknown");
  assert.equal(document.ready, false);
  assert.ok(document.notReady.some((one: string) => one.startsWith("module.consumer")));
  await f.close();
});

Deno.test("modules leave buckets and numbers that are none out", async () => {
  const f = fixture();
  f.host.add("consumer", { metrics: { 'a_bucket{le="1"}': 1, a_count: 1, b: NaN } });
  const { module } = await (await f.request("/api/v1/modules/consumer", { token: VIEWER })).json();
  assert.deepEqual(module.metrics, { a_count: 1 });
  await f.close();
});

Deno.test("in the cluster profile, Debezium is the capture and Kafka the log, and readiness waits for both", async () => {
  let state: "running" | "failed" = "running";
  let now = Date.now();
  let high = 100;
  const waiting: Record<string, string> = {};
  const f = fixture({
    nowMs: () => now,
    profile: "cluster",
    required: ["producer", "consumer"],
    probes: {
      capture: () =>
        Promise.resolve({ state, detail: state === "failed" ? "Task 0: slot is gone" : "1 task" }),
      journal: () =>
        Promise.resolve({ topics: [{ topic: "binance.public.klines", partition: 0, low: 0, high }] }),
      waiting: () => waiting,
    },
  });
  const turn = async () => {
    now += 1_000;
    high += 50;
    for (const module of f.host.modules()) module.lastHeartbeatAt = now as never;
    await f.tick();
    // A look is never waited for by the tick that starts it.
    await new Promise((resolve) => setTimeout(resolve));
  };
  for (let i = 0; i < 5; i++) await turn();
  const { document, stage } = await pipelineOf(f);
  assert.deepEqual([stage("capture").title, stage("capture").state, stage("capture").rate], [
    "Debezium",
    "running",
    50,
  ]);
  assert.deepEqual([stage("journal").title, stage("journal").rate, stage("store").title], [
    "Kafka",
    50,
    "Cassandra",
  ]);
  assert.deepEqual(document.notReady, []);
  state = "failed";
  waiting["lease.producer"] = "Another host holds it: host-2";
  await turn();
  const later = await pipelineOf(f);
  assert.equal(later.stage("capture").state, "failed");
  assert.deepEqual(later.document.notReady, [
    "capture: failed: Task 0: slot is gone",
    "lease.producer: Another host holds it: host-2",
  ]);
  await f.close();
});
