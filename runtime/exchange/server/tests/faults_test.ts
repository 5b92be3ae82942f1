import assert from "node:assert/strict";
import { faultRequest, matches } from "../faults/fault.ts";
import { call, memoryExchange, StreamClient, until } from "../testing/stream_client.ts";

const FROZEN = { paused: true, speed: "max", clientMessagesPerSecond: 1000 } as const;
const STREAM = "btcusdt@trade";

type Exchange = Awaited<ReturnType<typeof memoryExchange>>;

async function order(exchange: Exchange, fault: unknown) {
  const { status, body } = await call(exchange, "/admin/faults", { body: fault });
  assert.equal(status, 201, JSON.stringify(body));
  return body;
}

/** Trade ids that a client gets from a hundred trades (of two symbols) under a fault. */
async function idsUnder(fault: unknown): Promise<{ ids: number[]; truth: number[]; struck: number }> {
  await using exchange = await memoryExchange(FROZEN);
  await using client = await StreamClient.open(`${exchange.wsUrl}/ws/${STREAM}`);
  const { id } = await order(exchange, fault);
  await call(exchange, "/admin/run", { body: { untilTrades: 100 } });
  const struck = async () =>
    (await call(exchange, "/admin/faults")).body.faults.find((each: { id: number }) => each.id === id).struck;
  const count = await struck();
  await call(exchange, "/admin/faults", { method: "DELETE" });
  // The next trade tells that everything before it has come.
  const from = exchange.market.truth.tradeRange("BTCUSDT")!;
  await call(exchange, "/admin/run", { body: { untilTrades: 110 } });
  const end = exchange.market.truth.tradeRange("BTCUSDT")!;
  await client.take("later trades", 1, (frame) => frame.t === end.last);
  const truth = Array.from({ length: from.count }, (_, index) => from.first + index);
  return {
    ids: client.json().map((each) => each.t).filter((each) => each <= from.last),
    truth,
    struck: count,
  };
}

Deno.test("drop: so many frames are missing, the rest in order", async () => {
  const { ids, truth, struck } = await idsUnder({ name: "drop", stream: "btcusdt@*", count: 3 });
  assert.equal(struck, 3);
  assert.deepEqual(ids, truth.slice(3));
});

Deno.test("drop by chance: the same seed drops the same frames", async () => {
  const fault = { name: "drop", probability: 0.3, seed: 42 };
  const [first, second] = [await idsUnder(fault), await idsUnder(fault)];
  assert.ok(first.struck > 0 && first.ids.length < first.truth.length);
  assert.deepEqual(first.ids, second.ids);
});

Deno.test("duplicate: frames come more than once", async () => {
  const { ids, truth } = await idsUnder({ name: "duplicate", copies: 2, count: 2 });
  assert.deepEqual(ids.slice(0, 7), [truth[0], truth[0], truth[0], truth[1], truth[1], truth[1], truth[2]]);
});

Deno.test("reorder: frames change places and none is missing", async () => {
  const { ids, truth } = await idsUnder({ name: "reorder", by: 2, count: 1 });
  assert.deepEqual(ids.slice(0, 4), [truth[1], truth[2], truth[0], truth[3]]);
  assert.deepEqual([...ids].sort((a, b) => a - b), truth);
});

Deno.test("a fault on another stream changes nothing", async () => {
  const { ids, truth, struck } = await idsUnder({ name: "drop", stream: "ethusdt@trade" });
  assert.equal(struck, 0);
  assert.deepEqual(ids, truth);
});

Deno.test("delay: frames come late, and come", async () => {
  await using exchange = await memoryExchange(FROZEN);
  await using client = await StreamClient.open(`${exchange.wsUrl}/ws/${STREAM}`);
  await order(exchange, { name: "delay", ms: 150, count: 1 });
  await call(exchange, "/admin/run", { body: { untilTrades: 20 } });
  const { first, last } = exchange.market.truth.tradeRange("BTCUSDT")!;
  await client.take("trades", 1, (frame) => frame.t === last);
  await client.take("the late trade", 1, (frame) => frame.t === first);
  assert.equal(client.json().at(-1).t, first);
});

