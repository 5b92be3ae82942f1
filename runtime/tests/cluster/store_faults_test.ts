import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { wait } from "../../wait.ts";
import { TestExchange, TestPipeline, until } from "../pipeline_process.ts";
import { testSeed } from "../seed.ts";
import { type OwnStack, startTestStack } from "../start_test_stack.ts";
import { stackIgnore, stackName } from "../test_stack.ts";
import { booksSettledIn, compareSettled, drainedInto, followedIn, nextTradeIds } from "../truth.ts";
import { CassandraTruth } from "../truth_cassandra.ts";
import { cassandraClient, clusterNames, clusterServers, clusterSettings, kafkaAdmin } from "./servers.ts";
import { mountReason, SmallDisk } from "./small_disk.ts";

const SYMBOLS = ["BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT"];
const NODE = "cassandra-1";
/** Two cores that others use too start a JVM in a minute. */
const PATIENCE_MS = 240_000;
/** The market's time of one load: with two in a fault, a candle closes in each. */
const LOAD_MS = 31_000;
/** Records by which the log must have grown while nothing is acknowledged. */
const GROWTH = 300;
const TOPICS = [
  "crypto_24h_stats",
  "latest_prices",
  "klines",
  "order_book",
  "recent_trades",
  "completeness",
].map((table) => `binance.public.${table}`);

type Stage = { id: string; state: string; detail: string };
type Picture = { ready: boolean; notReady: string[]; stages: Stage[] };

