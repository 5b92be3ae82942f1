import assert from "node:assert/strict";
import { join } from "node:path";
import { TestExchange, TestPipeline, until } from "../pipeline_process.ts";
import { RECORDED_FILES, RECORDED_SYMBOLS, recordingsAbsent } from "../recorded_files.ts";
import {
  booksSettled,
  compareWithTruth,
  drained,
  followedSymbols,
  nextTradeIds,
  openStore,
} from "../truth_sqlite.ts";

for (const speed of [20, "max"] as const) {
  Deno.test({
    name: `whole-pipeline truth: recorded BTCUSDT and ETHUSDT at ${
      speed === "max" ? "full speed" : `${speed}×`
    }${recordingsAbsent ? " (skipped: ../shared/data is absent)" : ""}`,
    ignore: recordingsAbsent,
    fn: async () => {
      const folder = await Deno.makeTempDir({ prefix: "candlewire-recording-" });
      const exchange = await TestExchange.start({
        "exchange.market.source": RECORDED_FILES,
        "exchange.market.loop": false,
        "exchange.market.folder": join(folder, "exchange"),
        "exchange.server.port": 0,
        "exchange.server.speed": speed,
        "exchange.server.paused": true,
      });
      const pipeline = new TestPipeline(join(folder, "pipeline"), {
        "source.restUrl": exchange.url,
        "symbols": RECORDED_SYMBOLS,
      });
      try {
        await pipeline.start();
        // Books are stored from their first change on.
        await exchange.run(50);
        await followedSymbols(pipeline, 2);
        const firstIds = await nextTradeIds(exchange, RECORDED_SYMBOLS);
        const { now } = await exchange.get<{ now: number }>("/admin/state");
        const started = performance.now();
        await exchange.post("/admin/resume");
        await until("the recording's end", 120_000, async () => {
          const { ended } = await exchange.get<{ ended: boolean }>("/admin/state");
          return ended || undefined;
        }, () => pipeline.process.tail);
        const seconds = (performance.now() - started) / 1000;
        await drained(exchange, pipeline, RECORDED_SYMBOLS);
        await booksSettled(exchange, pipeline, RECORDED_SYMBOLS);
        const found = await compareWithTruth(exchange, pipeline, RECORDED_SYMBOLS, { firstIds, from: now });
        for (const symbol of RECORDED_SYMBOLS) {
          const missing = await exchange.get<number[]>(`/admin/truth/missing?symbol=${symbol}`);
          console.log(
            `${symbol}: the recording itself lacks ${missing.length} trade ids: ${
              missing.slice(0, 20).join(", ")
            }`,
          );
        }
        const books = await booksAgree(exchange, pipeline);
        console.log(
          `${found.trades} trades, ${found.candles} candles; ${books.agreed} stored books agree with bookTicker, ${books.exact} at its very update id; told in ${
            seconds.toFixed(1)
          } s`,
        );
        assert.deepEqual(found.differences, []);
        assert.ok(found.trades > 15_000, `${found.trades} trades`);
        assert.ok(books.agreed > (speed === "max" ? 1 : 20), `${books.agreed} stored books were compared`);
      } finally {
        await pipeline.process?.stop();
        await exchange.process.stop();
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

/**
 * Every stored book: its best bid and ask must be those of the latest bookTicker up to its update id (I4), as they are in
 * the recording itself (its README). `exact` counts those whose very update id a bookTicker has.
 */
async function booksAgree(
  exchange: TestExchange,
  pipeline: TestPipeline,
): Promise<{ agreed: number; exact: number }> {
  const db = openStore(pipeline);
  const found = { agreed: 0, exact: 0 };
  try {
    const rows = db.prepare(
      "SELECT symbol, bids, asks, last_update_id AS id FROM order_book WHERE trusted = 1",
    ).all() as { symbol: string; bids: string; asks: string; id: number }[];
    for (const row of rows) {
      const best = await exchange.get<
        { updateId: number; bid: string; bidQuantity: string; ask: string; askQuantity: string } | null
      >(`/admin/truth/book-ticker?symbol=${row.symbol}&updateId=${row.id}`);
      if (best === null) continue;
      assert.deepEqual(
        [JSON.parse(row.bids)[0], JSON.parse(row.asks)[0]],
        [[best.bid, best.bidQuantity], [best.ask, best.askQuantity]],
        `${row.symbol} at update id ${row.id}, bookTicker at ${best.updateId}`,
      );
      found.agreed++;
      if (best.updateId === row.id) found.exact++;
    }
  } finally {
    db.close();
  }
  return found;
}
