import assert from "node:assert/strict";
import { join } from "node:path";
import { TestExchange, TestPipeline, until } from "../pipeline_process.ts";
import { seededRandom, testSeed } from "../seed.ts";
import {
  booksSettled,
  compareWithTruth,
  drained,
  followedSymbols,
  nextTradeIds,
  openStore,
} from "../truth_sqlite.ts";

/** `deno task test --full` kills at ten seeded points a victim, CI at two. */
const POINTS = Deno.env.get("CANDLEWIRE_FULL") === "1" ? 10 : 2;
const SYMBOLS = 6;

// Crash truth: kill -9 of a part of a running load, at points that the seed chooses. What the exchange tells meanwhile
// must be in the store afterwards, to the last digit (I1, I2, I3, I4).
for (const victim of ["producer", "capture", "consumer", "postgres", "host"]) {
  Deno.test(`crash truth: kill -9 of ${victim} at ${POINTS} seeded points`, async () => {
    const folder = await Deno.makeTempDir({ prefix: `candlewire-crash-${victim}-` });
    const seed = testSeed(`crash of ${victim}`);
    const random = seededRandom(seed);
    const exchange = await TestExchange.start({
      "exchange.market.folder": join(folder, "exchange"),
      "exchange.market.seed": seed,
      "exchange.market.ratePerSecond": 60,
      "exchange.server.port": 0,
      "exchange.server.speed": 20,
      "exchange.server.paused": true,
    });
    const pipeline = new TestPipeline(join(folder, "pipeline"), {
      "source.restUrl": exchange.url,
      "symbols": ["BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT", "ETHBTC"],
    });
    try {
      await pipeline.start();
      // Books are stored from their first change on.
      await exchange.run(3000);
      const symbols = await followedSymbols(pipeline, SYMBOLS);
      const firstIds = await nextTradeIds(exchange, symbols);
      const { now } = await exchange.get<{ now: number }>("/admin/state");
      for (let point = 1; point <= POINTS; point++) {
        await exchange.post("/admin/resume");
        const marker = 300 + Math.floor(random() * 2000);
        await storedMore(pipeline, marker);
        const pid = await pipeline.pidOf(victim);
        Deno.kill(pid, "SIGKILL");
        if (victim === "host") {
          await pipeline.process.ended;
          await pipeline.start();
        } else if (victim !== "postgres") await pipeline.revived(victim, pid, 30_000);
        await storedMore(pipeline, 300);
        await exchange.post("/admin/pause");
        await drained(exchange, pipeline, symbols);
        await booksSettled(exchange, pipeline, symbols);
        const found = await compareWithTruth(exchange, pipeline, symbols, { firstIds, from: now });
        console.log(
          `${victim}, point ${point}: killed process ${pid} after ${marker} trades; ${found.trades} trades, ${found.candles} candles, ${found.books} books compared`,
        );
        assert.deepEqual(found.differences, []);
        assert.equal(found.books, SYMBOLS);
      }
    } finally {
      await pipeline.process?.stop();
      await exchange.process.stop();
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** Waits until the store holds so many trades more than now: a marker of progress. */
async function storedMore(pipeline: TestPipeline, count: number): Promise<void> {
  const db = openStore(pipeline);
  try {
    const total = db.prepare("SELECT row_count AS n FROM row_counts WHERE table_name = 'recent_trades'");
    const read = () => (total.get() as { n: number } | undefined)?.n ?? 0;
    const goal = read() + count;
    await until(
      `${goal} stored trades`,
      60_000,
      () => read() >= goal || undefined,
      () => `${read()}\n${pipeline.process.tail}`,
    );
  } finally {
    db.close();
  }
}
