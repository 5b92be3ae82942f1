import assert from "node:assert/strict";
import { join } from "node:path";
import { TestExchange, TestPipeline, until } from "../pipeline_process.ts";
import { RECORDED_FILES, RECORDED_SYMBOLS, recordingsAbsent } from "../recorded_files.ts";
import { needStack, stackIgnore, stackName } from "../test_stack.ts";
import { booksSettledIn, compareSettled, drainedInto, followedIn, nextTradeIds } from "../truth.ts";
import { CassandraTruth } from "../truth_cassandra.ts";
import { clusterNames, clusterServers, clusterSettings, emptyServers } from "./servers.ts";

for (const speed of [20, "max"] as const) {
  const name = `whole-pipeline truth on the real servers: recorded BTCUSDT and ETHUSDT at ${
    speed === "max" ? "full speed" : `${speed}×`
  }`;
  Deno.test({
    name: recordingsAbsent ? `${name} (skipped: ../shared/data is absent)` : stackName(name),
    ignore: recordingsAbsent || stackIgnore.ignore,
    fn: async () => {
      const servers = await clusterServers(needStack());
      const names = clusterNames();
      const folder = await Deno.makeTempDir({ prefix: "candlewire-cluster-recording-" });
      await emptyServers(servers, names);
      const exchange = await TestExchange.start({
        "exchange.market.source": RECORDED_FILES,
        "exchange.market.loop": false,
        "exchange.market.folder": join(folder, "exchange"),
        "exchange.server.port": 0,
        "exchange.server.speed": speed,
        "exchange.server.paused": true,
      });
      const pipeline = new TestPipeline(join(folder, "pipeline"), {
        ...clusterSettings(servers, names),
        "source.restUrl": exchange.url,
        "symbols": RECORDED_SYMBOLS,
      });
      try {
        await pipeline.start(180_000);
        await using store = await CassandraTruth.connect(servers.cassandra, names.keyspace, {
          explain: () => pipeline.process.tail,
        });
        // Books are stored from their first change on.
        await exchange.run(50);
        await followedIn(store, RECORDED_SYMBOLS.length);
        const firstIds = await nextTradeIds(exchange, RECORDED_SYMBOLS);
        const { now } = await exchange.get<{ now: number }>("/admin/state");
        await exchange.post("/admin/resume");
        await until("the recording's end", 180_000, async () => {
          const { ended } = await exchange.get<{ ended: boolean }>("/admin/state");
          return ended || undefined;
        }, () => pipeline.process.tail);
        await drainedInto(exchange, store, RECORDED_SYMBOLS);
        await booksSettledIn(exchange, store, RECORDED_SYMBOLS);
        const found = await compareSettled(exchange, store, RECORDED_SYMBOLS, { firstIds, from: now });
        console.log(`${found.trades} trades, ${found.candles} candles, ${found.books} books compared`);
        assert.deepEqual(found.differences, []);
        assert.ok(found.trades > 15_000, `${found.trades} trades`);
        assert.equal(found.books, RECORDED_SYMBOLS.length);
      } finally {
        await pipeline.process?.stop();
        await exchange.process.stop();
        await emptyServers(servers, names);
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}
