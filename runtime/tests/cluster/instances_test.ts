import assert from "node:assert/strict";
import { join } from "node:path";
import { sumOf } from "../../control/rates.ts";
import { startPostgres } from "../../postgres/server.ts";
import { TestExchange, TestPipeline, until } from "../pipeline_process.ts";
import { testSeed } from "../seed.ts";
import { needStack, stackIgnore, stackName } from "../test_stack.ts";
import { booksSettledIn, compareSettled, drainedInto, followedIn, nextTradeIds } from "../truth.ts";
import { CassandraTruth } from "../truth_cassandra.ts";
import { clusterNames, clusterServers, clusterSettings, emptyServers } from "./servers.ts";

type Modules = {
  modules: { name: string; kind: string; pid: number | null; metrics: Record<string, number> }[];
};

// Each part on a host of its own, as in production: `start --only producer`, `--only capture`, `--only consumer`.
Deno.test({
  name: stackName("consumers of one group share the load; one that dies loses nothing (I1, I2)"),
  ...stackIgnore,
  fn: async (t) => {
    const servers = await clusterServers(needStack());
    const names = clusterNames();
    const folder = await Deno.makeTempDir({ prefix: "candlewire-instances-" });
    await Deno.chmod(folder, 0o755);
    await emptyServers(servers, names);
    const postgres = await startPostgres({ folder: join(folder, "postgres"), port: 0 });
    const exchange = await TestExchange.start({
      "exchange.market.folder": join(folder, "exchange"),
      "exchange.market.seed": testSeed("instances"),
      "exchange.market.ratePerSecond": 200,
      "exchange.server.port": 0,
      "exchange.server.speed": 10,
      "exchange.server.paused": true,
    });
    const { host, port, user, password, database } = postgres;
    const hostOf = (only: string, settings: Record<string, unknown> = {}) =>
      new TestPipeline(join(folder, `${only}-${crypto.randomUUID().slice(0, 4)}`), {
        ...clusterSettings(servers, names),
        "postgres.url": `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`,
        "source.restUrl": exchange.url,
        only,
        ...settings,
      });
    const producer = hostOf("producer");
    const capture = hostOf("capture");
    const hosts = [producer, capture];
    try {
      await producer.start(120_000);
      await capture.start(120_000);
      await using store = await CassandraTruth.connect(servers.cassandra, names.keyspace);
      let symbols: string[] = [];
      let firstIds = new Map<string, number>();
      let now = 0;

      for (const instances of [2, 3]) {
        await t.step(`${instances} instances, one killed under load`, async () => {
          const consumers = hostOf("consumer", { instances });
          hosts.push(consumers);
          await consumers.start(120_000);
          if (symbols.length === 0) {
            await exchange.run(5000);
            symbols = await followedIn(store, 20);
            firstIds = await nextTradeIds(exchange, symbols);
            now = (await exchange.get<{ now: number }>("/admin/state")).now;
          }
          await exchange.post("/admin/resume");
          await until(`each of ${instances} instances to have read`, 120_000, async () => {
            const { modules } = await consumers.get<Modules>("modules");
            const busy = modules.filter(({ kind, metrics }) =>
              kind === "consumer" && consumed(metrics) > 1000
            );
            return busy.length === instances || undefined;
          }, async () => JSON.stringify(await consumers.get<Modules>("modules")).slice(0, 3000));
          const victim = `consumer-${instances}`;
          const pid = await consumers.pidOf(victim);
          Deno.kill(pid, "SIGKILL");
          await until(`${victim} to read again`, 120_000, async () => {
            const { modules } = await consumers.get<Modules>("modules");
            const found = modules.find(({ name }) => name === victim);
            return found !== undefined && found.pid !== null && found.pid !== pid &&
                consumed(found.metrics) > 100 || undefined;
          }, () => consumers.process.tail);
          await exchange.post("/admin/pause");
          await drainedInto(exchange, store, symbols);
          await booksSettledIn(exchange, store, symbols);
          const found = await compareSettled(exchange, store, symbols, { firstIds, from: now });
          const shares = (await consumers.get<Modules>("modules")).modules
            .filter(({ kind }) => kind === "consumer").map(({ name, metrics }) =>
              `${name} ${consumed(metrics)}`
            );
          console.log(
            `${instances} instances: ${found.trades} trades compared; records since its start: ${shares}`,
          );
          assert.deepEqual(found.differences, []);
          await consumers.process.stop();
        });
      }

      await t.step(
        "a second producer waits for the first one's lease, and takes over when it is gone",
        async () => {
          const second = hostOf("producer");
          hosts.push(second);
          const starting = second.start(180_000);
          starting.catch(() => {});
          await until(
            "the second host to wait",
            120_000,
            () =>
              second.process?.lines.some((line) =>
                /Waiting for .*lease\.producer: Another host holds it/.test(line)
              ) ||
              undefined,
            () => second.process?.tail ?? "",
          );
          assert.equal((await producer.process.stop()).code, 0);
          await starting;
        },
      );
    } finally {
      for (const one of hosts) await one.process?.stop();
      await exchange.process.stop();
      await postgres.stop();
      await emptyServers(servers, names);
      await Deno.remove(folder, { recursive: true });
    }
  },
});

function consumed(metrics: Record<string, number>): number {
  return sumOf(metrics, "candlewire_consumed_records_total") ?? 0;
}