for (
  const kind of ["malformed", "truncated", "oversized", "unknown", "binary", "notJson", "outOfRange"] as const
) {
  Deno.test(`garbage, ${kind}: a spoiled frame beside the good ones`, async () => {
    await using exchange = await memoryExchange(FROZEN);
    await using client = await StreamClient.open(`${exchange.wsUrl}/ws/${STREAM}`);
    await order(exchange, { name: "garbage", kind, count: 1 });
    await call(exchange, "/admin/run", { body: { untilTrades: 20 } });
    const { count } = exchange.market.truth.tradeRange("BTCUSDT")!;
    await until("all frames", () => client.frames.length === count + 1);
    const spoiled = client.frames[0]!;
    if (kind === "oversized") assert.ok(spoiled.length > 2_000_000);
    if (["malformed", "truncated", "notJson"].includes(kind)) assert.throws(() => JSON.parse(spoiled));
    if (kind === "unknown") assert.equal(JSON.parse(spoiled).e, "mystery");
    if (kind === "outOfRange") assert.equal(JSON.parse(spoiled).t, -Infinity);
    for (const frame of client.frames.slice(1)) assert.equal(JSON.parse(frame).e, "trade");
  });
}

Deno.test("cut: the matching connection, now or after so many frames", async () => {
  await using exchange = await memoryExchange(FROZEN);
  await using doomed = await StreamClient.open(`${exchange.wsUrl}/ws/${STREAM}`);
  await using other = await StreamClient.open(`${exchange.wsUrl}/ws/ethusdt@trade`);
  await order(exchange, { name: "cut", stream: STREAM });
  await until("the cut", () => doomed.closed !== undefined);
  assert.equal(other.closed, undefined);
  await using later = await StreamClient.open(`${exchange.wsUrl}/ws/${STREAM}`);
  await order(exchange, { name: "cut", stream: STREAM, afterFrames: 6 });
  await call(exchange, "/admin/run", { body: { untilTrades: 100 } });
  await until("the later cut", () => later.closed !== undefined);
  assert.ok(later.frames.length <= 5, `${later.frames.length} frames`);
});

Deno.test("cutAfter and serverShutdown: the end is said, in raw and in combined form", async () => {
  await using exchange = await memoryExchange(FROZEN);
  await using aged = await StreamClient.open(`${exchange.wsUrl}/ws/${STREAM}`);
  await order(exchange, { name: "cutAfter" });
  await until("the end", () => aged.closed !== undefined);
  assert.equal(aged.closed?.code, 1001);
  await using raw = await StreamClient.open(`${exchange.wsUrl}/ws/${STREAM}`);
  await using combined = await StreamClient.open(`${exchange.wsUrl}/stream?streams=${STREAM}`);
  await order(exchange, { name: "serverShutdown", graceMs: 50 });
  await until("both ends", () => raw.closed !== undefined && combined.closed !== undefined);
  assert.deepEqual(Object.keys(raw.json()[0]), ["e", "E"]);
  assert.equal(raw.json()[0].e, "serverShutdown");
  assert.equal(combined.json()[0].stream, "!serverShutdown");
});

Deno.test("stall: silence while it lasts, and the stream goes on after it", async () => {
  await using exchange = await memoryExchange(FROZEN);
  await using client = await StreamClient.open(`${exchange.wsUrl}/ws/${STREAM}`);
  const { id } = await order(exchange, { name: "stall", stream: STREAM });
  await call(exchange, "/admin/run", { body: { untilTrades: 50 } });
  const { last } = exchange.market.truth.tradeRange("BTCUSDT")!;
  await call(exchange, `/admin/faults?id=${id}`, { method: "DELETE" });
  await call(exchange, "/admin/run", { body: { untilTrades: 100 } });
  await client.take("trades", 1, () => true);
  assert.ok(client.json()[0].t > last);
});

