import kafkajs, { type Admin, type ITopicConfig, type Kafka } from "kafkajs";
import { CandlewireError } from "../error.ts";
import { createTopics } from "./create_topics_kafka.ts";
import { kafkaError } from "./error_kafka.ts";

/** What `schema/kafka/topics.json` holds: every topic of the pipeline, and how its kind is set up. */
export type TopicsSpec = {
  topics: { name: string; kind: string }[];
  /** `partitions` is fixed for a kind, or as configured; `config` has Kafka's own names and values. */
  kinds: Record<string, { partitions?: number; config: Record<string, string> }>;
};

/** What the configuration says of topics. */
export type TopicsConfig = {
  /** For kinds that fix none. */
  partitionsPerTopic: number;
  replicationFactor: number;
  minInSyncReplicas: number;
  /** ms and bytes a partition, for topics of the kind `changes`. */
  retentionMs: number;
  retentionBytes: number;
};

/** What {@linkcode ensureTopics} found and did. */
export type TopicsResult = {
  created: string[];
  existing: string[];
  /** What differs and is left as it is, one sentence each: for the log and `GET pipeline`. */
  notices: string[];
};

/** Settings of an existing topic that are compared, and whether a difference stops the start. */
const CHECKED: Record<string, boolean> = {
  "cleanup.policy": true,
  "retention.ms": false,
  "retention.bytes": false,
  "min.insync.replicas": false,
  "message.timestamp.type": false,
};

/**
 * Creates the topics that are missing and checks those that are there; changes none. Idempotent, and safe beside others
 * who do the same. Rejects with `log.bad_topic` (operator) for a topic that would lose or reorder records, naming
 * topic, value and remedy; `log.unauthorized`; `log.unavailable` (retry).
 *
 * More partitions than configured are taken as they are: a key's records keep their order from when the number last
 * changed. Records of one key on both sides of such a change lie in two partitions, and may be applied out of order,
 * which versions settle (I2).
 */
export async function ensureTopics(
  kafka: Kafka,
  spec: TopicsSpec,
  config: TopicsConfig,
): Promise<TopicsResult> {
  const wanted = spec.topics.map((topic) => wantedTopic(topic, spec, config));
  const admin = kafka.admin();
  try {
    await admin.connect();
    const known = new Set(await admin.listTopics());
    const missing = wanted.filter(({ topic }) => !known.has(topic));
    if (missing.length > 0) await createTopics(admin, missing);
    const existing = wanted.filter(({ topic }) => known.has(topic));
    const notices = existing.length > 0 ? await check(admin, existing) : [];
    return { created: missing.map(nameOf), existing: existing.map(nameOf), notices };
  } catch (error) {
    throw kafkaError("Set up Kafka's topics", error);
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

/** All brokers as they advertise themselves, `host:port`: the addresses that a client must be able to reach. */
export async function discoverBrokers(kafka: Kafka): Promise<string[]> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    return brokers.map(({ host, port }) => `${host}:${port}`).sort();
  } catch (error) {
    throw kafkaError("Ask Kafka for its brokers", error);
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

const nameOf = ({ topic }: ITopicConfig): string => topic;

function wantedTopic(
  { name, kind }: TopicsSpec["topics"][number],
  spec: TopicsSpec,
  config: TopicsConfig,
): ITopicConfig {
  const shape = spec.kinds[kind];
  if (shape === undefined) throw new Error(`Topic ${name} is of kind ${kind}, which schema/kafka lacks`);
  const settings: Record<string, string> = {
    ...shape.config,
    "min.insync.replicas": String(config.minInSyncReplicas),
    ...(kind === "changes"
      ? { "retention.ms": String(config.retentionMs), "retention.bytes": String(config.retentionBytes) }
      : {}),
  };
  return {
    topic: name,
    numPartitions: shape.partitions ?? config.partitionsPerTopic,
    replicationFactor: config.replicationFactor,
    configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
  };
}

/** Compares what is there with what is wanted. */
async function check(admin: Admin, wanted: ITopicConfig[]): Promise<string[]> {
  const { topics } = await admin.fetchTopicMetadata({ topics: wanted.map(nameOf) });
  const settings = await settingsOf(admin, wanted);
  const notices: string[] = [];
  for (const { topic, numPartitions = 1, replicationFactor = 1, configEntries = [] } of wanted) {
    const partitions = topics.find(({ name }) => name === topic)?.partitions ?? [];
    if (partitions.length < numPartitions) {
      throw new CandlewireError(
        "log.bad_topic",
        `Use topic ${topic}: it has ${partitions.length} partitions, configured are ${numPartitions}`,
        {
          retry: "operator",
          hint: `Lower capture.partitions to ${partitions.length}, or add partitions: ` +
            `kafka-topics.sh --alter --topic ${topic} --partitions ${numPartitions}`,
          details: { topic, partitions: partitions.length, configured: numPartitions },
        },
      );
    }
    if (partitions.length > numPartitions) {
      notices.push(
        `Topic ${topic} has ${partitions.length} partitions, configured are ${numPartitions}: all are used; ` +
          "the order of a key holds from when their number last changed",
      );
    }
    const replicas = Math.min(...partitions.map((partition) => partition.replicas.length));
    if (replicas < replicationFactor) {
      notices.push(`Topic ${topic} has ${replicas} replicas, configured are ${replicationFactor}`);
    }
    for (const { name, value } of configEntries) {
      const found = settings.get(topic)?.get(name);
      if (found === undefined || found === value || !(name in CHECKED)) continue;
      if (!CHECKED[name]) {
        notices.push(`Topic ${topic} has ${name}=${found}, configured is ${value}: left as it is`);
        continue;
      }
      throw new CandlewireError(
        "log.bad_topic",
        `Use topic ${topic}: its ${name} is ${found}, not ${value}`,
        {
          retry: "operator",
          hint: (value === "delete" ? "Compaction would remove changes that were not read yet. " : "") +
            `Set it: kafka-configs.sh --alter --entity-type topics --entity-name ${topic} --add-config ${name}=${value}`,
          details: { topic, setting: name, found, wanted: value },
        },
      );
    }
  }
  return notices;
}

/** Settings by topic and name; without the right to describe them, none: then they are not compared. */
async function settingsOf(admin: Admin, wanted: ITopicConfig[]): Promise<Map<string, Map<string, string>>> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: wanted.map(({ topic }) => ({
      type: kafkajs.ConfigResourceTypes.TOPIC,
      name: topic,
      configNames: Object.keys(CHECKED),
    })),
  });
  return new Map(resources.map(({ resourceName, configEntries }) => [
    resourceName,
    new Map(configEntries.map(({ configName, configValue }) => [configName, configValue])),
  ]));
}
