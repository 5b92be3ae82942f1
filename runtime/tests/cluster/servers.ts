import cassandra from "cassandra-driver";
import { type Admin, Kafka, logLevel } from "kafkajs";
import { mendDriver } from "../../cassandra/mend_cassandra.ts";
import { until } from "../pipeline_process.ts";
import type { TestStack } from "../test_stack.ts";

/** The servers that a test's pipeline runs on: of the shared stack, or of a stack of the test's own. */
export type ClusterServers = TestStack & {
  /** Password of candlewire_capture, as the Connect worker finds it. */
  capturePassword: string;
  /** Replicas of topics and of rows; 3 with three brokers and nodes. */
  replicas: number;
};

/** The shared servers, with what their secrets file says. */
export async function clusterServers(stack: TestStack, replicas = 1): Promise<ClusterServers> {
  const text = await Deno.readTextFile(stack.connectSecretsFile);
  const capturePassword = /^capturePassword=(.+)$/m.exec(text)?.[1];
  if (capturePassword === undefined) throw new Error(`No capturePassword in ${stack.connectSecretsFile}`);
  return { ...stack, capturePassword, replicas };
}

/** Names that are a test's own: the topics' are fixed, so they are emptied instead. */
export type ClusterNames = { keyspace: string; group: string; connector: string };

/** Fresh names. */
export function clusterNames(): ClusterNames {
  const suffix = crypto.randomUUID().slice(0, 8);
  return { keyspace: `test_${suffix}`, group: `test-${suffix}`, connector: `test-${suffix}` };
}

/** Settings of a pipeline of the cluster profile on these servers. */
export function clusterSettings(
  servers: ClusterServers,
  names: ClusterNames,
  engine: "debezium" | "candlewire" = "debezium",
): Record<string, unknown> {
  const { contactPoints, port, localDataCenter } = servers.cassandra;
  return {
    profile: "cluster",
    "postgres.capturePassword": servers.capturePassword,
    "capture.engine": engine,
    "consumer.group": names.group,
    "kafka.brokers": servers.kafka,
    "kafka.replicationFactor": servers.replicas,
    "kafka.minInSyncReplicas": servers.replicas > 1 ? 2 : 1,
    "connect.url": servers.connect,
    "connect.connector": names.connector,
    "connect.passwordReference": `\${file:${servers.connectSecretsFile}:capturePassword}`,
    "cassandra.contactPoints": contactPoints,
    "cassandra.port": port,
    "cassandra.localDataCenter": localDataCenter,
    "cassandra.replication": { [localDataCenter]: servers.replicas },
    "cassandra.keyspace": names.keyspace,
  };
}

/** Removes what a pipeline left on the servers: connector, topics of ours, group, keyspace. */
export async function emptyServers(servers: ClusterServers, names: ClusterNames): Promise<void> {
  await removeConnector(servers, names.connector);
  const admin = kafkaAdmin(servers);
  await admin.connect();
  try {
    await removeTopics(admin);
    await admin.deleteGroups([names.group]).catch(() => {});
  } finally {
    await admin.disconnect();
  }
  const client = cassandraClient(servers);
  try {
    await client.execute(`DROP KEYSPACE IF EXISTS ${names.keyspace}`);
  } finally {
    await client.shutdown();
  }
}

/** A client of the test's own; call `connect` and `disconnect`. */
export function kafkaAdmin(servers: Pick<ClusterServers, "kafka">): Admin {
  return new Kafka({ clientId: "test", brokers: servers.kafka, logLevel: logLevel.NOTHING }).admin();
}

/** A client of the test's own; end it with `shutdown`. Drops of a keyspace take seconds on a busy machine. */
export function cassandraClient(servers: Pick<ClusterServers, "cassandra">): cassandra.Client {
  const { contactPoints, port, localDataCenter } = servers.cassandra;
  mendDriver();
  return new cassandra.Client({
    contactPoints,
    localDataCenter,
    protocolOptions: { port },
    socketOptions: { readTimeout: 60_000 },
  });
}

async function removeConnector(servers: ClusterServers, connector: string): Promise<void> {
  await until(`connector ${connector} to be removed`, 60_000, async () => {
    const response = await fetch(`${servers.connect}/connectors/${connector}`, { method: "DELETE" });
    await response.body?.cancel();
    return response.ok || response.status === 404 || undefined;
  });
}

async function removeTopics(admin: Admin): Promise<void> {
  await until("topics to be removed", 60_000, async () => {
    const topics = (await admin.listTopics()).filter((topic) =>
      /^(__debezium-heartbeat\.)?binance(\.|$)/.test(topic)
    );
    if (topics.length === 0) return true;
    await admin.deleteTopics({ topics }).catch(() => {});
    return undefined;
  });
}
