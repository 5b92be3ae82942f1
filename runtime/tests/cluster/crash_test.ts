import assert from "node:assert/strict";
import { join } from "node:path";
import { CandlewireError, errorText } from "../../error.ts";
import type { ModuleStatus } from "../../host/module_host.ts";
import type { Stack } from "../../stack/stack.ts";
import { TestExchange, TestPipeline, until } from "../pipeline_process.ts";
import { seededRandom, testSeed } from "../seed.ts";
import { startTestStack } from "../start_test_stack.ts";
import { stackIgnore, stackName } from "../test_stack.ts";
import {
  booksSettledIn,
  compareSettled,
  drainedInto,
  followedIn,
  nextTradeIds,
  storedMoreIn,
} from "../truth.ts";
import { CassandraTruth } from "../truth_cassandra.ts";
import { clusterNames, clusterServers, clusterSettings } from "./servers.ts";

/** `deno task test --full` kills at ten seeded points a victim, CI at two. */
const POINTS = Deno.env.get("CANDLEWIRE_FULL") === "1" ? 10 : 2;
const SYMBOLS = ["BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT", "ETHBTC"];
const VICTIMS = ["consumer", "connect", "kafka", "cassandra", "postgres"] as const;
type Victim = typeof VICTIMS[number];

// Crash truth on three brokers and three nodes: kill -9 of a part of a running load, at points that the seed chooses. What
// the exchange tells meanwhile must be in Cassandra afterwards (I1, I2, I3, I4).
Deno.test({
  name: stackName(`crash truth on three brokers and three nodes, ${POINTS} seeded points a victim`),
  ...stackIgnore,
  fn: async (t) => {
    const folder = await Deno.makeTempDir({ prefix: "candlewire-cluster-crash-" });
    const seed = testSeed("cluster crash");
    const random = seededRandom(seed);
    await using stack = await startTestStack({
      brokers: 3,
      nodes: 3,
      // By itself only five minutes after a broker is back: leaders and the group's coordinator move to it.
      kafkaProperties: { "leader.imbalance.check.interval.seconds": 5 },
    });
    const servers = await clusterServers(stack.testStack, 3);
    const names = clusterNames();
    const exchange = await TestExchange.start({
      "exchange.market.folder": join(folder, "exchange"),
      "exchange.market.seed": seed,
      "exchange.market.ratePerSecond": 60,
      "exchange.server.port": 0,
      "exchange.server.speed": 10,
      "exchange.server.paused": true,
    });
    const pipeline = new TestPipeline(join(folder, "pipeline"), {
      ...clusterSettings(servers, names),
      "source.restUrl": exchange.url,
      "symbols": SYMBOLS,
      // Ten kills within minutes use up a budget meant for real failures.
      "connect.restartBudget": 100,
    });
    try {
      await pipeline.start(240_000);
      await using store = await CassandraTruth.connect(servers.cassandra, names.keyspace, {
        consistency: "quorum",
        explain: () => pipeline.process.tail,
      });
      // Books are stored from their first change on.
      await exchange.run(3000);
      const symbols = await followedIn(store, SYMBOLS.length);
      const firstIds = await nextTradeIds(exchange, symbols);
      const { now } = await exchange.get<{ now: number }>("/admin/state");
      const storedMore = (count: number) =>
        storedMoreIn(store, symbols, { count, timeoutMs: 180_000, explain: () => pipeline.process.tail });
      // A point is compared from the one before it on; all of it at the end, when nothing may have changed any more.
      let since = { firstIds, from: now };
      /** A step that fails says how servers and modules are then, and what it leaves broken fails no other one. */
      const step = (name: string, work: () => Promise<void>) =>
        t.step(name, async () => {
          try {
            await work();
          } catch (error) {
            const hint = error instanceof CandlewireError ? error.hint ?? "" : "";
            throw new Error(`${errorText(error)} ${hint}\n${await stateOf(pipeline, stack)}`);
          }
        });
      for (const victim of VICTIMS) {
        const whole = await step(`kill -9 of ${victim}`, async () => {
          for (let point = 1; point <= POINTS; point++) {
            await exchange.post("/admin/resume");
            const marker = 300 + Math.floor(random() * 2000);
            await storedMore(marker);
            const killed = await kill(victim, { pipeline, stack, random });
            // A broker or a node is missing: the others hold a quorum, and the flow goes on without it.
            if (victim === "kafka" || victim === "cassandra") await storedMore(300);
            await killed.revive();
            await storedMore(300);
            await exchange.post("/admin/pause");
            await drainedInto(exchange, store, symbols, 240_000);
            await booksSettledIn(exchange, store, symbols, 120_000);
            const found = await compareSettled(exchange, store, symbols, since);
            since = {
              firstIds: await nextTradeIds(exchange, symbols),
              from: (await exchange.get<{ now: number }>("/admin/state")).now - 120_000,
            };
            console.log(
              `${victim}, point ${point}: killed ${killed.what} after ${marker} trades; ${found.trades} trades, ${found.candles} candles, ${found.books} books compared`,
            );
            assert.deepEqual(found.differences, []);
            assert.equal(found.books, SYMBOLS.length);
          }
        });
        if (!whole) return;
      }
      await step("all of it, from the first trade on", async () => {
        const found = await compareSettled(exchange, store, symbols, { firstIds, from: now });
        console.log(`${found.trades} trades, ${found.candles} candles, ${found.books} books compared`);
        assert.deepEqual(found.differences, []);
      });
    } finally {
      await pipeline.process?.stop();
      await exchange.process.stop();
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** Which servers do not run, and how each module is. */
async function stateOf(pipeline: TestPipeline, stack: Stack): Promise<string> {
  const lines: string[] = [];
  for (const server of stack.servers) {
    await stack.pid(server).catch((error) => lines.push(errorText(error)));
  }
  try {
    const { modules } = await pipeline.get<{ modules: ModuleStatus[] }>("modules");
    for (const { name, state, health, detail, restarts, lastExit } of modules) {
      lines.push(
        `${name}: ${state}, ${health}, ${detail}, ${restarts} restarts, ${lastExit?.cause ?? "no"} exit`,
      );
    }
  } catch (error) {
    lines.push(`modules: ${errorText(error)}`);
  }
  return lines.join("\n");
}

type Killed = { what: string; revive(): Promise<void> };

async function kill(
  victim: Victim,
  parts: { pipeline: TestPipeline; stack: Stack; random: () => number },
): Promise<Killed> {
  const { pipeline, stack, random } = parts;
  if (victim === "consumer") {
    const pid = await pipeline.pidOf(victim);
    Deno.kill(pid, "SIGKILL");
    return { what: `process ${pid}`, revive: () => pipeline.revived(victim, pid, 60_000) };
  }
  if (victim === "postgres") {
    const pid = await pipeline.pidOf(victim);
    const producer = await pipeline.pidOf("producer");
    Deno.kill(pid, "SIGKILL");
    return { what: `process ${pid}`, revive: () => producing(pipeline, producer) };
  }
  const server = victim === "connect" ? "connect" : `${victim}-${1 + Math.floor(random() * 3)}`;
  await stack.kill(server);
  return { what: server, revive: () => stack.start(server) };
}

/**
 * Waits until the producer follows all books again. Its lease falls with PostgreSQL, so it is stopped and started, and a
 * book is stored again from its first change on.
 */
async function producing(pipeline: TestPipeline, before: number): Promise<void> {
  await until("the producer to follow all books again", 120_000, async () => {
    const { module } = await pipeline.get<
      { module: { state: string; pid: number | null; metrics: Record<string, number> } }
    >("modules/producer");
    return module.state === "running" && module.pid !== before &&
        module.metrics.candlewire_books_trusted === SYMBOLS.length || undefined;
  }, () => pipeline.process.tail);
}
