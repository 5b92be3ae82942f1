import assert from "node:assert/strict";
import { join } from "node:path";
import { TestExchange, TestPipeline, until } from "../pipeline_process.ts";
import { testSeed } from "../seed.ts";
import { needStack, stackIgnore, stackName } from "../test_stack.ts";
import { booksSettledIn, compareSettled, drainedInto, followedIn, nextTradeIds } from "../truth.ts";
import { CassandraTruth } from "../truth_cassandra.ts";
import {
  cassandraClient,
  clusterNames,
  type ClusterServers,
  clusterServers,
  clusterSettings,
  emptyServers,
} from "./servers.ts";

/** Trades of the seeded run, all symbols together. */
const TRADES = 60_000;

for (const engine of ["debezium", "candlewire"] as const) {
  Deno.test({
    name: stackName(`whole-pipeline truth on the real servers, captured by ${engine}`),
    ...stackIgnore,
    fn: async (t) => {
      const servers = await clusterServers(needStack());
      const names = clusterNames();
      const folder = await Deno.makeTempDir({ prefix: "candlewire-cluster-" });
      await emptyServers(servers, names);
      const exchange = await TestExchange.start({
        "exchange.market.folder": join(folder, "exchange"),
        "exchange.market.seed": testSeed(`whole cluster pipeline, ${engine}`),
        "exchange.server.port": 0,
        "exchange.server.speed": "max",
        "exchange.server.paused": true,
      });
      const pipeline = new TestPipeline(join(folder, "pipeline"), {
        ...clusterSettings(servers, names, engine),
        "source.restUrl": exchange.url,
      });
      try {
        await pipeline.start(180_000);
        await using store = await CassandraTruth.connect(servers.cassandra, names.keyspace);
        // Books are stored from their first change on.
        await exchange.run(5000);
        const symbols = await followedIn(store, 20);
        const firstIds = await nextTradeIds(exchange, symbols);
        const { now } = await exchange.get<{ now: number }>("/admin/state");
        const started = performance.now();
        await exchange.run(TRADES);
        await drainedInto(exchange, store, symbols);
        const seconds = (performance.now() - started) / 1000;

        await t.step(
          "every trade, closed candle and final book equals the exchange's (I3, I4, I9)",
          async () => {
            await booksSettledIn(exchange, store, symbols);
            const found = await compareSettled(exchange, store, symbols, { firstIds, from: now });
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

        await t.step("no event vanished (I5), and the control API reads the store", async () => {
          const letters = await pipeline.get<{ rows: unknown[] }>("dead-letters");
          assert.deepEqual(letters.rows, []);
          const tickers = await pipeline.get<{ simulated: boolean; rows: unknown[] }>(
            "market/tickers?limit=10",
          );
          assert.equal(tickers.simulated, true);
          assert.equal(tickers.rows.length, 10);
          const trades = await pipeline.get<{ rows: { trade_id: number }[] }>(
            `market/trades?symbol=${symbols[0]}&limit=5`,
          );
          assert.equal(trades.rows.length, 5);
          const lineage = await pipeline.get<
            { record: { lsn: string | null } | null; recordNote: string | null }
          >(
            `lineage/trades/${symbols[0]}/${trades.rows[0]!.trade_id}`,
          );
          assert.ok(lineage.record?.lsn, lineage.recordNote ?? "");
        });

        await t.step("the picture names the real servers, all running", async () => {
          type Stages = { stages: { id: string; title: string; state: string; detail: string }[] };
          let seen: Stages | undefined;
          const { stages } = await until("every stage to run", 120_000, async () => {
            seen = await pipeline.get<Stages>("pipeline");
            return seen.stages.every(({ state }) => state === "running") ? seen : undefined;
          }, () => JSON.stringify(seen));
          const titles = Object.fromEntries(stages.map(({ id, title }) => [id, title]));
          assert.equal(titles.capture, engine === "debezium" ? "Debezium" : "Capture");
          assert.deepEqual([titles.journal, titles.store], ["Kafka", "Cassandra"]);
        });

        await t.step("the article's own queries run on the tables", async () => {
          await articleQueries(servers, names.keyspace);
        });

        await t.step("it stops cleanly on SIGTERM", async () => {
          const status = await pipeline.process.stop();
          assert.equal(status.code, 0, pipeline.process.tail);
        });
      } finally {
        await pipeline.process?.stop();
        await exchange.process.stop();
        await emptyServers(servers, names);
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

/** The two queries that the mission's article shows in Grafana. */
async function articleQueries(servers: ClusterServers, keyspace: string): Promise<void> {
  const client = cassandraClient(servers);
  try {
    await client.execute(`USE ${keyspace}`);
    const stats = await client.execute("SELECT symbol, volume FROM crypto_24h_stats");
    assert.ok(stats.rowLength >= 20, `${stats.rowLength} symbols`);
    assert.ok(stats.rows.every((row) => typeof row.volume === "number" && row.volume > 0));
    const klines = await until("candles of ETHUSDT", 30_000, async () => {
      const { rows } = await client.execute(
        "SELECT open_time, number_of_trades FROM klines WHERE symbol = 'ETHUSDT' ALLOW FILTERING",
      );
      return rows.length > 0 ? rows : undefined;
    });
    assert.ok(klines.every((row) => row.open_time instanceof Date && Number.isInteger(row.number_of_trades)));
  } finally {
    await client.shutdown();
  }
}
