import { join } from "node:path";
import { jvmArguments, loopback, type PlanFolders, type ServerPlan } from "./server_plan.ts";
import { PORT_FLAGS, type StackSettings } from "./settings.ts";

/** The Connect worker with Debezium's PostgreSQL connector. */
export function planConnect(
  settings: StackSettings,
  options: { folders: PlanFolders; secretsFile: string },
): ServerPlan {
  const { folders, secretsFile } = options;
  const folder = join(folders.stack, "connect");
  const logFile = join(folders.stack, "logs", "connect.log");
  const propertiesFile = join(folder, "connect.properties");
  return {
    name: "connect",
    index: 1,
    part: "connect",
    host: loopback(1),
    port: settings.ports.connect,
    listens: [{ host: loopback(1), port: settings.ports.connect, flag: PORT_FLAGS.connect }],
    folder,
    logFile,
    outFile: join(folders.stack, "logs", "connect.out"),
    files: {
      [propertiesFile]: connectProperties(settings, {
        plugins: join(folders.servers, "plugins"),
        secretsFile,
      }),
    },
    format: null,
    args: [
      ...jvmArguments(settings, { part: "connect", folder, logFile }),
      `-Dlog4j2.configurationFile=${join(folders.connectors, "kafka", "log4j2.properties")}`,
      "-cp",
      join(folders.servers, "kafka", "*"),
      "org.apache.kafka.connect.cli.ConnectDistributed",
      propertiesFile,
    ],
  };
}

/** The worker's properties. */
export function connectProperties(
  settings: StackSettings,
  options: { plugins: string; secretsFile: string },
): string {
  const { brokers, ports } = settings;
  const json = "org.apache.kafka.connect.json.JsonConverter";
  const lines: Record<string, string | number> = {
    "bootstrap.servers": Array.from({ length: brokers }, (_, at) => `${loopback(at + 1)}:${ports.kafka}`)
      .join(","),
    "group.id": "candlewire-connect",
    "listeners": `http://${loopback(1)}:${ports.connect}`,
    "rest.advertised.host.name": loopback(1),
    "key.converter": json,
    "key.converter.schemas.enable": "false",
    "value.converter": json,
    "value.converter.schemas.enable": "false",
    "config.storage.topic": "candlewire-connect-configs",
    "config.storage.replication.factor": brokers,
    "offset.storage.topic": "candlewire-connect-offsets",
    "offset.storage.replication.factor": brokers,
    "offset.storage.partitions": 4,
    "status.storage.topic": "candlewire-connect-status",
    "status.storage.replication.factor": brokers,
    "status.storage.partitions": 2,
    // What a killed worker repeats, and how long a slot holds WAL that is already in Kafka.
    "offset.flush.interval.ms": 1000,
    // A worker that was killed holds up the group for its session; one worker has nobody to wait for.
    "session.timeout.ms": 6000,
    "heartbeat.interval.ms": 2000,
    "scheduled.rebalance.max.delay.ms": 0,
    "plugin.path": options.plugins,
    // Finds plug-ins by their service files; scanning every class takes half a minute more.
    "plugin.discovery": "service_load",
    // The connector's own producer settings (linger, compression) are the host's to choose.
    "connector.client.config.override.policy": "All",
    // The connector's configuration holds a reference; only the worker reads the password, and no other file.
    "config.providers": "file",
    "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
    "config.providers.file.param.allowed.paths": options.secretsFile,
  };
  return Object.entries(lines).map(([key, value]) => `${key}=${value}\n`).join("");
}
