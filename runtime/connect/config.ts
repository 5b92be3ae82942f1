import { z } from "zod";

/** Kafka Connect with Debezium, in the cluster profile. Defaults are those of `deno task stack`. */
export const connectConfig = z.strictObject({
  url: z.url().default("http://127.0.0.1:8083").describe("REST address of Kafka Connect"),
  connector: z.string().regex(/^[A-Za-z0-9._-]{1,100}$/).default("candlewire")
    .describe("Name of the connector that the host registers"),
  passwordReference: z.string().regex(
    /^\$\{[a-z]+:.+\}$/,
    "Use a reference such as ${file:/path:key}, never the password",
  )
    .default("${file:/etc/candlewire/connect.properties:capturePassword}")
    .describe(
      "Where the Connect worker finds the password of role candlewire_capture: a configuration provider's reference",
    ),
  database: z.strictObject({
    host: z.string().min(1).nullable().default(null).describe(
      "PostgreSQL as the worker sees it; null: as the host does",
    ),
    port: z.int().min(1).max(65_535).nullable().default(null).describe(
      "Its port there; null: as the host has it",
    ),
  }).prefault({}),
  settings: z.record(z.string(), z.string()).default({})
    .describe("Connector properties beyond ours; ours win where semantics depend on them")
    .meta({ example: { "poll.interval.ms": "10" } }),
  restartBudget: z.int().min(0).max(1000).default(5).describe(
    "Restarts of failed tasks within restartWindowMs",
  )
    .meta({ unit: "restarts" }),
  restartWindowMs: z.int().min(1000).max(86_400_000).default(300_000).describe("Window of that budget")
    .meta({ unit: "ms", example: 300_000 }),
  checkMs: z.int().min(100).max(600_000).default(2_000).describe(
    "How often the connector's state is asked for",
  )
    .meta({ unit: "ms", example: 2_000 }),
  requestTimeoutMs: z.int().min(100).max(600_000).default(10_000).describe(
    "How long Connect may take to answer",
  )
    .meta({ unit: "ms", example: 10_000 }),
});

/** Connect's section, complete. */
export type ConnectConfig = z.infer<typeof connectConfig>;
