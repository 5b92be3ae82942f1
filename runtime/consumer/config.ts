import { z } from "zod";
import { type TableName, TABLES } from "../market/table.ts";
import { TABLE_COLUMNS } from "./table_columns.ts";

const ms = (value: number, max: number, text: string) =>
  z.int().min(1).max(max).default(value).describe(text).meta({ unit: "ms", example: value });

const keep = (value: number, text: string) =>
  z.int().min(1000).nullable().default(value).describe(`${text}; null keeps them for ever`)
    .meta({ unit: "ms", example: value });

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const retention = z.strictObject({
  crypto_24h_stats: keep(7 * DAY, "24 h statistics, from the close of their window"),
  latest_prices: keep(2 * HOUR, "Price changes"),
  klines: keep(30 * DAY, "Candles, from their open time"),
  order_book: keep(10 * 60_000, "Order books; a book of 100 levels takes about 8 KB"),
  recent_trades: keep(DAY, "Trades"),
  completeness: keep(30 * DAY, "The ledger of gaps, from its last change"),
  windows_1s: keep(DAY, "Windows of one second"),
  windows: keep(30 * DAY, "Windows of 1 m, 5 m and 1 h"),
  alerts: keep(30 * DAY, "Alerts"),
});

/** A name in metrics and alert ids. */
const name = z.string().regex(/^[a-z0-9_-]{1,64}$/, "Use a to z, 0 to 9, _ and -, at most 64");

/** Settings of the consumer. Defaults live here alone. */
export const consumerConfigSchema = z.strictObject({
  maxRecords: z.int().min(1).max(50_000).default(2000)
    .describe("Records in one batch: read, transformed and written together")
    .meta({ unit: "records", example: 2000 }),
  pollTimeoutMs: ms(250, 60_000, "How long a quiet log is waited for before other work is looked at"),
  retryMinMs: ms(100, 60_000, "First wait before what was unavailable is tried again; doubles, with jitter"),
  retryMaxMs: ms(10_000, 600_000, "Longest such wait"),
  group: z.string().min(1).default("consumer").describe(
    "Name under which positions are acknowledged to capture",
  )
    .meta({ unit: "", example: "consumer" }),
  columns: z.partialRecord(z.enum(TABLES), z.record(z.string(), z.string()))
    .superRefine((columns, context) => {
      for (const [table, names] of Object.entries(columns)) {
        const known = TABLE_COLUMNS[table as TableName].columns.map(({ name }) => name);
        for (const [from, to] of Object.entries(names)) {
          if (known.includes(to)) continue;
          const message = `${table} has no column "${to}"; it has ${known.join(", ")}`;
          context.addIssue({ code: "custom", path: [table, from], message, input: to });
        }
      }
    })
    .default({})
    .describe("Renamed columns: per table, the name in the change event and the name of ours")
    .meta({ unit: "", example: { recent_trades: { qty: "quantity" } } }),
  filters: z.array(z.strictObject({
    name,
    tables: z.array(z.enum(TABLES)).optional(),
    onlySymbols: z.array(z.string()).optional(),
    notSymbols: z.array(z.string()).optional(),
  })).max(100).default([])
    .describe("Rows that are not stored, by table and symbol, counted as filter:<name>")
    .meta({ unit: "", example: [{ name: "no_leverage", notSymbols: ["BTCUPUSDT", "BTCDOWNUSDT"] }] }),
  alerts: z.array(z.strictObject({
    name,
    symbols: z.array(z.string()).min(1),
    percent: z.number().refine(
      (value) => value !== 0,
      "Use a negative number for a fall, a positive one for a rise",
    ),
    withinMs: z.int().min(1000).max(7 * DAY),
  })).max(20).default([
    { name: "fall", symbols: ["*"], percent: -5, withinMs: 600_000 },
    { name: "rise", symbols: ["*"], percent: 5, withinMs: 600_000 },
  ])
    .describe('Price moves that raise an alert: percent below 0 is a fall; symbols ["*"] is the whole market')
    .meta({
      unit: "",
      example: [{ name: "eth_fall", symbols: ["ETHUSDT"], percent: -5, withinMs: 600_000 }],
    }),
  windows: z.strictObject({
    enabled: z.boolean().default(true).describe("Computes windows of 1 s, 1 m, 5 m and 1 h")
      .meta({ unit: "", example: true }),
    everyMs: ms(1000, 600_000, "How often marked minutes are computed again"),
    maxMinutes: z.int().min(1).max(10_000).default(64).describe("Minutes in one step")
      .meta({ unit: "minutes", example: 64 }),
    maxTrades: z.int().min(1).max(1_000_000).default(10_000)
      .describe("Trades read in one step, after which no further minute is begun")
      .meta({ unit: "trades", example: 10_000 }),
  }).prefault({}),
  userTransforms: z.strictObject({
    maxRows: z.int().min(1).max(10_000).default(500).describe("Rows in one call of a user transform")
      .meta({ unit: "rows", example: 500 }),
    timeoutMs: ms(10_000, 600_000, "How long one call may take"),
    attempts: z.int().min(2).max(10).default(2)
      .describe("How often a row on which the transform dies is tried: first with others, then alone")
      .meta({ unit: "attempts", example: 2 }),
  }).prefault({}),
  deadLetters: z.strictObject({
    maxCount: z.int().min(1).max(1_000_000).default(10_000).describe(
      "Dead letters kept; then partitions stop",
    )
      .meta({ unit: "letters", example: 10_000 }),
    maxBytes: z.int().min(1024).default(64 * 1024 * 1024).describe("Size of their payloads together")
      .meta({ unit: "bytes", example: 67_108_864 }),
  }).prefault({}),
  replay: z.strictObject({
    maxRecords: z.int().min(1).max(50_000).default(1000).describe(
      "Records of a replay between two live batches",
    )
      .meta({ unit: "records", example: 1000 }),
  }).prefault({}),
  expire: z.boolean().default(true)
    .describe("False turns retention off, for recordings that keep their original times")
    .meta({ unit: "", example: true }),
  retention: retention.prefault({}).describe("How long rows are kept, from their event time"),
  pruneEveryMs: ms(60_000, DAY, "How often expired rows are looked for"),
  storeCacheKiB: z.int().min(256).max(4_194_304).default(8_192).describe("Page cache of the SQLite store")
    .meta({ unit: "KiB", example: 8_192 }),
});

/** The consumer's settings, complete. */
export type ConsumerConfig = z.infer<typeof consumerConfigSchema>;
