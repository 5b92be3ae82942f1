import { z } from "zod";

/** A ceiling's list: absent means nothing. */
const entries = z.array(z.string()).default([]);

/** Settings of the module host. */
export const hostConfigSchema = z.strictObject({
  modulesFolder: z.string().nullable().default(null)
    .describe("Each folder in it that holds a manifest.json is a module").meta({ example: "./modules" }),
  transformsFolder: z.string().nullable().default(null)
    .describe("Each .ts file in it is a user transform").meta({ example: "./transforms" }),
  approve: z.enum(["new", "all", "none"]).default("new")
    .describe(
      "Which user code runs without an operator's approval: what is seen for the first time (`new`), " +
        "also what changed (`all`, for development), or nothing (`none`)",
    ).meta({ example: "none" }),
  ceiling: z.strictObject({ net: entries, read: entries, write: entries, calls: entries })
    .default({ net: [], read: [], write: [], calls: ["producer.rows"] })
    .describe("The most that a user module may be granted; transforms get nothing, whatever this says")
    .meta({ example: { net: ["ws.kraken.com:443"], read: [], write: [], calls: ["producer.rows"] } }),
  maxMemoryMb: z.int().min(64).max(65_536).default(512)
    .describe("The most memory that a user module may ask for").meta({ unit: "MiB", example: 256 }),
  transformMemoryMb: z.int().min(64).max(16_384).default(128)
    .describe("Memory ceiling of a transform file").meta({ unit: "MiB", example: 128 }),
  transformTimeoutMs: z.int().min(10).max(600_000).default(5_000)
    .describe("Time limit of one batch in a transform file").meta({ unit: "ms", example: 2000 }),
  heartbeatMs: z.int().min(50).max(60_000).default(1_000)
    .describe("How often a module reports").meta({ unit: "ms", example: 1000 }),
  hangMs: z.int().min(500).max(600_000).default(15_000)
    .describe("A module that reports nothing for so long is killed").meta({ unit: "ms", example: 15_000 }),
  startTimeoutMs: z.int().min(500).max(600_000).default(30_000)
    .describe("A module that has not loaded its code within this time is killed")
    .meta({ unit: "ms", example: 30_000 }),
  drainMs: z.int().min(100).max(600_000).default(10_000)
    .describe("Time to drain after a stop, before it is killed").meta({ unit: "ms", example: 10_000 }),
  watchMs: z.int().min(50).max(10_000).default(250)
    .describe("How often memory and heartbeats are checked").meta({ unit: "ms", example: 250 }),
  backoffMs: z.int().min(1).max(60_000).default(500)
    .describe("First wait before a restart; doubles with each").meta({ unit: "ms", example: 500 }),
  maxBackoffMs: z.int().min(1).max(3_600_000).default(30_000)
    .describe("Longest wait before a restart").meta({ unit: "ms", example: 30_000 }),
  logLines: z.int().min(10).max(100_000).default(2_000)
    .describe("Log lines kept of each module").meta({ unit: "lines", example: 2000 }),
});

/** The module host's settings, complete. */
export type HostConfig = z.infer<typeof hostConfigSchema>;
