import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { CandlewireError } from "../error.ts";
import { epochMs } from "../market/epoch.ts";
import type { StoredAlert } from "../query/market_query.ts";
import { eventually } from "../tests/until.ts";
import { ORIGIN, T0 } from "./control_fixture.ts";
import { MemoryMarketQuery } from "./memory_market_query.ts";
import { MemoryModuleHost } from "./memory_module_host.ts";
import { Webhook, type WebhookOptions } from "./webhook.ts";

const SECRET = "a-secret-of-the-webhook";

type Received = { path: string; body: string; headers: Headers };

/** A receiver that answers as told, and the parts of a pipeline with alerts. */
async function setting(
  answer: (n: number) => Response | Promise<Response>,
  options: Partial<WebhookOptions> = {},
) {
  const received: Received[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    received.push({
      path: new URL(request.url).pathname,
      body: await request.text(),
      headers: request.headers,
    });
    return await answer(received.length);
  });
  const host = new MemoryModuleHost();
  host.add("consumer");
  const query = new MemoryMarketQuery(ORIGIN);
  const alerts = query.rows.alerts;
  const raise = (id: string, at: number) =>
    alerts.push({
      id,
      rule: "price-move",
      symbol: "ETHUSDT",
      message: id,
      raised_at: epochMs(at),
      evidence: {},
      delivered: false,
    });
  host.answer("consumer", "alerts.delivered", (given) => {
    const { id } = given as { id: string };
    alerts.find((alert: StoredAlert) => alert.id === id)!.delivered = true;
  });
  const logs: string[] = [];
  const start = () =>
    new Webhook({
      url: `http://127.0.0.1:${server.addr.port}/hook`,
      secret: SECRET,
      intervalMs: 20,
      timeoutMs: 10_000,
      maxBackoffMs: 40,
      firstBackoffMs: 5,
      host,
      query,
      origin: ORIGIN,
      log: (level, message, fields) => void logs.push(`${level} ${message} ${JSON.stringify(fields)}`),
      nowMs: Date.now,
      ...options,
    });
  return { received, host, query, alerts, raise, logs, start, stop: () => server.shutdown() };
}

const pending = (alerts: StoredAlert[]) => alerts.filter((alert) => !alert.delivered).length;

Deno.test("alerts are posted oldest first, signed, with the origin (I8), once each", async () => {
  const s = await setting(() => new Response("ok"));
  s.raise("b", T0 + 2);
  s.raise("a", T0 + 1);
  const webhook = s.start();
  await eventually(() => pending(s.alerts) === 0, "both are delivered");
  s.raise("c", T0 + 3);
  webhook.wake();
  await eventually(() => pending(s.alerts) === 0, "the third is delivered");
  await webhook[Symbol.asyncDispose]();
  await s.stop();
  assert.deepEqual(s.received.map((one) => JSON.parse(one.body).alert.id), ["a", "b", "c"]);
  for (const { body, headers } of s.received) {
    const [, time, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(headers.get("candlewire-signature")!)!;
    assert.equal(signature, createHmac("sha256", SECRET).update(`${time}.${body}`).digest("hex"));
    assert.deepEqual([JSON.parse(body).origin, JSON.parse(body).simulated], [ORIGIN, true]);
    assert.equal(headers.get("candlewire-simulated"), "true");
  }
  assert.ok(!s.logs.join().includes(SECRET));
});

Deno.test("a receiver that fails, hangs or redirects and then recovers gets every alert", async () => {
  let release = () => {};
  const faults = [
    () => new Response(null, { status: 500 }),
    () => new Response(null, { status: 302, headers: { location: "/elsewhere" } }),
    () => new Response(null, { status: 400 }),
    // Longer than the time-out, which every other answer must keep on a busy machine.
    () => new Promise<Response>((resolve) => release = () => resolve(new Response("late"))),
  ];
  const s = await setting((n) => faults[n - 1]?.() ?? new Response("ok"), { timeoutMs: 5_000 });
  for (let n = 0; n < 3; n++) s.raise(`alert-${n}`, T0 + n);
  const webhook = s.start();
  await eventually(() => pending(s.alerts) === 0, "all are delivered at last");
  release();
  assert.equal(webhook.figures.failed, 4);
  assert.equal(webhook.figures.delivered, 3);
  await webhook[Symbol.asyncDispose]();
  await s.stop();
  assert.deepEqual(
    s.received.map((one) => one.headers.get("candlewire-delivery")),
    ["alert-0", "alert-0", "alert-0", "alert-0", "alert-0", "alert-1", "alert-2"],
  );
  // An alert goes to who was configured, to nobody else.
  assert.ok(s.received.every((one) => one.path === "/hook"));
  // The log tells of the trouble and its end, without a line for each attempt.
  assert.equal(s.logs.filter((line) => line.startsWith("warn")).length, 3);
  assert.equal(s.logs.filter((line) => line.startsWith("info")).length, 1);
});

Deno.test("a receiver that is not there keeps nothing else waiting and loses nothing", async () => {
  const s = await setting(() => new Response("ok"));
  const webhook = s.start();
  await s.stop();
  s.raise("a", T0);
  await eventually(() => webhook.figures.failed >= 2, "it has tried twice");
  assert.equal(pending(s.alerts), 1);
  await webhook[Symbol.asyncDispose]();
});

Deno.test("delivered but not marked: not posted again while the consumer is down, marked when it is back", async () => {
  const s = await setting(() => new Response("ok"));
  s.raise("a", T0);
  let down = true;
  s.host.answer("consumer", "alerts.delivered", () => {
    if (down) throw new CandlewireError("host.unreachable", "Call consumer", { retry: "retry" });
    s.alerts[0]!.delivered = true;
  });
  const webhook = s.start();
  await eventually(() => webhook.figures.failed >= 3, "marking has failed three times");
  down = false;
  await eventually(() => pending(s.alerts) === 0, "it is marked");
  await webhook[Symbol.asyncDispose]();
  await s.stop();
  assert.equal(s.received.length, 1);
});

Deno.test("stopping does not wait for a receiver that hangs", async () => {
  let release = () => {};
  const s = await setting(() => new Promise((resolve) => release = () => resolve(new Response())), {
    timeoutMs: 60_000,
  });
  s.raise("a", T0);
  const webhook = s.start();
  await eventually(() => s.received.length === 1, "the receiver has it");
  await webhook[Symbol.asyncDispose]();
  release();
  await s.stop();
});
