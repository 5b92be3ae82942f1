import assert from "node:assert/strict";
import { epochMs } from "../../../market/epoch.ts";
import type { Candle } from "../../market.ts";
import { call, memoryExchange, StreamClient } from "../testing/stream_client.ts";

const START = 1_700_000_000_000;
const FROZEN = { paused: true, speed: "max" } as const;

/** The field names of each stream, in order, as web-socket-streams.md lists them. */
const FIELDS: Record<string, string> = {
  "btcusdt@trade": "e,E,s,t,p,q,T,m,M",
  "btcusdt@aggTrade": "e,E,s,a,p,q,f,l,T,m,M",
  "btcusdt@kline_1s": "e,E,s,k",
  "btcusdt@kline_1m": "e,E,s,k",
  "btcusdt@miniTicker": "e,E,s,c,o,h,l,v,q",
  "btcusdt@ticker": "e,E,s,p,P,w,x,c,Q,b,B,a,A,o,h,l,v,q,O,C,F,L,n",
  "btcusdt@ticker_1h": "e,E,s,p,P,o,h,l,c,w,v,q,O,C,F,L,n",
  "btcusdt@ticker_4h": "e,E,s,p,P,o,h,l,c,w,v,q,O,C,F,L,n",
  "btcusdt@ticker_1d": "e,E,s,p,P,o,h,l,c,w,v,q,O,C,F,L,n",
  "btcusdt@bookTicker": "u,s,b,B,a,A",
  "btcusdt@avgPrice": "e,E,s,i,w,T",
  "btcusdt@depth": "e,E,s,U,u,b,a",
  "btcusdt@depth@100ms": "e,E,s,U,u,b,a",
  "btcusdt@depth5": "lastUpdateId,bids,asks",
  "btcusdt@depth20@100ms": "lastUpdateId,bids,asks",
  "!miniTicker@arr": "e,E,s,c,o,h,l,v,q",
  "!ticker_1h@arr": "e,E,s,p,P,o,h,l,c,w,v,q,O,C,F,L,n",
  "!ticker_1d@arr": "e,E,s,p,P,o,h,l,c,w,v,q,O,C,F,L,n",
};

/** Virtual milliseconds between two frames of a busy market; 0 for those sent as things happen. */
const CADENCE: Record<string, number> = {
  "btcusdt@kline_1m": 2000,
  "btcusdt@miniTicker": 1000,
  "btcusdt@ticker": 1000,
  "btcusdt@ticker_1d": 1000,
  "btcusdt@avgPrice": 1000,
  "btcusdt@depth": 1000,
  "btcusdt@depth@100ms": 100,
  "!miniTicker@arr": 1000,
  "!ticker_1d@arr": 1000,
};

Deno.test("every stream has Binance's fields, in its order and at its cadence in virtual time", async () => {
  await using exchange = await memoryExchange(FROZEN);
  const names = Object.keys(FIELDS);
  await using client = await StreamClient.open(`${exchange.wsUrl}/stream?streams=${names.join("/")}`);
  await call(exchange, "/admin/run", { body: { untilTime: START + 10_000 } });
  await client.take("kline frames", 5, (frame) => frame.stream === "btcusdt@kline_1m");
  await client.take(
    "last trade",
    1,
    (frame) => frame.stream === "btcusdt@trade" && frame.data.T >= START + 9900,
  );
  const byStream = Map.groupBy(client.json(), (frame) => frame.stream);
  for (const name of names) {
    const frames = (byStream.get(name) ?? []).map((frame) => frame.data);
    assert.ok(frames.length >= 5, `${name} has ${frames.length} frames`);
    for (const frame of frames) {
      const one = Array.isArray(frame) ? frame[0] : frame;
      assert.equal(Object.keys(one).join(), FIELDS[name], name);
      if (one.k !== undefined) assert.equal(Object.keys(one.k).join(), "t,T,s,i,f,L,o,c,h,l,v,n,x,q,V,Q,B");
    }
    const step = CADENCE[name];
    if (step === undefined) continue;
    const times = frames.map((frame) => (Array.isArray(frame) ? frame[0] : frame).E);
    for (let i = 1; i < times.length; i++) {
      assert.equal(times[i] - times[i - 1], step, `${name} at ${times[i]}`);
    }
    assert.equal(times[0] % step, 0, name);
  }
});

