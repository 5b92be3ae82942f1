import assert from "node:assert/strict";
import spec from "../../schema/kafka/topics.json" with { type: "json" };
import { topicOf } from "../change/envelope.ts";
import type { CandlewireError } from "../error.ts";
import { TABLES } from "../market/table.ts";
import { needStack, stackIgnore, stackName } from "../tests/test_stack.ts";
import { createKafka } from "./client_kafka.ts";
import { discoverBrokers, ensureTopics, type TopicsSpec } from "./topics_kafka.ts";

const CONFIG = {
  partitionsPerTopic: 3,
  replicationFactor: 1,
  minInSyncReplicas: 1,
  retentionMs: 3_600_000,
  retentionBytes: 1 << 30,
};

/** The specification under names of this run, and a client to it. */
function subject() {
  const kafka = createKafka({
    brokers: needStack().kafka,
    tls: null,
    sasl: null,
    connectTimeoutMs: 5000,
    requestTimeoutMs: 30_000,
  }, { clientId: "topics-test" });
  const prefix = `t${crypto.randomUUID().slice(0, 8)}.`;
  const mine: TopicsSpec = {
    ...spec,
    topics: spec.topics.map(({ name, kind }) => ({ name: prefix + name, kind })),
  };
  const admin = kafka.admin();
  return {
    kafka,
    admin,
    spec: mine,
    prefix,
    async [Symbol.asyncDispose]() {
      await admin.connect();
      const topics = (await admin.listTopics()).filter((name) => name.startsWith(prefix));
      if (topics.length > 0) await admin.deleteTopics({ topics });
      await admin.disconnect();
    },
  };
}

const rejection = async (work: () => Promise<unknown>): Promise<CandlewireError> => {
  try {
    await work();
  } catch (error) {
    return error as CandlewireError;
  }
  throw new Error("It did not reject");
};

Deno.test("the specification names every table's topic, and none of them is compacted", () => {
  for (const table of TABLES) {
    const topic = spec.topics.find(({ name }) => name === topicOf(table));
    assert.equal(topic?.kind, "changes", table);
  }
  assert.equal(spec.kinds.changes.config["cleanup.policy"], "delete");
});

Deno.test({
  name: stackName("creates the topics once, with partitions and retention as configured"),
  ...stackIgnore,
  async fn() {
    await using at = subject();
    const first = await ensureTopics(at.kafka, at.spec, CONFIG);
    assert.equal(first.created.length, spec.topics.length);
    const second = await ensureTopics(at.kafka, at.spec, CONFIG);
    assert.deepEqual([second.created, second.notices], [[], []]);
    assert.equal(second.existing.length, spec.topics.length);
    await at.admin.connect();
    const { topics } = await at.admin.fetchTopicMetadata({ topics: first.created });
    for (const { name, partitions } of topics) {
      const { kind } = at.spec.topics.find((topic) => topic.name === name)!;
      assert.equal(partitions.length, kind === "changes" ? 3 : 1, name);
    }
    const { resources } = await at.admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: at.prefix + topicOf("klines"), configNames: ["retention.ms"] }],
    });
    assert.equal(resources[0]!.configEntries[0]!.configValue, "3600000");
  },
});

Deno.test({
  name: stackName(
    "refuses fewer partitions and compaction, naming topic, value and remedy; takes more as they are",
  ),
  ...stackIgnore,
  async fn() {
    await using at = subject();
    await ensureTopics(at.kafka, at.spec, CONFIG);
    const fewer = await rejection(() =>
      ensureTopics(at.kafka, at.spec, { ...CONFIG, partitionsPerTopic: 5 })
    );
    assert.deepEqual([fewer.code, fewer.retry], ["log.bad_topic", "operator"]);
    assert.match(fewer.message, /\.crypto_24h_stats: it has 3 partitions, configured are 5/);
    assert.match(fewer.hint!, /--partitions 5/);
    const more = await ensureTopics(at.kafka, at.spec, { ...CONFIG, partitionsPerTopic: 2 });
    assert.equal(more.notices.length, 6);
    assert.match(more.notices[0]!, /has 3 partitions, configured are 2/);
    const longer = await ensureTopics(at.kafka, at.spec, { ...CONFIG, retentionMs: 7_200_000 });
    assert.match(longer.notices[0]!, /retention\.ms=3600000, configured is 7200000/);
    const topic = at.prefix + topicOf("klines");
    await at.admin.connect();
    await at.admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: 2, name: topic, configEntries: [{ name: "cleanup.policy", value: "compact" }] }],
    });
    // The broker may take a moment to know its own topics' new settings.
    const deadline = Date.now() + 10_000;
    let compacted: CandlewireError | undefined;
    while (compacted === undefined && Date.now() < deadline) {
      compacted = await ensureTopics(at.kafka, at.spec, CONFIG).then(() => undefined, (error) => error);
    }
    assert.ok(compacted, "it was not refused");
    assert.deepEqual([compacted.code, compacted.details.topic], ["log.bad_topic", topic]);
    assert.match(compacted.message, /cleanup\.policy is compact, not delete/);
  },
});

Deno.test({
  name: stackName("says when there are too few brokers, and when no broker answers"),
  ...stackIgnore,
  async fn() {
    await using at = subject();
    const few = await rejection(() => ensureTopics(at.kafka, at.spec, { ...CONFIG, replicationFactor: 3 }));
    assert.deepEqual([few.code, few.retry], ["log.bad_topic", "operator"]);
    assert.match(few.hint!, /replicationFactor/);
    const nobody = createKafka({
      brokers: ["127.0.0.1:1"],
      tls: null,
      sasl: null,
      connectTimeoutMs: 500,
      requestTimeoutMs: 1000,
    }, { clientId: "topics-test" });
    const down = await rejection(() => discoverBrokers(nobody));
    assert.deepEqual([down.code, down.retry], ["log.unavailable", "retry"]);
    assert.match(down.message, /127\.0\.0\.1:1/);
  },
});

Deno.test({
  name: stackName("finds every broker's address"),
  ...stackIgnore,
  async fn() {
    await using at = subject();
    const brokers = await discoverBrokers(at.kafka);
    assert.ok(brokers.length >= 1);
    for (const broker of brokers) assert.match(broker, /^[^:]+:\d+$/);
  },
});
