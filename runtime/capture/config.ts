import { z } from "zod";

const bytes = () => z.number().int().min(65_536);

/** Capture: what is read, how values are written, and what the journal keeps. Names of modes are Debezium's. */
export const captureConfig = z.strictObject({
  engine: z.enum(["debezium", "candlewire"]).default("debezium")
    .describe(
      "Who captures into Kafka in the cluster profile: Debezium in Kafka Connect, or our own capture",
    ),
  slot: z.string().regex(/^[a-z0-9_]{1,63}$/).default("candlewire")
    .describe("Replication slot; made at the first start, read by this capture alone"),
  publication: z.string().min(1).max(63).default("candlewire")
    .describe("Publication that names the captured tables"),
  topicPrefix: z.string().regex(/^[A-Za-z0-9._-]{1,100}$/).default("binance")
    .describe("First part of topic names: <prefix>.<schema>.<table>"),
  partitions: z.number().int().min(1).max(1000).default(4)
    .describe("Partitions of each topic; changing it moves keys, so start with an empty journal"),
  keyColumns: z.array(z.string().min(1)).default(["symbol"])
    .describe("Columns of the record key, for tables that have all of them; others use their primary key")
    .meta({ example: ["symbol"] }),
  decimalHandlingMode: z.enum(["string", "precise", "double"]).default("string")
    .describe("numeric and money: exact text, base64 of the unscaled integer, or a float"),
  timePrecisionMode: z.enum([
    "adaptive",
    "adaptive_time_microseconds",
    "connect",
    "isostring",
    "microseconds",
    "nanoseconds",
  ])
    .default("adaptive").describe("date, time and timestamp without a zone"),
  intervalHandlingMode: z.enum(["numeric", "string"]).default("numeric")
    .describe("interval: microseconds, or ISO 8601 text"),
  binaryHandlingMode: z.enum(["bytes", "base64", "base64-url-safe", "hex"]).default("bytes")
    .describe("bytea; in JSON, bytes are base64"),
  hstoreHandlingMode: z.enum(["map", "json"]).default("map")
    .describe("hstore: an object, or its JSON in a string"),
  includeUnknownDatatypes: z.boolean().default(false)
    .describe("Columns of types that Debezium does not know: their text's bytes, or no field"),
  unavailableValuePlaceholder: z.string().min(1).default("__debezium_unavailable_value")
    .describe("Stands for a TOAST value that did not change and is not known"),
  skippedOperations: z.array(z.enum(["c", "u", "d", "t"])).default([])
    .describe("Operations that are not captured; Debezium's default is truncate").meta({ example: ["t"] }),
  signalTable: z.string().regex(/^[^.]+\.[^.]+$/, "Use schema.table").default("public.candlewire_signal")
    .describe("Published table of signals to Debezium, schema.table; our own capture leaves it out"),
  snapshotMode: z.enum(["initial", "no_data"]).default("initial")
    .describe("Read the tables' rows before the stream, or begin with the stream"),
  snapshotFetchSize: z.number().int().min(1).max(100_000).default(2000)
    .describe("Rows that the snapshot reads and appends at a time").meta({ unit: "rows" }),
  onSlotLost: z.enum(["resnapshot", "stop"]).default("resnapshot")
    .describe("Take a new snapshot when the slot was lost, or wait for an operator"),
  statusIntervalMs: z.number().int().min(100).max(50_000).default(10_000)
    .describe("How often PostgreSQL is told that capture lives; below its wal_sender_timeout").meta({
      unit: "ms",
    }),
  maxPendingChars: bytes().default(2 * 1024 * 1024)
    .describe("Changes that wait for the journal before the stream is paused").meta({ unit: "characters" }),
  journal: z.strictObject({
    segmentBytes: bytes().default(64 * 1024 * 1024)
      .describe("A segment is finished at this size").meta({ unit: "bytes" }),
    segmentMs: z.number().int().min(1000).default(3_600_000)
      .describe("A segment is finished at this age").meta({ unit: "ms" }),
    retentionMs: z.number().int().min(0).default(86_400_000)
      .describe("Segments that all readers have done with are removed at this age").meta({ unit: "ms" }),
    retentionBytes: bytes().default(2 * 1024 * 1024 * 1024)
      .describe("They are removed earlier while the journal is larger").meta({ unit: "bytes" }),
    maxBytes: bytes().default(4 * 1024 * 1024 * 1024)
      .describe("The journal refuses more than this; unread segments are never removed").meta({
        unit: "bytes",
      }),
  }).refine((journal) => journal.maxBytes >= journal.retentionBytes, {
    message: "maxBytes must not be below retentionBytes",
    path: ["maxBytes"],
  }).prefault({}),
}).refine((config) => config.journal.maxBytes >= 4 * config.maxPendingChars, {
  message: "journal.maxBytes must be at least four times maxPendingChars, or one append may never fit",
  path: ["journal", "maxBytes"],
});

export type CaptureConfig = z.infer<typeof captureConfig>;
