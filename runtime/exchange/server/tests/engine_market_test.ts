import assert from "node:assert/strict";
import { epochMs } from "../../../market/epoch.ts";
import { exchangeMarketConfig } from "../../config.ts";
import { openMarket } from "../../open_market.ts";
import { serverConfig } from "../config.ts";
import { startExchange } from "../start_exchange.ts";
import { call, StreamClient } from "../testing/stream_client.ts";

const SYMBOLS = ["BTCUSDT", "ETHUSDT", "DOGEUSDT"];
const SEED = 11;

Deno.test(`I3, I4: what the matching engine did is what its streams tell, at full speed (seed ${SEED})`, async () => {
  const folder = await Deno.makeTempDir();
  try {
    const config = exchangeMarketConfig.parse({
      folder: `${folder}/run`,
      seed: SEED,
      symbols: SYMBOLS,
      historyHours: 1,
    });
    await using market = await openMarket(config);
    await using exchange = await startExchange(
      market,
      serverConfig.parse({ port: 0, speed: "max", paused: true }),
    );
    const kinds = ["trade", "depth@100ms", "bookTicker", "kline_1m", "aggTrade"];
    const names = SYMBOLS.flatMap((symbol) => kinds.map((kind) => `${symbol.toLowerCase()}@${kind}`));
    await using client = await StreamClient.open(`${exchange.wsUrl}/stream?streams=${names.join("/")}`);
    const { body: before } = await call(exchange, "/admin/state");
    const started = new Map(SYMBOLS.map((symbol) => [symbol, market.truth.tradeRange(symbol)?.last]));
    const { body: after } = await call(exchange, "/admin/run", { body: { untilTime: before.now + 200_000 } });
    assert.ok(after.trades - before.trades > 2000, `${after.trades - before.trades} trades`);
    const sent = after.framesSent;
    await client.take("all frames", sent, () => true);
    // deno-lint-ignore no-explicit-any
    const frames = Map.groupBy(client.json(), (frame) => frame.stream) as Map<string, any[]>;
    const of = (symbol: string, kind: string) =>
      (frames.get(`${symbol.toLowerCase()}@${kind}`) ?? []).map((frame) => frame.data);
    for (const symbol of SYMBOLS) {
      const from = (started.get(symbol) ?? 0) + 1;
      const { last } = market.truth.tradeRange(symbol)!;
      const truth = [];
      for (let next = from; next <= last;) {
        const page = market.trades(symbol, { fromId: next, limit: 1000 });
        truth.push(...page);
        next = page[page.length - 1]!.tradeId + 1;
      }
      assert.deepEqual(
        of(symbol, "trade").map((each) => [each.t, each.p, each.q, each.T, each.m]),
        truth.map((each) => [each.tradeId, each.price, each.quantity, each.time, each.isBuyerMaker]),
      );
      const aggregates = of(symbol, "aggTrade");
      for (let i = 1; i < aggregates.length; i++) {
        assert.deepEqual([aggregates[i].a, aggregates[i].f], [
          aggregates[i - 1].a + 1,
          aggregates[i - 1].l + 1,
        ]);
      }
      const closed = of(symbol, "kline_1m").filter((each) => each.k.x);
      assert.ok(closed.length >= 3);
      for (const { k } of closed) {
        const [candle] = market.candles(symbol, "1m", { from: epochMs(k.t), to: epochMs(k.t), limit: 1 });
        assert.deepEqual(
          [k.o, k.h, k.l, k.c, k.v, k.q, k.n, k.f, k.L],
          [
            candle!.open,
            candle!.high,
            candle!.low,
            candle!.close,
            candle!.volume,
            candle!.quoteVolume,
            candle!.trades,
            candle!.firstTradeId,
            candle!.lastTradeId,
          ],
        );
      }
      const diffs = of(symbol, "depth@100ms");
      for (let i = 1; i < diffs.length; i++) assert.equal(diffs[i].U, diffs[i - 1].u + 1);
      const final = market.truth.bookAt(symbol, diffs.at(-1).u);
      assert.equal(final?.lastUpdateId, diffs.at(-1).u);
      for (const best of of(symbol, "bookTicker").slice(-50)) {
        const known = market.truth.bookTickerAt(symbol, best.u);
        assert.deepEqual([best.b, best.B, best.a, best.A], [
          known?.bid,
          known?.bidQuantity,
          known?.ask,
          known?.askQuantity,
        ]);
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
