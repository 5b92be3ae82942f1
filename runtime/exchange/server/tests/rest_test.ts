import assert from "node:assert/strict";
import { quoteQuantity } from "../rest/statistics.ts";
import { call, memoryExchange } from "../testing/stream_client.ts";

type TradeBody = Record<"id" | "price" | "qty" | "time" | "isBuyerMaker" | "quoteQty", unknown>;

const filled = (server = {}) =>
  memoryExchange({ paused: true, ...server }, {
    symbols: ["BTCUSDT", "ETHUSDT", "币安人生USDT"],
    historyMs: 65_000,
  });

Deno.test("every refusal has Binance's status and body", async () => {
  await using exchange = await filled();
  const refused: [string, number, number, string?][] = [
    ["/api/v3/depth", 400, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."],
    ["/api/v3/depth?symbol=XRPUSDT", 400, -1121, "Invalid symbol."],
    ["/api/v3/depth?symbol=btcusdt", 400, -1100],
    ["/api/v3/depth?symbol=", 400, -1105, "Parameter 'symbol' was empty."],
    ["/api/v3/depth?symbol=BTCUSDT&limit=x", 400, -1100],
    ["/api/v3/depth?symbol=BTCUSDT&foo=1", 400, -1104],
    ["/api/v3/time?foo=1", 400, -1101, "Too many parameters; expected '0' and received '1'."],
    ["/api/v3/klines?symbol=BTCUSDT", 400, -1102],
    ["/api/v3/klines?symbol=BTCUSDT&interval=2m", 400, -1120, "Invalid interval."],
    ["/api/v3/klines?symbol=BTCUSDT&interval=1m&timeZone=8", 400, -1130],
    ["/api/v3/aggTrades?symbol=BTCUSDT&fromId=1&startTime=1", 400, -1128],
    ["/api/v3/ticker/24hr?symbol=BTCUSDT&symbols=[%22BTCUSDT%22]", 400, -1128],
    ["/api/v3/ticker/24hr?type=SOME", 400, -1139],
    ["/api/v3/ticker?symbol=BTCUSDT&windowSize=9d", 400, -1130],
    ["/api/v3/ticker", 400, -1102],
    ["/api/v3/nothing", 404, -5000, "Path /api/v3/nothing, Method GET is invalid"],
    ["/", 404, -5000],
  ];
  for (const [path, status, code, msg] of refused) {
    const answer = await call(exchange, path);
    assert.deepEqual([answer.status, answer.body.code], [status, code], path);
    if (msg !== undefined) assert.equal(answer.body.msg, msg);
    assert.equal(answer.headers.get("content-type"), "application/json;charset=UTF-8");
  }
  assert.equal((await call(exchange, "/api/v3/time", { body: {} })).body.code, -5000);
  assert.equal(
    (await call(exchange, "/api/v3/time", { headers: { "X-MBX-TIME-UNIT": "DAYS" } })).status,
    400,
  );
});

Deno.test("weights are the documented ones, in both headers", async () => {
  await using exchange = await filled();
  const list = (count: number) =>
    encodeURIComponent(JSON.stringify(["BTCUSDT", "ETHUSDT", "币安人生USDT"].slice(0, count)));
  const weights: [string, number][] = [
    ["ping", 1],
    ["time", 1],
    ["exchangeInfo", 20],
    ["depth?symbol=BTCUSDT", 5],
    ["depth?symbol=BTCUSDT&limit=500", 25],
    ["depth?symbol=BTCUSDT&limit=501", 50],
    ["depth?symbol=BTCUSDT&limit=5000", 250],
    ["trades?symbol=BTCUSDT", 25],
    ["historicalTrades?symbol=BTCUSDT&fromId=500", 25],
    ["aggTrades?symbol=BTCUSDT", 4],
    ["klines?symbol=BTCUSDT&interval=1m", 2],
    ["avgPrice?symbol=BTCUSDT", 2],
    ["ticker/24hr?symbol=BTCUSDT", 2],
    [`ticker/24hr?symbols=${list(3)}`, 2],
    ["ticker/24hr", 80],
    ["ticker/price?symbol=BTCUSDT", 2],
    ["ticker/price", 4],
    ["ticker/bookTicker", 4],
    [`ticker?symbols=${list(2)}`, 8],
    [`ticker/tradingDay?symbols=${list(2)}`, 8],
  ];
  let last = 0;
  for (const [path, weight] of weights) {
    const { status, headers } = await call(exchange, `/api/v3/${path}`);
    const used = Number(headers.get("x-mbx-used-weight-1m"));
    assert.equal(status, 200, path);
    assert.equal(headers.get("x-mbx-used-weight"), String(used));
    // A new real minute may begin in between.
    assert.ok(used === last + weight || used === weight, `${path}: ${last} → ${used}`);
    last = used;
  }
});

Deno.test("past the limit 429, and 418 for who goes on, each with Retry-After", async () => {
  await using exchange = await filled({ weightPerMinute: 50, banAfter: 2, banMs: 30_000 });
  const ask = () => call(exchange, "/api/v3/exchangeInfo");
  const answers = [];
  for (let i = 0; i < 12; i++) answers.push(await ask());
  const slow = answers.find((each) => each.status === 429)!;
  assert.equal(slow.body.code, -1003);
  assert.match(slow.body.msg, /current limit is 50 request weight per 1 MINUTE/);
  assert.ok(Number(slow.headers.get("retry-after")) >= 1 && Number(slow.headers.get("retry-after")) <= 60);
  const last = answers[answers.length - 1]!;
  assert.equal(last.status, 418);
  assert.match(last.body.msg, /IP banned until \d{13}\./);
  assert.ok(Number(last.headers.get("retry-after")) <= 30);
});

Deno.test("bodies are the market's truth", async () => {
  await using exchange = await filled();
  const { market } = exchange;
  const get = async (path: string) => (await call(exchange, `/api/v3/${path}`)).body;
  const all = market.trades("BTCUSDT", { fromId: 0, limit: Infinity });
  const historical = await get("historicalTrades?symbol=BTCUSDT&fromId=600&limit=1000");
  assert.deepEqual(
    historical.map((
      each: TradeBody,
    ) => [each.id, each.price, each.qty, each.time, each.isBuyerMaker, each.quoteQty]),
    all.filter((each) => each.tradeId >= 600).slice(0, 1000)
      .map((
        e,
      ) => [e.tradeId, e.price, e.quantity, e.time, e.isBuyerMaker, quoteQuantity(e.price, e.quantity)]),
  );
  assert.equal((await get("trades?symbol=BTCUSDT&limit=3"))[2].id, all[all.length - 1]!.tradeId);
  const book = await get("depth?symbol=BTCUSDT&limit=7");
  assert.deepEqual(book, market.book("BTCUSDT", 7));
  const candles = await get("klines?symbol=BTCUSDT&interval=1s&limit=10");
  assert.deepEqual(
    candles.map((each: (string | number)[]) => [each[0], each[4], each[8]]),
    market.candles("BTCUSDT", "1s", { limit: 10 })
      .map((each) => [each.openTime, each.close, each.trades]),
  );
  const [ticker, mini] = [
    await get("ticker/24hr?symbol=BTCUSDT"),
    await get("ticker/24hr?symbol=BTCUSDT&type=MINI"),
  ];
  assert.equal(ticker.count, ticker.lastId - ticker.firstId + 1);
  for (const key of Object.keys(mini)) assert.deepEqual(mini[key], ticker[key]);
  const window = await get("ticker?symbol=BTCUSDT&windowSize=1m");
  assert.equal(window.openTime % 60_000, 0);
  const inside = all.filter((each) => each.time >= window.openTime);
  assert.deepEqual([window.count, window.firstId], [inside.length, inside[0]!.tradeId]);
});

Deno.test("X-MBX-TIME-UNIT switches every time to microseconds", async () => {
  await using exchange = await filled();
  const headers = { "X-MBX-TIME-UNIT": "MICROSECOND" };
  const both = async (path: string) => [
    (await call(exchange, `/api/v3/${path}`)).body,
    (await call(exchange, `/api/v3/${path}`, { headers })).body,
  ];
  const [time, microTime] = await both("time");
  assert.equal(microTime.serverTime, time.serverTime * 1000);
  const [trades, microTrades] = await both("trades?symbol=BTCUSDT&limit=1");
  assert.equal(microTrades[0].time, trades[0].time * 1000);
  const [klines, microKlines] = await both("klines?symbol=BTCUSDT&interval=1m&limit=1");
  assert.equal(microKlines[0][0], klines[0][0] * 1000);
  assert.equal(microKlines[0][6], klines[0][6] * 1000 + 999);
  const from = `historicalTrades?symbol=BTCUSDT&limit=1`;
  const [old, microOld] = await both(from);
  assert.equal(microOld[0].time, old[0].time * 1000);
});

Deno.test("symbols of any script are served", async () => {
  await using exchange = await filled();
  const name = encodeURIComponent("币安人生USDT");
  assert.equal((await call(exchange, `/api/v3/ticker/price?symbol=${name}`)).body.symbol, "币安人生USDT");
  const { body } = await call(exchange, `/api/v3/exchangeInfo?symbols=[%22${name}%22]`);
  assert.deepEqual(body.symbols.map((each: { symbol: string }) => each.symbol), ["币安人生USDT"]);
});