// Faults of the store's side, one after the other on one pipeline: while each lasts, the state says so, nothing is
// acknowledged and nothing becomes a dead letter; after it, the store equals the exchange's truth (I1, I2, I3, I4, I5).
Deno.test({
  name: stackName(
    "faults of Cassandra: killed, hanging, refusing writes, full, emptied, overloaded, away at a start",
  ),
  ...stackIgnore,
  fn: async (t) => {
    const folder = await Deno.makeTempDir({ prefix: "candlewire-store-faults-" });
    await using stack = await startTestStack({ parts: ["kafka", "cassandra"] });
    const servers = await clusterServers(stack.testStack);
    const names = clusterNames();
    const exchange = await TestExchange.start({
      "exchange.market.folder": join(folder, "exchange"),
      "exchange.market.seed": testSeed("faults of the store"),
      // Few, so that a fault takes minutes of the market and candles close.
      "exchange.market.ratePerSecond": 80,
      "exchange.server.port": 0,
      "exchange.server.speed": "max",
      "exchange.server.paused": true,
    });
    const pipeline = new TestPipeline(join(folder, "pipeline"), {
      ...clusterSettings(servers, names, "candlewire"),
      // Not used by this engine, and not there.
      "connect.url": "http://127.0.0.1:1",
      "source.restUrl": exchange.url,
      "symbols": SYMBOLS,
      "cassandra.requestTimeoutMs": 4000,
      "consumer.retryMaxMs": 1000,
    });
    try {
      await pipeline.start(PATIENCE_MS);
      await using store = await CassandraTruth.connect(servers.cassandra, names.keyspace, {
        explain: () => pipeline.process.tail,
      });
      // Books are stored from their first change on.
      await exchange.run(2000);
      const symbols = await followedIn(store, SYMBOLS.length);
      const firstIds = await nextTradeIds(exchange, symbols);
      const { now } = await exchange.get<{ now: number }>("/admin/state");
      /** A step on what the one before left; after a failure there is nothing to go on with. */
      const step = async (name: string, fn: () => Promise<void>, ignore = false) => {
        if (!await t.step({ name, fn, ignore }) && !ignore) throw new Error(`${name} failed`);
      };
      const bench = new FaultBench({ pipeline, exchange, stack, group: names.group });

      /** After the fault: everything is there, nothing was set aside, and the host says that all is well. */
      const whole = async (what: string) => {
        await drainedInto(exchange, store, symbols, PATIENCE_MS);
        await booksSettledIn(exchange, store, symbols, PATIENCE_MS);
        const found = await compareSettled(exchange, store, symbols, { firstIds, from: now });
        assert.deepEqual(found.differences, [], what);
        assert.equal(found.books, SYMBOLS.length);
        await bench.well();
        console.log(
          `${what}: ${found.trades} trades, ${found.candles} candles, ${found.books} books compared`,
        );
      };

      await step("killed under load", async () => {
        const load = bench.load();
        load.catch(() => {});
        await stack.kill(NODE);
        await load;
        await bench.troubled(["degraded"], /Cassandra/);
        const refused = await pipeline.request("GET", `market/trades?symbol=${symbols[0]}&limit=5`);
        assert.equal(refused.status, 503);
        assert.match(refused.headers.get("content-type") ?? "", /application\/problem\+json/);
        assert.match((await refused.json()).hint, /Cassandra/);
        await bench.nothingMoves();
        await stack.start(NODE);
        await whole("killed");
        const trades = await pipeline.get<{ rows: unknown[] }>(`market/trades?symbol=${symbols[0]}&limit=5`);
        assert.equal(trades.rows.length, 5);
      });

      await step("hanging for longer than a request may take", async () => {
        const load = bench.load();
        load.catch(() => {});
        await stack.pause(NODE);
        try {
          await load;
          await bench.troubled(["degraded"], /Cassandra/);
          const refused = await pipeline.request("GET", `market/trades?symbol=${symbols[0]}&limit=5`);
          assert.ok([503, 504].includes(refused.status), `${refused.status} ${await refused.text()}`);
          await bench.nothingMoves();
        } finally {
          await stack.resume(NODE);
        }
        await whole("hung");
      });

      await step("refusing writes while it answers reads", async () => {
        const client = cassandraClient(servers);
        const replicas = (count: number) =>
          client.execute(
            `ALTER KEYSPACE ${names.keyspace} WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': ${count}}`,
          );
        try {
          // A quorum of three replicas is two, and there is one node.
          await replicas(3);
          await bench.load();
          await bench.troubled(["degraded"], /Cassandra/, { readable: true });
          await bench.nothingMoves();
          const trades = await pipeline.get<{ rows: unknown[] }>(
            `market/trades?symbol=${symbols[0]}&limit=5`,
          );
          assert.equal(trades.rows.length, 5);
        } finally {
          await replicas(1);
          await client.shutdown();
        }
        await whole("refused writes");
      });

      const cannotMount = await mountReason();
      const full = `its disk is full${cannotMount === "" ? "" : ` (skipped: ${cannotMount})`}`;
      await step(full, async () => {
        await stack.stop(NODE);
        await using disk = await SmallDisk.under(join(stack.folder, NODE), { freeMiB: 96 });
        await stack.start(NODE);
        await bench.load();
        await whole("moved to a small disk");
        await disk.fill();
        // The first segment of the commit log or the first flush that finds no room ends the node.
        const ended = bench.ended(NODE);
        for (let rounds = 0; rounds < 40 && !await ended(); rounds++) await bench.load();
        await until("the node to end", PATIENCE_MS, async () => await ended() || undefined);
        await bench.troubled(["degraded"], /Cassandra/);
        await bench.nothingMoves();
        await disk.free();
        await stack.start(NODE);
        await whole("disk was full");
        await stack.stop(NODE);
      }, cannotMount !== "");
      if (cannotMount === "") await stack.start(NODE);

      await step("a table dropped by a stranger", async () => {
        await bench.cql(servers, `DROP TABLE ${names.keyspace}.recent_trades`);
        await bench.load();
        const { consumer } = await bench.troubled(["blocked"], /Start the host: it makes and migrates/, {
          readable: true,
        });
        assert.match(consumer.detail, /recent_trades/);
        await bench.nothingMoves();
        assert.equal(await bench.restarts(), 0, "the consumer waits, it does not end");
        await pipeline.process.stop();
        await pipeline.start(PATIENCE_MS);
        // What was acknowledged before is gone with the table; the log has it.
        await bench.replay("binance.public.recent_trades");
        await whole("table dropped");
      });

      await step("a table truncated by a stranger", async () => {
        await bench.cql(servers, `TRUNCATE ${names.keyspace}.klines`);
        await bench.load();
        await bench.replay("binance.public.klines");
        await whole("table truncated");
      });

      await step("the keyspace dropped", async () => {
        await bench.cql(servers, `DROP KEYSPACE ${names.keyspace}`);
        await bench.load();
        await bench.troubled(["blocked", "failed"], /Start the host: it makes and migrates/);
        await bench.nothingMoves();
        await pipeline.process.stop();
        await pipeline.start(PATIENCE_MS);
        for (const topic of TOPICS) await bench.replay(topic);
        await whole("keyspace dropped");
      });

      await step("overloaded by others", async () => {
        await using _load = await overload(servers);
        await bench.load(4 * LOAD_MS);
        await drainedInto(exchange, store, symbols, PATIENCE_MS);
        await bench.noLetters();
      });
      await step("and everything is there after the overload", () => whole("overloaded"));

      await step("a consumer started while Cassandra is away", async () => {
        await stack.kill(NODE);
        const pid = await pipeline.pidOf("consumer");
        Deno.kill(pid, "SIGKILL");
        await bench.load();
        await until("another consumer", PATIENCE_MS, async () => {
          const { module } = await pipeline.get<{ module: { pid: number | null; state: string } }>(
            "modules/consumer",
          );
          return module.pid !== pid && module.state === "starting" || undefined;
        }, () => pipeline.process.tail);
        const { consumer } = await bench.troubled(["starting"], /Cassandra/);
        assert.match(consumer.detail, /Connect to Cassandra at/);
        await bench.nothingMoves();
        await stack.start(NODE);
        await whole("consumer started without Cassandra");
      });

      await step("a host started while Cassandra is away, then Kafka", async () => {
        for (const [server, what] of [[NODE, "Cassandra"], ["kafka-1", "Kafka"]] as const) {
          await pipeline.process.stop();
          await stack.kill(server);
          await bench.load();
          const before = pipeline.process;
          const starting = pipeline.start(2 * PATIENCE_MS);
          starting.catch(() => {});
          await until("the host's process", 10_000, () => pipeline.process !== before || undefined);
          await pipeline.process.line(new RegExp(`Waiting for ${what} at 127\\.0\\.0\\.1`), PATIENCE_MS);
          await stack.start(server);
          await starting;
          // Candles that closed while nobody listened are asked for at the next one's first event.
          await bench.load();
          await whole(`host started without ${what}`);
        }
      });
    } finally {
      await pipeline.process?.stop();
      await exchange.process.stop();
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** What every fault is looked at with. */
class FaultBench {
  readonly #parts: { pipeline: TestPipeline; exchange: TestExchange; stack: OwnStack; group: string };

  constructor(parts: { pipeline: TestPipeline; exchange: TestExchange; stack: OwnStack; group: string }) {
    this.#parts = parts;
  }

  /** Waits until the picture and readiness say that the consumer waits, and for what; and whether the store answers readers. */
  async troubled(
    states: string[],
    detail: RegExp,
    options: { readable?: boolean } = {},
  ): Promise<{ consumer: Stage; store: Stage }> {
    const { pipeline } = this.#parts;
    let seen: Picture | undefined;
    return await until(`the consumer to be ${states.join(" or ")}`, PATIENCE_MS, async () => {
      seen = await pipeline.get<Picture>("pipeline");
      const [consumer, store] = ["consumer", "store"].map((id) => seen!.stages.find((one) => one.id === id)!);
      if (!states.includes(consumer!.state) || !detail.test(consumer!.detail)) return undefined;
      // It is looked at more seldom than the consumer tells of itself.
      if (store!.state !== (options.readable ? "running" : "failed")) return undefined;
      assert.equal(seen.ready, false);
      const readyz = await fetch(`${pipeline.url}/readyz`);
      assert.match(await readyz.text(), /consumer/);
      assert.equal(readyz.status, 503);
      console.log(
        `  consumer ${consumer!.state}: ${consumer!.detail}\n  store ${store!.state}: ${store!.detail}`,
      );
      return { consumer: consumer!, store: store! };
    }, () => `${JSON.stringify(seen?.stages, null, 1)}\n${pipeline.process.tail}`);
  }

  /** I1: more comes into the log and no position moves. I5: nothing is set aside for what the store does. */
  async nothingMoves(): Promise<void> {
    const before = await this.#positions();
    await this.load();
    await until("the log to grow", PATIENCE_MS, async () => {
      const { high } = await this.#positions();
      return high >= before.high + GROWTH || undefined;
    }, () => this.#parts.pipeline.process.tail);
    assert.equal((await this.#positions()).acknowledged, before.acknowledged);
    await this.noLetters();
  }

  /** Lets the market go on for so long of its own time, as fast as it can. */
  async load(forMs = LOAD_MS): Promise<void> {
    const { exchange } = this.#parts;
    const { now } = await exchange.get<{ now: number }>("/admin/state");
    await exchange.post("/admin/run", { untilTime: now + forMs }, PATIENCE_MS);
  }

  /** As the consumer counts them: the store cannot be asked. */
  async noLetters(): Promise<void> {
    const { stages } = await this.#parts.pipeline.get<
      { stages: (Stage & { figures: { label: string; value: number }[] })[] }
    >("pipeline");
    const letters = stages.find(({ id }) => id === "consumer")!.figures.find(({ label }) =>
      label === "Dead letters"
    );
    assert.equal(letters?.value ?? 0, 0);
  }

  /** Waits until everything is said to be well again, and no dead letter is there. */
  async well(): Promise<void> {
    const { pipeline } = this.#parts;
    let seen: Picture | undefined;
    await until("everything to be well", PATIENCE_MS, async () => {
      seen = await pipeline.get<Picture>("pipeline");
      // The producer's lag is the exchange's age: it stood still while a server started.
      const notReady = seen.notReady.filter((why) => !why.startsWith("lag.producer"));
      return notReady.length === 0 && seen.stages.every(({ state }) => state === "running") || undefined;
    }, () => JSON.stringify(seen));
    const { rows } = await pipeline.get<{ rows: unknown[] }>("dead-letters");
    assert.deepEqual(rows, []);
  }

  /** Whether a server's process of now is gone. */
  ended(server: string): () => Promise<boolean> {
    return async () => await this.#parts.stack.pid(server).then(() => false, () => true);
  }

  async restarts(): Promise<number> {
    const { module } = await this.#parts.pipeline.get<{ module: { restarts: number } }>("modules/consumer");
    return module.restarts;
  }

  /** Replays a topic as a whole. */
  async replay(topic: string): Promise<void> {
    const { pipeline } = this.#parts;
    const { replay } = await pipeline.post<{ replay: { id: string } }>("replays", { topic });
    await until(`the replay of ${topic}`, PATIENCE_MS, async () => {
      const { replay: { state, error } } = await pipeline.get<
        { replay: { state: string; error: string | null } }
      >(`replays/${replay.id}`);
      assert.notEqual(state, "failed", error ?? "");
      return state === "done" || undefined;
    }, () => pipeline.process.tail);
  }

  /** A stranger's statement. */
  async cql(servers: Parameters<typeof cassandraClient>[0], statement: string): Promise<void> {
    const client = cassandraClient(servers);
    try {
      await client.execute(statement);
    } finally {
      await client.shutdown();
    }
  }

  async #positions(): Promise<{ acknowledged: number; high: number }> {
    const { stack, group } = this.#parts;
    const admin = kafkaAdmin(stack.testStack);
    await admin.connect();
    try {
      let [acknowledged, high] = [0, 0];
      for (const { partitions } of await admin.fetchOffsets({ groupId: group, topics: TOPICS })) {
        for (const { offset } of partitions) acknowledged += Math.max(0, Number(offset));
      }
      for (const topic of TOPICS) {
        for (const partition of await admin.fetchTopicOffsets(topic)) high += Number(partition.high);
      }
      return { acknowledged, high };
    } finally {
      await admin.disconnect();
    }
  }
}

/** Writers of large rows, as many at once as make one small node slow. */
async function overload(servers: Parameters<typeof cassandraClient>[0]): Promise<AsyncDisposable> {
  const client = cassandraClient(servers);
  const keyspace = "stranger";
  await client.execute(
    `CREATE KEYSPACE IF NOT EXISTS ${keyspace} WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}`,
  );
  await client.execute(`CREATE TABLE IF NOT EXISTS ${keyspace}.load (id int PRIMARY KEY, data blob)`);
  const ended = new AbortController();
  const data = Buffer.alloc(64 * 1024);
  let failed = 0;
  let written = 0;
  const writers = Array.from({ length: 32 }, async (_, id) => {
    while (!ended.signal.aborted) {
      await client.execute(`INSERT INTO ${keyspace}.load (id, data) VALUES (?, ?)`, [id, data], {
        prepare: true,
      }).then(() => written++, async () => {
        failed++;
        await wait(100, ended.signal);
      });
    }
  });
  return {
    async [Symbol.asyncDispose]() {
      ended.abort();
      await Promise.all(writers);
      assert.ok(written > 0);
      console.log(`  the stranger wrote ${written} rows of 64 KiB, ${failed} failed`);
      await client.execute(`DROP KEYSPACE ${keyspace}`);
      await client.shutdown();
    },
  };
}
