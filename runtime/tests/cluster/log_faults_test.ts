import assert from "node:assert/strict";
import type { Admin } from "kafkajs";
import { until } from "../pipeline_process.ts";
import { testSeed } from "../seed.ts";
import { needStack, stackIgnore, stackName } from "../test_stack.ts";
import { FaultPipeline } from "./fault_pipeline.ts";
import { recordFaults } from "./record_faults.ts";
import { clusterNames, clusterServers, emptyServers, kafkaAdmin } from "./servers.ts";
import { connectFaults, dropSlot, slotFaults } from "./slot_faults.ts";
import { tableFaults } from "./table_faults.ts";

const TRADES = "binance.public.recent_trades";
const KLINES = "binance.public.klines";

// What happens to the log's side of a running pipeline: each fault is survived, or stops with a clear state on
// `GET pipeline`, and nothing is lost (I1, I5, I7).
Deno.test({
  name: stackName("faults of topics, records, tables, Connect and slot"),
  ...stackIgnore,
  fn: async (t) => {
    const servers = await clusterServers(needStack());
    const names = clusterNames();
    await emptyServers(servers, names);
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => emptyServers(servers, names));
    const folder = await Deno.makeTempDir({ prefix: "candlewire-log-faults-" });
    const admin = kafkaAdmin(servers);
    await admin.connect();
    cleanup.defer(() => admin.disconnect());
    const fault = cleanup.use(
      await FaultPipeline.prepare(folder, { servers, names, seed: testSeed("log faults") }),
    );
    // A step builds on the one before: where one failed, the others would fail by it.
    const step = async (name: string, work: () => Promise<void>) => {
      if (!await t.step(name, work)) throw new Error(`Failed: ${name}`);
    };
    await step("topics that do not fit end the start; missing ones are made", async () => {
      await makeTopic(admin, KLINES, { partitions: 1 });
      const few = await fault.refusedStart();
      assert.match(few, /binance\.public\.klines: it has 1 partitions, configured are 4/);
      assert.match(few, /Lower capture\.partitions to 1, or add partitions: kafka-topics\.sh --alter/);
      await deleteTopic(admin, KLINES);
      await makeTopic(admin, KLINES, { config: { "cleanup.policy": "compact" } });
      const compacted = await fault.refusedStart();
      assert.match(compacted, /binance\.public\.klines: its cleanup\.policy is compact, not delete/);
      assert.match(compacted, /--add-config cleanup\.policy=delete/);
      await deleteTopic(admin, KLINES);
      await fault.follow();
      assert.ok(fault.lines.some((line) => /Created topics .*binance\.public\.klines/.test(line)));
      await fault.equalsTruth();
    });

    await step("a topic deleted under the running pipeline", async () => {
      await fault.pipeline.post("modules/consumer/stop");
      const before = await ends(admin, TRADES);
      await fault.told(400);
      await until(
        "records that nobody has read",
        60_000,
        async () => await ends(admin, TRADES) > before || undefined,
      );
      await deleteTopic(admin, TRADES);
      await fault.pipeline.post("modules/consumer/start");
      await fault.load();
      await fault.shows("journal", /failed/, /binance\.public\.recent_trades/);
      await fault.shows("capture", /degraded/, /topic is missing/);
      await fault.notReady(/^capture$/, /topic is missing/);
      await makeTopic(admin, TRADES, {});
      await fault.storedMore(100);
      // What lay unread in the topic is gone with it; PostgreSQL still has it, and a new snapshot brings it.
      await using owner = await fault.owner();
      await dropSlot(owner);
      await fault.storedMore(100);
      await fault.equalsTruth();
    });

    await step("foreign records, in every codec, become dead letters", async () => {
      await recordFaults(fault, { servers, admin });
    });

    await step("strangers restart, pause, stop, remove and configure the connector", async () => {
      await connectFaults(fault, servers);
    });

    await tableFaults(step, fault);
    await slotFaults(step, fault);
  },
});

/** Records that a topic has, in all partitions. */
async function ends(admin: Admin, topic: string): Promise<number> {
  return (await admin.fetchTopicOffsets(topic)).reduce(
    (sum, { high, low }) => sum + Number(high) - Number(low),
    0,
  );
}

async function makeTopic(
  admin: Admin,
  topic: string,
  { partitions = 4, config = {} }: { partitions?: number; config?: Record<string, string> },
): Promise<void> {
  await until(`topic ${topic} to be made`, 60_000, async () => {
    await admin.createTopics({
      waitForLeaders: false,
      topics: [{
        topic,
        numPartitions: partitions,
        replicationFactor: 1,
        configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
      }],
    });
    return true;
  });
  await until(
    `topic ${topic} to be there`,
    60_000,
    async () => (await admin.listTopics()).includes(topic) || undefined,
  );
}

async function deleteTopic(admin: Admin, topic: string): Promise<void> {
  await admin.deleteTopics({ topics: [topic] });
  await until(
    `topic ${topic} to be gone`,
    60_000,
    async () => !(await admin.listTopics()).includes(topic) || undefined,
  );
}
