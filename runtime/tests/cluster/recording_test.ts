import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TestExchange, TestPipeline, until } from "../pipeline_process.ts";
import { needStack, stackIgnore, stackName } from "../test_stack.ts";
import { booksSettledIn, compareStored, drainedInto, followedIn, nextTradeIds } from "../truth.ts";
import { CassandraTruth } from "../truth_cassandra.ts";
import { clusterNames, clusterServers, clusterSettings, emptyServers } from "./servers.ts";

const DATA = fileURLToPath(new URL("../../../../shared/data/", import.meta.url));
const FILES = ["btcusdt_20240808.gz", "ethusdt_20240808.gz"].map((name) => join(DATA, name));
const absent = FILES.some((file) => {
  try {
    return !Deno.statSync(file).isFile;
  } catch {
    return true;
  }
});
const SYMBOLS = ["BTCUSDT", "ETHUSDT"];

for (const speed of [20, "max"] as const) {
  const name = `whole-pipeline truth on the real servers: recorded BTCUSDT and ETHUSDT at ${
    speed === "max" ? "full speed" : `${speed}×`
  }`;
  Deno.test({
    name: absent ? `${name} (skipped: ../shared/data is absent)` : stackName(name),
    ignore: absent || stackIgnore.ignore,
    fn: async () => {
      const servers = await clusterServers(needStack());
      const names = clusterNames();
      const folder = await Deno.makeTempDir({ prefix: "candlewire-cluster-recording-" });
      await emptyServers(servers, names);
      const exchange = await TestExchange.start({
        "exchange.market.source": FILES,
        "exchange.market.loop": false,
        "exchange.market.folder": join(folder, "exchange"),
        "exchange.server.port": 0,
        "exchange.server.speed": speed,
        "exchange.server.paused": true,
      });
      const pipeline = new TestPipeline(join(folder, "pipeline"), {
        ...clusterSettings(servers, names),
        "source.restUrl": exchange.url,
        "symbols": SYMBOLS,
      });
      try {
        await pipeline.start(180_000);
        await using store = await CassandraTruth.connect(servers.cassandra, names.keyspace, {
          explain: () => pipeline.process.tail,
        });
        // Books are stored from their first change on.
        await exchange.run(50);
        await followedIn(store, SYMBOLS.length);
        const firstIds = await nextTradeIds(exchange, SYMBOLS);
        const { now } = await exchange.get<{ now: number }>("/admin/state");
        await exchange.post("/admin/resume");
        await until("the recording's end", 180_000, async () => {
          const { ended } = await exchange.get<{ ended: boolean }>("/admin/state");
          return ended || undefined;
        }, () => pipeline.process.tail);
        await drainedInto(exchange, store, SYMBOLS);
        await booksSettledIn(exchange, store, SYMBOLS);
        const found = await compareStored(exchange, store, SYMBOLS, { firstIds, from: now });
        console.log(`${found.trades} trades, ${found.candles} candles, ${found.books} books compared`);
        assert.deepEqual(found.differences, []);
        assert.ok(found.trades > 15_000, `${found.trades} trades`);
        assert.equal(found.books, SYMBOLS.length);
      } finally {
        await pipeline.process?.stop();
        await exchange.process.stop();
        await emptyServers(servers, names);
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}
