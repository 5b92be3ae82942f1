import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import net from "node:net";
import { call, memoryExchange, StreamClient, until } from "../testing/stream_client.ts";

/** A client that speaks no WebSocket beyond the handshake: never pongs, and reads only when told to. */
async function mute(exchange: { port: number }, path: string, options: { read?: boolean } = {}) {
  const socket = net.connect(exchange.port, "127.0.0.1");
  const state = { closed: false, all: [] as Uint8Array[], head: "" };
  socket.on("close", () => state.closed = true);
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => {
    state.all.push(chunk);
    if (state.head.length < 4096) state.head += chunk.toString("latin1");
  });
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
  );
  await until("the handshake", () => state.head.includes("\r\n\r\n"));
  if (options.read === false) socket.pause();
  return { socket, state, [Symbol.dispose]: () => void socket.destroy() };
}

Deno.test("the handshake is RFC 6455's own example", async () => {
  await using exchange = await memoryExchange({ paused: true });
  using client = await mute(exchange, "/ws");
  assert.match(client.state.head, /^HTTP\/1\.1 101 /);
  assert.match(client.state.head, /Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/);
});

Deno.test("pings come at their interval; who answers lives, who does not is disconnected", async () => {
  await using exchange = await memoryExchange({
    paused: true,
    pingIntervalMs: 50,
    pongTimeoutMs: 10_000,
    clientMessagesPerSecond: 1000,
  });
  await using polite = await StreamClient.open(`${exchange.wsUrl}/ws/btcusdt@trade`);
  using silent = await mute(exchange, "/ws/btcusdt@trade");
  await until("the silent one's end", () => silent.state.closed);
  assert.ok(silent.state.head.includes("\x89"), "no ping came");
  assert.equal(polite.closed, undefined);
  assert.equal((await call(exchange, "/admin/state")).body.closed["no pong"], 1);
});

Deno.test("a connection ends at its age limit", async () => {
  await using exchange = await memoryExchange({ paused: true, connectionLifeMs: 100 });
  await using client = await StreamClient.open(`${exchange.wsUrl}/ws/btcusdt@trade`);
  await until("the end", () => client.closed !== undefined);
  assert.equal(client.closed?.code, 1001);
});

Deno.test("a sixth message within a second disconnects with 1008", async () => {
  await using exchange = await memoryExchange({ paused: true });
  await using client = await StreamClient.open(`${exchange.wsUrl}/ws`);
  for (let id = 1; id <= 6; id++) client.send({ method: "LIST_SUBSCRIPTIONS", id });
  await until("the end", () => client.closed !== undefined);
  assert.deepEqual(client.closed, { code: 1008, reason: "Too many requests" });
  assert.equal(client.json().length, 5);
});

Deno.test("a connection may listen to 1,024 streams and not to one more", async () => {
  await using exchange = await memoryExchange({ paused: true });
  await using client = await StreamClient.open(`${exchange.wsUrl}/ws`);
  const names = Array.from({ length: 1024 }, (_, i) => `symbol${i}@trade`);
  client.send({ method: "SUBSCRIBE", params: names, id: 1 });
  client.send({ method: "SUBSCRIBE", params: ["one@trade"], id: 2 });
  const answers = await client.take("answers", 2, () => true);
  assert.deepEqual(answers[0], { result: null, id: 1 });
  assert.equal(answers[1].error.code, 2);
});

Deno.test("connection attempts beyond the limit get 429, other refusals their status", async () => {
  await using exchange = await memoryExchange({ paused: true, connectionAttempts: 2 });
  using first = await mute(exchange, "/ws");
  using wrongUnit = await mute(exchange, "/ws/btcusdt@trade?timeUnit=DAYS");
  using third = await mute(exchange, "/ws");
  assert.match(first.state.head, /^HTTP\/1\.1 101 /);
  assert.match(wrongUnit.state.head, /^HTTP\/1\.1 400 /);
  assert.match(third.state.head, /^HTTP\/1\.1 429 [^]*"code":-1034/);
  await using other = await memoryExchange({ paused: true });
  using nowhere = await mute(other, "/elsewhere");
  assert.match(nowhere.state.head, /^HTTP\/1\.1 404 /);
});

Deno.test("bytes that are no WebSocket end the connection with 1002", async () => {
  await using exchange = await memoryExchange({ paused: true });
  using client = await mute(exchange, "/ws");
  client.socket.write(new Uint8Array([0x81, 0x01, 0x41]));
  await until("the end", () => client.state.closed);
  assert.ok(client.state.head.includes("\x03\xea"), "no close code 1002");
});

Deno.test("I10: at full speed the market waits for a slow socket, and nothing is lost", async () => {
  const streams = "btcusdt@trade/btcusdt@depth@100ms/btcusdt@bookTicker/ethusdt@trade";
  await using exchange = await memoryExchange({ speed: "max", pauseAtBytes: 65_536 }, { tradeEveryMs: 1 });
  using slow = await mute(exchange, `/stream?streams=${streams}`, { read: false });
  await until("the market to wait", async () => (await call(exchange, "/admin/state")).body.waits > 20);
  const { body: held } = await call(exchange, "/admin/state");
  const { body: later } = await call(exchange, "/admin/state");
  assert.equal(later.trades, held.trades);
  assert.ok(held.longestQueueBytes < 2_000_000, `${held.longestQueueBytes} bytes are queued`);
  assert.equal(slow.state.closed, false);
  slow.socket.resume();
  const { trades } = held;
  await until("the market to go on", async () => (await call(exchange, "/admin/state")).body.trades > trades);
  await call(exchange, "/admin/pause", { body: {} });
  const { first, last, count } = exchange.market.truth.tradeRange("BTCUSDT")!;
  const text = () => Buffer.concat(slow.state.all).toString("latin1");
  await until("the last trade", () => text().includes(`"s":"BTCUSDT","t":${last},`));
  const ids = [...text().matchAll(/"s":"BTCUSDT","t":(\d+)/g)].map((each) => Number(each[1]));
  assert.deepEqual(ids, Array.from({ length: count }, (_, index) => first + index));
});

Deno.test("I10: at 1× a socket that is too far behind is cut, and the others go on", async () => {
  await using exchange = await memoryExchange({ speed: 1, cutAtBytes: 65_536 }, { tradeEveryMs: 1 });
  using stuck = await mute(exchange, "/stream?streams=btcusdt@trade/ethusdt@trade", { read: false });
  await using other = await StreamClient.open(`${exchange.wsUrl}/ws/btcusdt@trade`);
  // The systems' own buffers fill first; a larger load is made by asking for bulk.
  await call(exchange, "/admin/faults", {
    body: { name: "garbage", kind: "oversized", bytes: 1_000_000, connection: 1 },
  });
  await until("the cut", async () => (await call(exchange, "/admin/state")).body.closed["too slow"] === 1);
  const count = other.frames.length;
  await until("frames of the other", () => other.frames.length > count + 10);
  assert.equal(other.closed, undefined);
  stuck.socket.destroy();
});

Deno.test("at full speed the market waits for its first subscriber", async () => {
  await using exchange = await memoryExchange({ speed: "max" });
  await call(exchange, "/admin/state");
  const { body } = await call(exchange, "/admin/state");
  assert.equal(body.trades, 0);
  await using client = await StreamClient.open(`${exchange.wsUrl}/ws/btcusdt@trade`);
  const [first] = await client.take("trade", 1, () => true);
  assert.equal(first.t, exchange.market.truth.tradeRange("BTCUSDT")!.first);
});