Deno.test("I3: trades, aggregates and candles of the streams are the exchange's, each once", async () => {
  await using exchange = await memoryExchange(FROZEN, { tradeEveryMs: 25 });
  await using client = await StreamClient.open(
    `${exchange.wsUrl}/stream?streams=btcusdt@trade/btcusdt@aggTrade/btcusdt@kline_1s/btcusdt@kline_1m`,
  );
  await call(exchange, "/admin/run", { body: { untilTime: START + 130_000 } });
  const truth = exchange.market.trades("BTCUSDT", { fromId: 0, limit: Infinity });
  await client.take(
    "the last candle",
    1,
    ({ data }) => data.e === "kline" && data.k.i === "1s" && data.k.x && data.k.T === START + 129_999,
  );
  const trades = (await client.take("trades", truth.length, (frame) => frame.data.e === "trade"))
    .map((frame) => frame.data);
  assert.deepEqual(
    trades.map((each) => [each.t, each.p, each.q, each.T, each.m, each.E]),
    truth.map((each) => [each.tradeId, each.price, each.quantity, each.time, each.isBuyerMaker, each.time]),
  );
  const aggregates = client.json().map((frame) => frame.data).filter((each) => each.e === "aggTrade");
  assert.deepEqual(aggregates.map((each) => each.a), aggregates.map((_, index) => index + 1));
  assert.deepEqual(aggregates.flatMap((each) => [each.f, each.l]).slice(0, 1), [truth[0]!.tradeId]);
  for (let i = 1; i < aggregates.length; i++) assert.equal(aggregates[i].f, aggregates[i - 1].l + 1);
  for (const interval of ["1s", "1m"] as const) {
    const closed = client.json().map((frame) => frame.data).filter((each) =>
      each.e === "kline" && each.k.i === interval && each.k.x
    );
    const known = exchange.market.candles("BTCUSDT", interval, { from: epochMs(START - 60_000), limit: 1000 })
      .filter((candle) => candle.closeTime < START + 130_000);
    assert.deepEqual(closed.map((each) => each.k).map(candleText), known.map(candleOfTruth));
    for (const each of closed) assert.equal(each.E % 1000, 0);
    for (const each of closed.filter((each) => each.k.n > 0)) assert.equal(each.k.n, each.k.L - each.k.f + 1);
  }
});

// deno-lint-ignore no-explicit-any
const candleText = (k: any) => [k.t, k.T, k.o, k.h, k.l, k.c, k.v, k.q, k.n, k.V, k.Q, k.f, k.L].join();
const candleOfTruth = (c: Candle) =>
  [
    c.openTime,
    c.closeTime,
    c.open,
    c.high,
    c.low,
    c.close,
    c.volume,
    c.quoteVolume,
    c.trades,
    c.takerBuyVolume,
    c.takerBuyQuoteVolume,
    c.firstTradeId,
    c.lastTradeId,
  ].join();

for (const stream of ["btcusdt@depth@100ms", "btcusdt@depth"]) {
  Deno.test(`I4: a book kept by ${stream} and a snapshot is the exchange's`, async () => {
    await using exchange = await memoryExchange(FROZEN);
    await using client = await StreamClient.open(`${exchange.wsUrl}/ws/${stream}`);
    await call(exchange, "/admin/run", { body: { untilTime: START + 2050 } });
    const { body: snapshot } = await call(exchange, "/api/v3/depth?symbol=BTCUSDT&limit=5000");
    await call(exchange, "/admin/run", { body: { untilTime: START + 8050 } });
    await client.take("last diff", 1, (frame) => frame.E >= START + 8000);
    const sides = { b: new Map<string, string>(snapshot.bids), a: new Map<string, string>(snapshot.asks) };
    let id: number = snapshot.lastUpdateId;
    let previous: number | undefined;
    for (const diff of client.json()) {
      if (previous !== undefined) assert.equal(diff.U, previous + 1);
      previous = diff.u;
      if (diff.u <= id) continue;
      assert.ok(diff.U <= id + 1, `gap before ${diff.U}`);
      for (const side of ["b", "a"] as const) {
        for (const [price, quantity] of diff[side]) {
          if (Number(quantity) === 0) sides[side].delete(price);
          else sides[side].set(price, quantity);
        }
      }
      id = diff.u;
    }
    const { status, body: truth } = await call(exchange, `/admin/truth/book?symbol=BTCUSDT&updateId=${id}`);
    assert.equal(status, 200);
    assert.deepEqual([...sides.b].sort((x, y) => Number(y[0]) - Number(x[0])), truth.bids);
    assert.deepEqual([...sides.a].sort((x, y) => Number(x[0]) - Number(y[0])), truth.asks);
  });
}

