import assert from "node:assert/strict";
import { CapturedPostgres } from "../tests/captured_postgres.ts";
import { eventually } from "../tests/until.ts";
import { KafkaTopics } from "../tests/kafka_topics.ts";
import { seededRandom, testSeed } from "../tests/seed.ts";
import { spawnCapture } from "../tests/spawned_capture.ts";
import { stackIgnore, stackName } from "../tests/test_stack.ts";
import type { Envelope } from "../change/envelope.ts";

const seed = testSeed("capture_kafka");

/** It reaches PostgreSQL and the brokers, and nothing else (I6). */
function spawn(postgres: CapturedPostgres, topics: KafkaTopics, slot: string) {
  const { host, port } = postgres.server;
  return spawnCapture([`--allow-net=${[`${host}:${port}`, ...topics.login.brokers].join(",")}`], {
    ...postgres.parameters("", { slot, topicPrefix: topics.name("c"), maxPendingChars: 65_536 }),
    sink: { kind: "kafka", login: topics.login, positionTopic: topics.name("position") },
  });
}

Deno.test({
  name: stackName(
    "kill -9 of capture into Kafka loses no change; what comes twice comes in order (I1, I2, I5)",
  ),
  ...stackIgnore,
  async fn() {
    const random = seededRandom(seed);
    await using postgres = await CapturedPostgres.start();
    await using topics = await KafkaTopics.create();
    const { owner } = postgres;
    await owner.query("CREATE TABLE crash (symbol text, id int, n int, PRIMARY KEY (symbol, id))");
    await postgres.publish("crash");
    const topic = "c.public.crash";
    await topics.make(topic, { partitions: 3, config: { "message.timestamp.type": "LogAppendTime" } });
    let rows = 0;
    const insert = async (count: number) => {
      await owner.query(
        "INSERT INTO crash SELECT 'S' || (i % 4), i, i FROM generate_series($1::int, $2::int) i",
        [rows + 1, rows + count],
      );
      rows += count;
    };
    const stored = async () => (await topics.records([topic])).length;
    // There before the slot: the snapshot brings it.
    await insert(200);
    for (let life = 0; life < 4; life++) {
      const before = await stored();
      const capture = spawn(postgres, topics, "crash_kafka");
      for (let n = 0; n < 10; n++) await insert(50 + Math.floor(random() * 200));
      // Kills go by progress, not by time.
      const enough = before + 50 + Math.floor(random() * 900);
      await eventually(
        async () => await stored() >= enough,
        `life ${life}: capture brings nothing (seed ${seed})`,
      );
      await capture.kill();
    }
    await insert(10);
    const last = spawn(postgres, topics, "crash_kafka");
    const ids = async () => {
      const records = await topics.records([topic]);
      return records.map(({ value, partition, offset, key }) => {
        const { after } = JSON.parse(value!) as Envelope<{ id: number; symbol: string }>;
        assert.deepEqual(JSON.parse(key!), { symbol: after!.symbol });
        return { id: after!.id, partition, offset, symbol: after!.symbol };
      });
    };
    await eventually(
      async () => new Set((await ids()).map(({ id }) => id)).size === rows,
      `changes are missing (seed ${seed})`,
    );
    await last.stop();
    // The first time that each row is there follows commit order, for each key.
    const seen = new Map<string, number>();
    const first = new Set<number>();
    const partitions = new Map<string, number>();
    for (const { id, symbol, partition } of await ids()) {
      assert.equal(partitions.get(symbol) ?? partition, partition);
      partitions.set(symbol, partition);
      if (first.has(id)) continue;
      first.add(id);
      assert.ok(id > (seen.get(symbol) ?? 0), `${symbol}: ${id} after ${seen.get(symbol)} (seed ${seed})`);
      seen.set(symbol, id);
    }
  },
});

Deno.test({
  name: stackName("capture into Kafka says that a topic is missing, waits, and goes on where it was"),
  ...stackIgnore,
  async fn() {
    await using postgres = await CapturedPostgres.start();
    await using topics = await KafkaTopics.create();
    await postgres.owner.query("CREATE TABLE late (symbol text PRIMARY KEY)");
    await postgres.publish("late");
    await using running = postgres.capture("", {
      slot: "late",
      topicPrefix: topics.name("c"),
    }, { kind: "kafka", login: topics.login, positionTopic: topics.name("position") });
    await postgres.streaming(running);
    await postgres.owner.query("INSERT INTO late VALUES ('A')");
    const { state } = running.context;
    await eventually(
      () => running.context.state.health === "blocked",
      () => `not blocked: ${JSON.stringify(state)}`,
    );
    assert.match(running.context.state.detail, /c\.public\.late is missing/);
    await postgres.owner.query("INSERT INTO late VALUES ('B')");
    await topics.make("c.public.late", { partitions: 1 });
    await eventually(
      async () => (await topics.records(["c.public.late"])).length === 2,
      "changes are missing",
    );
    await eventually(() => running.context.state.health === "running", "still not running");
    assert.deepEqual(
      (await topics.records(["c.public.late"])).map(({ key }) => key),
      ['{"symbol":"A"}', '{"symbol":"B"}'],
    );
  },
});
