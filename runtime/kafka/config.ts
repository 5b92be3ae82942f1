import { z } from "zod";
import { tlsConfig } from "../tls_config.ts";

const ms = (value: number, text: string) =>
  z.int().min(1).max(600_000).default(value).describe(text).meta({ unit: "ms", example: value });

/** Kafka, in the cluster profile. Defaults are those of `deno task stack`. */
export const kafkaConfig = z.strictObject({
  brokers: z.array(z.string().regex(/^[^:\s]+:\d{1,5}$/, "Use host:port")).min(1).default(["127.0.0.1:9092"])
    .describe("Some brokers; the others are learned from them").meta({
      example: ["kafka-1:9092", "kafka-2:9092"],
    }),
  tls: tlsConfig("brokers"),
  sasl: z.strictObject({
    mechanism: z.enum(["plain", "scram-sha-256", "scram-sha-512"]).describe(
      "As the brokers' listener has it",
    ),
    username: z.string().min(1),
    password: z.string().min(1).meta({ secret: true }),
  }).nullable().default(null).describe("Signing in; null: no authentication"),
  connectTimeoutMs: ms(5_000, "How long a connection may take"),
  requestTimeoutMs: ms(30_000, "How long an answer may take"),
  replicationFactor: z.int().min(1).max(9).default(1).describe("Replicas of the topics that we make")
    .meta({ example: 3 }),
  minInSyncReplicas: z.int().min(1).max(9).default(1)
    .describe("Replicas that must have a record before it counts as written").meta({ example: 2 }),
  retentionMs: z.int().min(60_000).default(7 * 86_400_000)
    .describe("How long records are kept; replays reach back so far").meta({ unit: "ms" }),
  retentionBytes: z.int().min(1 << 20).default(8 * 1024 ** 3)
    .describe("Size of a partition beyond which its oldest records go earlier").meta({ unit: "bytes" }),
}).refine((kafka) => kafka.minInSyncReplicas <= kafka.replicationFactor, {
  message: "minInSyncReplicas must not be above replicationFactor",
  path: ["minInSyncReplicas"],
});

/** Kafka's section, complete. */
export type KafkaConfig = z.infer<typeof kafkaConfig>;
