import assert from "node:assert/strict";
import fc from "fast-check";
import { epochMs } from "../../market/epoch.ts";
import { testSeed } from "../../tests/seed.ts";
import { haveRecorded, recordedText, skipReason } from "../testing/recorded.ts";
import {
  decodeExchangeInfo,
  decodeKlines,
  decodeRefusal,
  decodeSnapshot,
  decodeTickers24h,
  decodeTrades,
} from "./binance_rest.ts";

const NOW = epochMs(1_800_000_000_000);

Deno.test("REST decoders keep the good rows and name the bad ones", () => {
  const good = {
    id: 2,
    price: "1.50",
    qty: "2",
    quoteQty: "3",
    time: 1723161255342,
    isBuyerMaker: false,
    isBestMatch: true,
  };
  const decoded = decodeTrades("A", [good, { ...good, id: "3" }, 7, { ...good, id: 1 }]);
  assert.deepEqual(decoded.rows.map((row) => row.trade_id), [1, 2]);
  assert.deepEqual(decoded.problems, ['id is "3"', "Trade is 7"]);
  assert.equal(decoded.rows[0]?.backfill, true);
  assert.deepEqual(decodeTrades("A", { code: 1 }).problems, ['List of trades is {"code":1}']);
});

Deno.test("decodeKlines() tells closed candles from open ones by the exchange's time", () => {
  const candle = (t: number) => [t, "1", "2", "1", "2", "5", t + 59_999, "7", 3, "1", "1", "0"];
  const decoded = decodeKlines(
    "A",
    [candle(1723161240000), candle(1723161180000)],
    epochMs(1723161240000),
  );
  assert.deepEqual(decoded.rows.map((row) => [row.open_time, row.closed]), [
    [1723161180000, true],
    [1723161240000, false],
  ]);
});

Deno.test("decodeExchangeInfo() leaves out what does not trade and reads the weight limit", () => {
  const info = decodeExchangeInfo({
    rateLimits: [{ rateLimitType: "REQUEST_WEIGHT", interval: "MINUTE", intervalNum: 1, limit: 1200 }],
    symbols: [
      { symbol: "A", status: "TRADING", baseAsset: "A", quoteAsset: "B" },
      { symbol: "C", status: "BREAK", baseAsset: "A", quoteAsset: "B" },
      { symbol: "", status: "TRADING", baseAsset: "A", quoteAsset: "B" },
    ],
  });
  assert.deepEqual(info.rows.map((row) => row.symbol), ["A"]);
  assert.equal(info.weightPerMinute, 1200);
  assert.equal(info.problems.length, 1);
});

Deno.test("REST decoders never throw", () => {
  const seed = testSeed("REST decoders on any JSON");
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), (body) => {
      decodeExchangeInfo(body);
      decodeExchangeInfo({ symbols: body, rateLimits: body });
      decodeSnapshot("A", body);
      decodeSnapshot("A", { lastUpdateId: 1, bids: body, asks: [] });
      decodeTrades("A", body);
      decodeTrades("A", [body]);
      decodeKlines("A", [body], NOW);
      decodeTickers24h([body]);
      decodeRefusal(JSON.stringify(body));
    }),
    { seed, numRuns: 1_000 },
  );
});

Deno.test({
  name: `REST decoders read every recorded body${skipReason}`,
  ignore: !haveRecorded,
  fn() {
    const bodies = JSON.parse(recordedText("gocryptotrader-rest-recorded.json.gz"));
    const answers = (path: string) =>
      Object.values(bodies[path] as Record<string, unknown>).flat() as unknown[];
    const data = (path: string) => answers(path).map((answer) => (answer as { data: unknown }).data);
    for (const path of ["/api/v3/trades", "/api/v3/historicalTrades"]) {
      for (const body of data(path)) assert.deepEqual(decodeTrades("A", body).problems, []);
    }
    let candles = 0;
    for (const body of data("/api/v3/klines")) {
      const minutes = (body as [number, ...unknown[]][]).filter((row) => Number(row[6]) === row[0] + 59_999);
      const decoded = decodeKlines("A", minutes, NOW);
      assert.deepEqual(decoded.problems, []);
      candles += decoded.rows.length;
    }
    assert.ok(candles > 0);
    for (const body of data("/api/v3/depth")) assert.equal(typeof decodeSnapshot("A", body), "object");
    const line = recordedText("cryptofeed-exchangeInfo-2021-10-12.txt.gz").split("\n")[0]!;
    const info = decodeExchangeInfo(JSON.parse(line.slice(line.indexOf("{"))));
    assert.deepEqual(info.problems, []);
    assert.ok(info.rows.length > 1_000);
    assert.equal(info.weightPerMinute, 1_200);
    const tickers = decodeTickers24h(JSON.parse(recordedText("ticker-24hr-all-2024-01-05.json.gz")));
    assert.deepEqual(tickers.problems, []);
    assert.equal(tickers.rows.length, 2_429);
  },
});
