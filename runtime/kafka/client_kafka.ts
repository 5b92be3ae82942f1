import { Kafka, type KafkaConfig as ClientConfig, logLevel } from "kafkajs";
import type { KafkaLogin, KafkaSecrets } from "./login.ts";
import { registerCodecs } from "./codecs_kafka.ts";
import { mendDriver } from "./mend_kafka.ts";

/** A line for our log. */
export type KafkaLogLine = (
  level: "debug" | "info" | "warn" | "error",
  message: string,
  fields?: Record<string, unknown>,
) => void;

/** Options of {@linkcode createKafka}. */
export type KafkaClientOptions = {
  /** Shown in the brokers' logs and quotas. */
  clientId: string;
  secrets?: KafkaSecrets;
  log?: KafkaLogLine;
};

/**
 * kafkajs as this project uses it: every codec registered, its noise mapped to our levels, short waits between attempts.
 * Nothing is connected yet. Its own attempts end within about two seconds: who calls it waits and says so meanwhile.
 *
 * Give producers `createPartitioner: Partitioners.DefaultPartitioner`: with it named, kafkajs prints no notice of its own.
 */
export function createKafka(login: KafkaLogin, options: KafkaClientOptions): Kafka {
  registerCodecs();
  mendDriver();
  const { secrets = {} } = options;
  return new Kafka({
    clientId: options.clientId,
    brokers: login.brokers,
    ssl: login.tls === null ? false : {
      // undefined: the authorities that Deno trusts.
      ca: login.tls.ca ?? undefined,
      cert: login.tls.certificate ?? undefined,
      key: secrets.kafkaKey,
      ...(login.tls.serverName === null ? {} : { servername: login.tls.serverName }),
    },
    sasl: login.sasl === null ? undefined : {
      mechanism: login.sasl.mechanism,
      username: login.sasl.username,
      password: secrets.kafkaPassword ?? "",
    } as ClientConfig["sasl"],
    connectionTimeout: login.connectTimeoutMs,
    authenticationTimeout: login.connectTimeoutMs,
    requestTimeout: login.requestTimeoutMs,
    retry: { initialRetryTime: 50, multiplier: 2, maxRetryTime: 500, retries: 6, factor: 0.2 },
    logLevel: logLevel.WARN,
    logCreator: () => ({ namespace, level, log }) => {
      const line = mapLine(level, log as Record<string, unknown>);
      if (options.log === undefined || line === undefined) return;
      options.log(
        line,
        `Kafka client: ${namespace} ${log.message}`,
        fieldsOf(log as Record<string, unknown>),
      );
    },
  });
}

/** What kafkajs reports at ERROR though it is the ordinary life of a group or a cluster. */
const ORDINARY =
  /rebalanc|rejoin|re-joining|not aware of this member|generation id|coordinator|member.?id|leader|not host this|out of range/i;

/** Fields that may be shown. Others can hold payloads, or what was sent to sign in (I6). */
const SHOWN = ["broker", "clientId", "groupId", "topic", "partition", "retryCount", "retryTime", "topics"];

/**
 * Our level for a line of kafkajs. Its errors are at most warnings here: the call that they belong to rejects, and what
 * that means is said by whoever made it.
 */
function mapLine(level: logLevel, log: Record<string, unknown>): "debug" | "info" | "warn" {
  const text = `${log.message} ${typeof log.error === "string" ? log.error : ""}`;
  if (level === logLevel.ERROR) return ORDINARY.test(text) ? "info" : "warn";
  return level === logLevel.WARN ? "info" : "debug";
}

function fieldsOf(log: Record<string, unknown>): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const name of SHOWN) if (log[name] !== undefined) fields[name] = log[name];
  if (typeof log.error === "string") fields.error = log.error.slice(0, 300);
  return fields;
}
