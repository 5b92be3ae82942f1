import { z } from "zod";
import { tlsConfig } from "../tls_config.ts";
import { TABLES } from "../market/table.ts";
import { CONSISTENCIES } from "./login.ts";

const ms = (value: number, text: string) =>
  z.int().min(1).max(600_000).default(value).describe(text).meta({ unit: "ms", example: value });

/** Cassandra, in the cluster profile. Defaults are those of `deno task stack`. */
export const cassandraConfig = z.strictObject({
  contactPoints: z.array(z.string().min(1)).min(1).default(["127.0.0.1"])
    .describe("Some nodes; the others are learned from them").meta({
      example: ["cassandra-1", "cassandra-2"],
    }),
  port: z.int().min(1).max(65_535).default(9042).describe(
    "Port of the native protocol, the same on all nodes",
  ),
  localDataCenter: z.string().min(1).default("datacenter1").describe("Data center whose nodes are asked"),
  keyspace: z.string().regex(/^[a-z][a-z0-9_]{0,47}$/).default("binance_keyspace")
    .describe("Keyspace of all tables"),
  replication: z.record(z.string().min(1), z.int().min(1).max(9)).default({ datacenter1: 1 })
    .describe("Replicas by data center (NetworkTopologyStrategy)").meta({ example: { datacenter1: 3 } }),
  consistency: z.strictObject({
    write: z.enum(CONSISTENCIES).default("LOCAL_QUORUM").describe(
      "Replicas that must have a row before its position moves (I1)",
    ),
    read: z.enum(CONSISTENCIES).default("LOCAL_ONE").describe("Replicas that answer a reader"),
    tables: z.partialRecord(z.enum(TABLES), z.enum(CONSISTENCIES)).default({}).describe(
      "Write levels of single tables",
    )
      .meta({ example: { order_book: "ONE" } }),
  }).prefault({}),
  tls: tlsConfig("nodes"),
  username: z.string().min(1).nullable().default(null).describe("Login; null: no authentication"),
  password: z.string().min(1).nullable().default(null).describe("Password of the login").meta({
    secret: true,
  }),
  connectTimeoutMs: ms(5_000, "How long a connection may take"),
  requestTimeoutMs: ms(12_000, "How long an answer may take"),
});

/** Cassandra's section, complete. */
export type CassandraConfig = z.infer<typeof cassandraConfig>;