Deno.test("skew: the told time is off, the order of things is not", async () => {
  await using exchange = await memoryExchange(FROZEN);
  await using client = await StreamClient.open(`${exchange.wsUrl}/ws/${STREAM}`);
  const before = (await call(exchange, "/api/v3/time")).body.serverTime;
  await order(exchange, { name: "skew", ms: -5000 });
  assert.equal((await call(exchange, "/api/v3/time")).body.serverTime, before - 5000);
  await call(exchange, "/admin/run", { body: { untilTrades: 10 } });
  const [frame] = await client.take("trade", 1, () => true);
  assert.equal(frame.E, frame.T - 5000);
  await call(exchange, "/admin/faults", { method: "DELETE" });
  assert.ok((await call(exchange, "/api/v3/time")).body.serverTime >= before);
});

Deno.test("http429, http418, http403, http451 and http5xx answer as Binance does, then end", async () => {
  await using exchange = await memoryExchange(FROZEN);
  const met = async (fault: unknown) => {
    await order(exchange, fault);
    const response = await fetch(`${exchange.url}/api/v3/time`);
    const text = await response.text();
    const after = await call(exchange, "/api/v3/time");
    assert.equal(after.status, 200);
    return { status: response.status, text, retryAfter: response.headers.get("retry-after") };
  };
  const slow = await met({ name: "http429", seconds: 7, count: 1 });
  assert.deepEqual([slow.status, slow.retryAfter, JSON.parse(slow.text).code], [429, "7", -1003]);
  const banned = await met({ name: "http418", seconds: 9, count: 1 });
  assert.deepEqual([banned.status, banned.retryAfter, JSON.parse(banned.text).code], [418, "9", -1003]);
  const firewall = await met({ name: "http403", count: 1 });
  assert.equal(firewall.status, 403);
  assert.match(firewall.text, /<html>/);
  const region = await met({ name: "http451", count: 1 });
  assert.equal(region.status, 451);
  assert.match(region.text, /restricted location/);
  assert.equal((await met({ name: "http5xx", status: 502, count: 1 })).status, 502);
});

Deno.test("a region block refuses WebSocket connections too", async () => {
  await using exchange = await memoryExchange(FROZEN);
  await order(exchange, { name: "http451" });
  await assert.rejects(StreamClient.open(`${exchange.wsUrl}/ws/${STREAM}`));
  await call(exchange, "/admin/faults", { method: "DELETE" });
  await using client = await StreamClient.open(`${exchange.wsUrl}/ws/${STREAM}`);
  assert.equal(client.closed, undefined);
});

Deno.test("httpTruncate: half a body and no more", async () => {
  await using exchange = await memoryExchange(FROZEN);
  await order(exchange, { name: "httpTruncate", count: 1 });
  await assert.rejects(call(exchange, "/api/v3/exchangeInfo"));
  assert.equal((await call(exchange, "/api/v3/exchangeInfo")).status, 200);
});

Deno.test("an order that is not understood names what is wrong", async () => {
  await using exchange = await memoryExchange(FROZEN);
  for (
    const fault of [{ name: "explode" }, { name: "drop", probability: 2 }, { name: "drop", chance: 1 }, 7]
  ) {
    const { status, body } = await call(exchange, "/admin/faults", { body: fault });
    assert.equal(status, 400);
    assert.equal(typeof body.error, "string");
  }
  assert.deepEqual((await call(exchange, "/admin/faults")).body, { faults: [] });
});

Deno.test("patterns take any run of characters for *", () => {
  const table: [string, string, boolean][] = [
    ["*", "", true],
    ["btcusdt@*", "btcusdt@trade", true],
    ["*@trade", "btcusdt@trade", true],
    ["*@depth*", "btcusdt@depth@100ms", true],
    ["a*a", "a", false],
    ["a*b*c", "abc", true],
    ["a*b*c", "acb", false],
    ["btcusdt@trade", "btcusdt@trades", false],
  ];
  for (const [pattern, name, fits] of table) assert.equal(matches(pattern, name), fits, `${pattern} ${name}`);
  assert.equal(faultRequest.parse({ name: "drop" }).name, "drop");
});
