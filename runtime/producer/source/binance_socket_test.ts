import assert from "node:assert/strict";
import { memoryExchange, until } from "../../exchange/server/testing/stream_client.ts";
import { BinanceSocket } from "./binance_socket.ts";

Deno.test("a process that was held up itself does not call its connection silent; one that is silent it closes", async () => {
  const silenceMs = 1_000;
  await using exchange = await memoryExchange({ paused: true, pingIntervalMs: 100 });
  let frames = 0;
  const open = () =>
    new BinanceSocket(`${exchange.wsUrl}/ws/btcusdt@trade`, {
      onFrame: () => frames++,
      onOversized: () => {},
      maxFrameBytes: 1_000_000,
      connectTimeoutMs: 10_000,
      silenceMs,
    });
  const socket = open();
  await socket.opened;
  for (const end = performance.now() + 3 * silenceMs; performance.now() < end;);
  // Its timer is long due, and what came meanwhile is not read yet.
  socket.send(JSON.stringify({ id: 1, method: "LIST_SUBSCRIPTIONS" }));
  const ended = await Promise.race([socket.closed, until("an answer", () => frames > 0)]);
  assert.equal(ended, undefined);
  socket.close();
  await socket.closed;

  await using mute = await memoryExchange({ paused: true, pingIntervalMs: 600_000 });
  const silent = new BinanceSocket(`${mute.wsUrl}/ws/btcusdt@trade`, {
    onFrame: () => {},
    onOversized: () => {},
    maxFrameBytes: 1_000_000,
    connectTimeoutMs: 10_000,
    silenceMs,
  });
  assert.equal(await silent.closed, "silence");
});
