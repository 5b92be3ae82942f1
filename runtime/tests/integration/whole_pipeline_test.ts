import assert from "node:assert/strict";
import { join } from "node:path";
import { TestExchange, TestPipeline } from "../pipeline_process.ts";
import { testSeed } from "../seed.ts";
import { booksSettled, compareWithTruth, drained, followedSymbols, nextTradeIds } from "../truth_sqlite.ts";

/** Trades of the seeded run, all symbols together. */
const TRADES = 200_000;

Deno.test("whole-pipeline truth: a seeded exchange of 20 symbols, as fast as possible", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "candlewire-truth-" });
  const seed = testSeed("whole pipeline");
  const exchange = await TestExchange.start({
    "exchange.market.folder": join(folder, "exchange"),
    "exchange.market.seed": seed,
    "exchange.server.port": 0,
    "exchange.server.speed": "max",
    "exchange.server.paused": true,
  });
  const pipeline = new TestPipeline(join(folder, "pipeline"), { "source.restUrl": exchange.url });
  try {
    await pipeline.start();
    // Books are stored from their first change on.
    await exchange.run(5000);
    const symbols = await followedSymbols(pipeline, 20);
    const firstIds = await nextTradeIds(exchange, symbols);
    const { now } = await exchange.get<{ now: number }>("/admin/state");
    const started = performance.now();
    await exchange.run(TRADES);
    await drained(exchange, pipeline, symbols);
    const seconds = (performance.now() - started) / 1000;

    await t.step(
      "every trade, closed candle and final book equals the exchange's to the last digit (I3, I4, I9)",
      async () => {
        await booksSettled(exchange, pipeline, symbols);
        const found = await compareWithTruth(exchange, pipeline, symbols, { firstIds, from: now });
        console.log(
          `compared ${found.trades} trades, ${found.candles} candles, ${found.books} books; ${
            seconds.toFixed(1)
          } s`,
        );
        assert.deepEqual(found.differences, []);
        assert.ok(found.trades > TRADES * 0.6, `${found.trades} trades of the followed symbols`);
        assert.equal(found.books, 20);
      },
    );

    await t.step(
      "no event vanished: all that was captured was stored, filtered or kept as a dead letter (I5)",
      async () => {
        const letters = await pipeline.get<{ rows: unknown[] }>("dead-letters");
        assert.deepEqual(letters.rows, []);
      },
    );

    await t.step("every answer says that it is simulated (I8)", async () => {
      const tickers = await pipeline.get<{ simulated: boolean; rows: unknown[] }>("market/tickers?limit=10");
      assert.equal(tickers.simulated, true);
      assert.equal(tickers.rows.length, 10);
    });

    await t.step("it stops cleanly on SIGTERM", async () => {
      const status = await pipeline.process.stop();
      assert.equal(status.code, 0, pipeline.process.tail);
    });
  } finally {
    await pipeline.process?.stop();
    await exchange.process.stop();
    await Deno.remove(folder, { recursive: true });
  }
});
