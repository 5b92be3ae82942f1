import assert from "node:assert/strict";
import { call, memoryExchange, StreamClient, until } from "../testing/stream_client.ts";

const START = 1_700_000_000_000;
const FROZEN = { paused: true, speed: 1 } as const;

Deno.test("run stops at exactly so many trades of all symbols, and at a virtual time, and freezes", async () => {
  await using exchange = await memoryExchange(FROZEN);
  for (const untilTrades of [1, 50, 51, 500]) {
    const { body } = await call(exchange, "/admin/run", { body: { untilTrades } });
    const counts = ["BTCUSDT", "ETHUSDT"].map((symbol) =>
      exchange.market.truth.tradeRange(symbol)?.count ?? 0
    );
    assert.deepEqual([body.trades, counts[0]! + counts[1]!, body.paused], [untilTrades, untilTrades, true]);
  }
  const { body } = await call(exchange, "/admin/run", { body: { untilTime: START + 60_000 } });
  assert.deepEqual([body.now, body.paused], [START + 60_000, true]);
  const { body: later } = await call(exchange, "/admin/state");
  assert.deepEqual([later.now, later.trades, later.told], [body.now, body.trades, body.now]);
});

Deno.test("a run can be started without waiting, and a paused market resumed", async () => {
  await using exchange = await memoryExchange(FROZEN);
  const { status } = await call(exchange, "/admin/run", { body: { untilTrades: 2000, wait: false } });
  assert.equal(status, 202);
  await until("the end of the run", async () => {
    const { body } = await call(exchange, "/admin/state");
    return body.trades === 2000 && body.paused;
  });
  await call(exchange, "/admin/speed", { body: { speed: 20 } });
  await call(exchange, "/admin/resume", { body: {} });
  await until("time to pass", async () => (await call(exchange, "/admin/state")).body.trades > 2000);
  const { body: paused } = await call(exchange, "/admin/pause", { body: {} });
  assert.deepEqual([paused.speed, paused.paused], [20, true]);
});

Deno.test("the truth: trades, range, candles, books, what is missing, origin", async () => {
  await using exchange = await memoryExchange(FROZEN);
  const { market } = exchange;
  await call(exchange, "/admin/run", { body: { untilTime: START + 90_050 } });
  const get = async (path: string) => (await call(exchange, `/admin/${path}`)).body;
  assert.deepEqual(await get("origin"), market.origin);
  assert.deepEqual(await get("truth/range?symbol=BTCUSDT"), market.truth.tradeRange("BTCUSDT"));
  const trades = await get("truth/trades?symbol=BTCUSDT&fromId=500&limit=2500");
  assert.equal(trades.length, 2500);
  assert.deepEqual(trades, market.trades("BTCUSDT", { fromId: 500, limit: 2500 }));
  const candles = await get(
    `truth/candles?symbol=BTCUSDT&interval=1m&from=${START - 60_000}&to=${START + 90_000}`,
  );
  assert.ok(candles.length >= 2 && candles[0].closed);
  const book = await get("truth/book?symbol=BTCUSDT");
  assert.deepEqual(book, market.book("BTCUSDT", 5000));
  assert.deepEqual(await get("truth/missing?symbol=BTCUSDT"), []);
  assert.equal((await get("truth/ticker?symbol=BTCUSDT")).trades, market.truth.tradeRange("BTCUSDT")!.count);
  const best = await get("truth/book-ticker?symbol=BTCUSDT");
  assert.deepEqual(await get(`truth/book-ticker?symbol=BTCUSDT&updateId=${best.updateId}`), best);
});

Deno.test("what the admin path does not understand is refused with a reason", async () => {
  await using exchange = await memoryExchange(FROZEN);
  const refused: [string, number, unknown?][] = [
    ["/admin/nothing", 404],
    ["/admin/truth/range?symbol=XRPUSDT", 404],
    ["/admin/truth/range", 400],
    ["/admin/truth/trades?symbol=BTCUSDT&fromId=-1", 400],
    ["/admin/truth/candles?symbol=BTCUSDT&interval=2m", 400],
    ["/admin/truth/book?symbol=BTCUSDT&updateId=7", 404],
    ["/admin/speed", 400, { speed: -1 }],
    ["/admin/speed", 400, { speed: "fast" }],
    ["/admin/run", 400, {}],
    ["/admin/run", 400, { untilTrades: 1, more: 2 }],
  ];
  for (const [path, status, body] of refused) {
    const answer = await call(exchange, path, body === undefined ? {} : { body });
    assert.equal(answer.status, status, path);
    assert.ok(typeof answer.body.error === "string" && answer.body.error.length > 5, path);
  }
  const response = await fetch(`${exchange.url}/admin/speed`, { method: "POST", body: "{" });
  assert.deepEqual([response.status, await response.json()], [400, { error: "The body is no JSON" }]);
  const page = await call(exchange, "/admin/state", { headers: { Origin: "http://evil.example" } });
  assert.equal(page.status, 403);
});

Deno.test("emissions tell when each trade frame was first sent, and the ring is bounded", async () => {
  await using exchange = await memoryExchange({ ...FROZEN, emissions: 100 });
  await call(exchange, "/admin/run", { body: { untilTrades: 50 } });
  assert.deepEqual((await call(exchange, "/admin/emissions?symbol=BTCUSDT")).body, []);
  await using client = await StreamClient.open(
    `${exchange.wsUrl}/stream?streams=btcusdt@trade/ethusdt@trade`,
  );
  const before = performance.timeOrigin + performance.now();
  await call(exchange, "/admin/run", { body: { untilTrades: 1050 } });
  const { body: btc } = await call(exchange, "/admin/emissions?symbol=BTCUSDT");
  const { body: eth } = await call(exchange, "/admin/emissions?symbol=ETHUSDT");
  assert.equal(btc.length + eth.length, 100);
  assert.equal(btc.at(-1).tradeId, exchange.market.truth.tradeRange("BTCUSDT")!.last);
  for (const each of btc) assert.ok(each.sentAt >= before - 1);
  const { body: some } = await call(
    exchange,
    `/admin/emissions?symbol=BTCUSDT&fromId=${btc[10].tradeId}&limit=3`,
  );
  assert.deepEqual(some, btc.slice(10, 13));
  await client.take("trades", 500, () => true);
});

/** An address of this machine that is not loopback, when it has one. */
const outward = Deno.networkInterfaces().find((each) =>
  each.family === "IPv4" && !each.address.startsWith("127.")
);

Deno.test({
  name: `the admin path answers on loopback only${
    outward === undefined ? " (skipped: no other address here)" : ""
  }`,
  ignore: outward === undefined,
  async fn() {
    await using exchange = await memoryExchange({ ...FROZEN, host: "0.0.0.0" });
    const url = `http://${outward!.address}:${exchange.port}`;
    assert.equal((await call({ url }, "/admin/state")).status, 403);
    assert.equal((await call({ url }, "/api/v3/ping")).status, 200);
    assert.equal((await call({ url: `http://127.0.0.1:${exchange.port}` }, "/admin/state")).status, 200);
  },
});
