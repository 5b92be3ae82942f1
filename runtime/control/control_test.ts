import assert from "node:assert/strict";
import { connect } from "node:net";
import { eventually } from "../tests/until.ts";
import { controlConfig } from "./config.ts";
import { startControl } from "./control.ts";
import { fixture, OPERATOR, VIEWER } from "./control_fixture.ts";
import { SseReader } from "./sse_reader_fixture.ts";

async function started(options: Parameters<typeof fixture>[0] = {}) {
  const f = fixture(options);
  // Only its adapters are needed; the app is started anew with a socket.
  await f.close();
  const control = await startControl(f.given);
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${control.url}${path}`, {
      headers: { authorization: `Bearer ${VIEWER}`, ...headers },
      redirect: "manual",
    });
  return { ...f, control, get };
}

Deno.test("over a socket: the console, the login link, the API with its cookie", async () => {
  const { control, get } = await started();
  const login = await fetch(control.loginUrl, { redirect: "manual" });
  assert.equal(login.status, 303);
  await login.body?.cancel();
  const cookie = login.headers.get("set-cookie")!.split(";")[0]!;
  const modules = await fetch(`${control.url}/api/v1/modules`, { headers: { cookie } });
  assert.equal((await modules.json()).modules.length, 3);
  assert.ok(control.newLoginUrl() !== control.loginUrl);

  const script = await get("/vendor/lightweight-charts.js");
  assert.match(script.headers.get("content-type")!, /^text\/javascript/);
  assert.ok((await script.text()).includes("createChart"));
  const again = await get("/vendor/lightweight-charts.js", { "if-none-match": script.headers.get("etag")! });
  assert.equal(again.status, 304);
  await again.body?.cancel();
  const style = await get("/vendor/uplot.css?v=1");
  assert.match(style.headers.get("cache-control")!, /immutable/);
  await style.body?.cancel();
  await control.close();
});

Deno.test("over a socket: a change without content needs no content type", async () => {
  const { control, host } = await started();
  const { port } = new URL(control.url);
  // As curl sends `-X POST`: neither length nor type; and as fetch does, with a length of 0.
  const raw = (head: string, body = "") =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), "127.0.0.1");
      let answer = "";
      socket.on("data", (bytes) => answer += bytes).on("error", reject).on("close", () => resolve(answer));
      socket.write(
        `${head} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer ${OPERATOR}\r\n${body}`,
      );
    });
  assert.match(await raw("POST /api/v1/modules/capture/stop", "\r\n"), /^HTTP\/1.1 200 /);
  assert.equal(host.module("capture")!.state, "stopped");
  assert.match(
    await raw("POST /api/v1/modules/capture/start", "Content-Length: 0\r\n\r\n"),
    /^HTTP\/1.1 200 /,
  );
  assert.match(await raw("DELETE /api/v1/replays/none", "\r\n"), /^HTTP\/1.1 404 /);
  // What is missing is then named, not the type of nothing.
  assert.match(await raw("POST /api/v1/dead-letters/retry", "\r\n"), /^HTTP\/1.1 400 /);
  const chunked = "Transfer-Encoding: chunked\r\n\r\n";
  const retry = "POST /api/v1/dead-letters/retry";
  assert.match(await raw(retry, `${chunked}3\r\na=b\r\n0\r\n\r\n`), /^HTTP\/1.1 415 /);
  assert.match(await raw(retry, `${chunked}0\r\n\r\n`), /^HTTP\/1.1 400 /);
  await control.close();
});

Deno.test("over a socket: events arrive as they are published, and a closed page frees its place", async () => {
  const { control, get, host } = await started();
  const answer = await get("/api/v1/events?channels=modules,prices,pipeline&symbols=BTCUSDT");
  assert.match(answer.headers.get("content-type")!, /^text\/event-stream/);
  const reader = new SseReader(answer.body!);
  const snapshots = [await reader.json(), await reader.json(), await reader.json()];
  assert.deepEqual(snapshots.map((one) => `${one.event} ${one.kind}`), [
    "modules snapshot",
    "prices snapshot",
    "pipeline snapshot",
  ]);
  assert.equal(snapshots[1].data.rows[0].price, "61029.00000000");
  host.publish("prices", { symbol: "BTCUSDT", price: "70000", version: 1 });
  // I8: a transform's word is not the store's.
  host.add("evil", { kind: "transform" });
  host.publish("prices", { symbol: "BTCUSDT", price: "1", version: 2 }, "evil");
  await host.stop("capture");
  const seen = new Map<string, { data: Record<string, unknown> }>();
  while (!seen.has("modules") || !seen.has("prices") || !seen.has("pipeline")) {
    const event = await reader.json();
    seen.set(event.event, event);
  }
  assert.equal(seen.get("prices")!.data.price, "70000");
  assert.equal((seen.get("modules")!.data.event as { state: string }).state, "stopped");
  assert.equal(control.parts.hub.readers, 1);
  await reader.cancel();
  await eventually(() => control.parts.hub.readers === 0, "the place is free");
  await control.close();
});

Deno.test("over a socket: a page that stops reading costs a bounded queue, not the host", async () => {
  const { control, host } = await started({ settings: { maxReaderBytes: 65_536 } });
  const { port } = new URL(control.url);
  const socket = connect(Number(port), "127.0.0.1");
  socket.on("error", () => {});
  socket.write(
    `GET /api/v1/events?channels=trades HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${VIEWER}\r\n\r\n`,
  );
  socket.pause();
  await eventually(() => control.parts.hub.readers === 1, "the stream is open");
  const { figures } = control.parts.hub;
  const padding = "x".repeat(10_000);
  for (let n = 0; figures.dropped === 0 && n < 20_000; n++) {
    host.publish("trades", { symbol: "BTCUSDT", padding, n });
    // A turn for the server after each: who reads never falls behind, the socket's buffers must fill first.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assert.ok(figures.dropped > 0, "events are dropped at last");
  // Others are served meanwhile.
  assert.equal((await fetch(`${control.url}/healthz`).then((one) => one.json())).status, "ok");
  socket.destroy();
  await eventually(() => control.parts.hub.readers === 0, "the place is free");
  await control.close();
});

Deno.test("logs over a socket: kept lines, new ones, resume, a gap when the ring has moved on", async () => {
  const { control, get, host } = await started();
  for (let n = 1; n <= 5; n++) host.log("consumer", `line ${n}`, n === 3 ? "debug" : "info");
  const page =
    await (await get("/api/v1/modules/consumer/logs?limit=2&after=1", { accept: "application/json" })).json();
  assert.deepEqual([page.lines.map((one: { sequence: number }) => one.sequence), page.next], [[2, 3], 3]);

  const first = new SseReader((await get("/api/v1/modules/consumer/logs?limit=3&level=info")).body!);
  assert.deepEqual([(await first.json()).line.message, (await first.json()).line.message], [
    "line 4",
    "line 5",
  ]);
  host.log("capture", "of another");
  host.log("consumer", "line 6");
  const sixth = await first.json();
  assert.deepEqual([sixth.line.message, sixth.id, sixth.simulated], ["line 6", "6", true]);
  await first.cancel();

  for (let n = 7; n <= 100; n++) host.log("consumer", `line ${n}`);
  const second = new SseReader(
    (await get("/api/v1/modules/consumer/logs", { "last-event-id": "6" })).body!,
  );
  const gap = await second.json();
  assert.deepEqual([gap.event, gap.dropped, gap.reason], ["gap", 44, "too_old"]);
  assert.equal((await second.json()).line.sequence, 51);
  await second.cancel();
  await control.close();
});

Deno.test("a port in use names the port and --port", async () => {
  const { control, given } = await started();
  const port = Number(new URL(control.url).port);
  await assert.rejects(
    startControl({ ...given, listen: { hostname: "127.0.0.1", port } }),
    (error: Error & { code: string; hint: string }) =>
      error.code === "control.port_in_use" && error.message.includes(String(port)) &&
      error.hint.includes("--port"),
  );
  await control.close();
});

Deno.test("beyond loopback only with tokens that somebody chose", async () => {
  const { control, given } = await started();
  await control.close();
  const listen = { hostname: "0.0.0.0", port: 0 };
  await assert.rejects(startControl({ ...given, listen }), { code: "control.tokens_required" });
  const wide = await startControl({
    ...given,
    listen,
    tokens: { viewer: VIEWER, operator: OPERATOR, source: "configured" },
  });
  assert.equal((await fetch(`${wide.url}/healthz`).then((one) => one.json())).status, "ok");
  await wide.close();
});

Deno.test("an address that is not ours is refused with the remedy", async () => {
  const { control, given } = await started();
  await control.close();
  await assert.rejects(
    startControl({
      ...given,
      listen: { hostname: "192.0.2.1", port: 0 },
      tokens: { viewer: VIEWER, operator: OPERATOR, source: "configured" },
    }),
    { code: "control.listen_failed" },
  );
});

Deno.test("aborting closes the server and every stream", async () => {
  const stop = new AbortController();
  const { control, get } = await started({ signal: stop.signal });
  const reader = new SseReader((await get("/api/v1/events?channels=alerts")).body!);
  await reader.json();
  stop.abort();
  while (await reader.next() !== undefined);
  await control.close();
  await assert.rejects(fetch(`${control.url}/healthz`));
});

Deno.test("the configuration refuses unknown keys and bad values, and has a default for everything", () => {
  const defaults = controlConfig.parse({});
  assert.equal(defaults.webhook, undefined);
  for (
    const bad of [
      { maxReader: 1 },
      { maxReaders: 0 },
      { heartbeatMs: "15000" },
      { webhook: { url: "ftp://x", secret: "long-enough-secret" } },
      { webhook: { url: "https://example.org", secret: "short" } },
      { allowedOrigins: ["nonsense"] },
    ]
  ) {
    assert.equal(controlConfig.safeParse(bad).success, false, JSON.stringify(bad));
  }
});