Deno.test("the live dialogue: subscribe, list, unsubscribe, properties, errors", async () => {
  await using exchange = await memoryExchange({ ...FROZEN, clientMessagesPerSecond: 100 });
  await using client = await StreamClient.open(`${exchange.wsUrl}/ws`);
  const ask = async (message: unknown, id: unknown) => {
    client.send(message);
    return (await client.take(`answer ${id}`, 1, (frame) => frame.id === id))[0];
  };
  const subscribe = { method: "SUBSCRIBE", params: ["btcusdt@trade", "!ticker@arr", "nosuch@trade"], id: 1 };
  assert.deepEqual(await ask(subscribe, 1), { result: null, id: 1 });
  assert.deepEqual(await ask({ method: "LIST_SUBSCRIPTIONS", id: 2 }, 2), {
    result: ["btcusdt@trade", "!ticker@arr", "nosuch@trade"],
    id: 2,
  });
  assert.deepEqual(await ask({ method: "UNSUBSCRIBE", params: ["nosuch@trade"], id: "x" }, "x"), {
    result: null,
    id: "x",
  });
  assert.deepEqual(await ask({ method: "GET_PROPERTY", params: ["combined"], id: 3 }, 3), {
    result: false,
    id: 3,
  });
  assert.deepEqual(await ask({ method: "SET_PROPERTY", params: ["combined", true], id: 4 }, 4), {
    result: null,
    id: 4,
  });
  assert.equal((await ask({ method: "JUMP", params: [], id: 5 }, 5)).error.code, 2);
  client.send("{broken");
  assert.equal((await client.take("JSON error", 1, (frame) => frame.error?.code === 3)).length, 1);
  await call(exchange, "/admin/run", { body: { untilTrades: 5 } });
  const [frame] = await client.take("combined trades", 1, (each) => each.stream === "btcusdt@trade");
  assert.equal(frame.data.e, "trade");
});

Deno.test("raw and combined, milliseconds and microseconds, ASCII and UTF-8, side by side", async () => {
  await using exchange = await memoryExchange(FROZEN, { symbols: ["BTCUSDT", "币安人生USDT"] });
  const name = encodeURIComponent("币安人生usdt@trade");
  await using raw = await StreamClient.open(`${exchange.wsUrl}/ws/${name}`);
  await using micro = await StreamClient.open(`${exchange.wsUrl}/ws/${name}?timeUnit=MICROSECOND`);
  await using combined = await StreamClient.open(
    `${exchange.wsUrl}/stream?streams=${name}&timeUnit=microsecond`,
  );
  await call(exchange, "/admin/run", { body: { untilTrades: 20 } });
  const [first] = await raw.take("trade", 1, () => true);
  const [inMicros] = await micro.take("trade", 1, () => true);
  const [wrapped] = await combined.take("trade", 1, () => true);
  assert.equal(first.s, "币安人生USDT");
  assert.deepEqual(inMicros, { ...first, E: first.E * 1000, T: first.T * 1000 });
  assert.deepEqual(wrapped, { stream: "币安人生usdt@trade", data: inMicros });
});

Deno.test("what a recording leaves open still goes out when it ends", async () => {
  await using exchange = await memoryExchange(FROZEN, { end: START + 1500 });
  await using client = await StreamClient.open(
    `${exchange.wsUrl}/stream?streams=btcusdt@depth/btcusdt@kline_1s`,
  );
  const { body: state } = await call(exchange, "/admin/run", { body: { untilTrades: 1e9 } });
  assert.equal(state.ended, true);
  const diffs = await client.take("diffs", 2, (frame) => frame.stream === "btcusdt@depth");
  assert.equal(diffs[diffs.length - 1].data.u, exchange.market.book("BTCUSDT", 1)!.lastUpdateId);
});

Deno.test("at 1× events leave at their time, with their virtual time as event time", async () => {
  await using exchange = await memoryExchange({ speed: 1 });
  await using client = await StreamClient.open(`${exchange.wsUrl}/ws/btcusdt@trade`);
  await client.take("trades", 30, () => true);
  const { body: emissions } = await call(exchange, "/admin/emissions?symbol=BTCUSDT");
  const times = new Map(
    exchange.market.trades("BTCUSDT", { fromId: 0, limit: Infinity }).map((e) => [e.tradeId, e.time]),
  );
  assert.ok(emissions.length >= 30);
  for (let i = 1; i < emissions.length; i++) {
    assert.equal(emissions[i].tradeId, emissions[i - 1].tradeId + 1);
    assert.ok(emissions[i].sentAt >= emissions[i - 1].sentAt);
  }
  for (const frame of client.json()) {
    assert.deepEqual([frame.E, frame.T], [times.get(frame.t), times.get(frame.t)]);
  }
});
