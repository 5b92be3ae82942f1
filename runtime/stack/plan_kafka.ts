import { join } from "node:path";
import { jvmArguments, loopback, type PlanFolders, type ServerPlan } from "./server_plan.ts";
import { PORT_FLAGS, type StackSettings } from "./settings.ts";

/** What names a Kafka cluster and its brokers' folders for ever. */
export type KafkaIdentity = {
  /** 16 bytes in base64url, as Kafka writes a UUID. */
  clusterId: string;
  /** The same, for each broker's data folder. */
  directoryIds: string[];
};

/** One KRaft server, broker and controller in one; `index` counts from 1. */
export function planKafka(
  index: number,
  settings: StackSettings,
  options: { folders: PlanFolders; identity: KafkaIdentity },
): ServerPlan {
  const { ports, brokers } = settings;
  const { folders, identity } = options;
  const name = `kafka-${index}`;
  const host = loopback(index);
  const folder = join(folders.stack, name);
  const logFile = join(folders.stack, "logs", `${name}.log`);
  const propertiesFile = join(folder, "kafka.properties");
  const common = [
    ...jvmArguments(settings, { part: "kafka", folder, logFile }),
    `-Dlog4j2.configurationFile=${join(folders.connectors, "kafka", "log4j2.properties")}`,
    "-cp",
    join(folders.servers, "kafka", "*"),
  ];
  const controllers = identity.directoryIds.slice(0, brokers).map((id, at) =>
    `${at + 1}@${loopback(at + 1)}:${ports.kafkaController}:${id}`
  );
  return {
    name,
    index,
    part: "kafka",
    host,
    port: ports.kafka,
    listens: [
      { host, port: ports.kafka, flag: PORT_FLAGS.kafka },
      { host, port: ports.kafkaController, flag: PORT_FLAGS.kafkaController },
    ],
    folder,
    logFile,
    outFile: join(folders.stack, "logs", `${name}.out`),
    files: { [propertiesFile]: kafkaProperties(index, settings, folder) },
    format: [
      ...common,
      "kafka.tools.StorageTool",
      "format",
      "--ignore-formatted",
      "--cluster-id",
      identity.clusterId,
      "--initial-controllers",
      controllers.join(","),
      "--config",
      propertiesFile,
    ],
    args: [...common, "kafka.Kafka", propertiesFile],
  };
}

/** A broker's `server.properties`. */
export function kafkaProperties(index: number, settings: StackSettings, folder: string): string {
  const { ports, brokers } = settings;
  const host = loopback(index);
  const inSync = brokers >= 3 ? 2 : 1;
  const lines: Record<string, string | number> = {
    "process.roles": "broker,controller",
    "node.id": index,
    "controller.quorum.bootstrap.servers": Array.from(
      { length: brokers },
      (_, at) => `${loopback(at + 1)}:${ports.kafkaController}`,
    ).join(","),
    "controller.listener.names": "CONTROLLER",
    "listeners": `PLAINTEXT://${host}:${ports.kafka},CONTROLLER://${host}:${ports.kafkaController}`,
    "advertised.listeners": `PLAINTEXT://${host}:${ports.kafka}`,
    "log.dirs": join(folder, "data"),
    // A mistyped topic is an error, not a topic; Connect makes its own by its admin client.
    "auto.create.topics.enable": "false",
    "default.replication.factor": brokers,
    "min.insync.replicas": inSync,
    "offsets.topic.replication.factor": brokers,
    "transaction.state.log.replication.factor": brokers,
    "transaction.state.log.min.isr": inSync,
    "share.coordinator.state.topic.replication.factor": brokers,
    "share.coordinator.state.topic.min.isr": inSync,
    // 50 by default, each with files and threads' work of its own: a machine with a handful of groups needs few.
    "offsets.topic.num.partitions": 8,
    "transaction.state.log.num.partitions": 8,
    "share.coordinator.state.topic.num.partitions": 8,
    // A first consumer need not wait for others.
    "group.initial.rebalance.delay.ms": 0,
    // A killed broker's partitions move after this (9 s by default), a busy machine's pauses stay below it.
    "broker.session.timeout.ms": 6000,
    "broker.heartbeat.interval.ms": 1000,
    // 128 MB of the heap by default, for compaction of topics that hold some hundred keys here.
    "log.cleaner.dedupe.buffer.size": 32 * 1024 * 1024,
    "log.index.size.max.bytes": 2 * 1024 * 1024,
    "num.network.threads": 2,
    "num.io.threads": 4,
    ...settings.kafkaProperties,
  };
  return Object.entries(lines).map(([key, value]) => `${key}=${value}\n`).join("");
}
