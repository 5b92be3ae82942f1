import { z } from "zod";

/** The producer's part of the configuration. Defaults live here only; `runtime/main.ts` parses it. */
export const producerConfig = z.strictObject({
  marketCadenceMs: z.int().min(100).max(600_000).default(5_000)
    .describe("A row of 24 h statistics or of a latest price of any symbol is written at most this often")
    .meta({ unit: "ms", example: 5_000 }),
  symbolCadenceMs: z.int().min(50).max(600_000).default(1_000)
    .describe("The same for the configured symbols, whose trades are followed")
    .meta({ unit: "ms", example: 1_000 }),
  bookCadenceMs: z.int().min(50).max(600_000).default(1_000)
    .describe("An order book that changed is written at most this often")
    .meta({ unit: "ms", example: 1_000 }),
  bookDepth: z.int().min(1).max(1_000).default(100)
    .describe("Levels a side that a stored order book keeps")
    .meta({ unit: "levels", example: 100 }),
  snapshotLimit: z.union([z.literal(100), z.literal(500), z.literal(1_000), z.literal(5_000)]).default(1_000)
    .describe(
      "Levels a side of the REST snapshot that a local order book starts from (weight 5, 25, 50, 250)",
    )
    .meta({ unit: "levels", example: 1_000 }),
  statsRefreshMs: z.int().min(10_000).max(86_400_000).default(300_000)
    .describe("How often the 24 h statistics of the whole market are taken by REST (weight 80)")
    .meta({ unit: "ms", example: 300_000 }),
  initialTrades: z.int().min(0).max(1_000).default(1_000)
    .describe("Past trades a symbol that are taken by REST when nothing of it is stored yet")
    .meta({ unit: "trades", example: 1_000 }),
  initialKlines: z.int().min(0).max(1_000).default(480)
    .describe("Past one-minute candles a symbol that are taken by REST when nothing of it is stored yet")
    .meta({ unit: "candles", example: 480 }),
  gapGraceMs: z.int().min(0).max(60_000).default(1_500)
    .describe("How long missing ids may still arrive by stream before they are asked for by REST")
    .meta({ unit: "ms", example: 1_500 }),
  refillMaxTrades: z.int().min(0).max(100_000_000).default(2_000_000)
    .describe("The newest trades of one gap that are refilled; older ones are recorded as lost")
    .meta({ unit: "trades", example: 2_000_000 }),
  refillMaxKlines: z.int().min(0).max(1_000_000).default(10_080)
    .describe("The newest candles of one gap that are refilled; older ones are recorded as lost")
    .meta({ unit: "candles", example: 10_080 }),
  maxBatchRows: z.int().min(1).max(50_000).default(5_000)
    .describe("Rows of one transaction at most")
    .meta({ unit: "rows", example: 5_000 }),
  maxQueuedRows: z.int().min(100).max(1_000_000).default(10_000)
    .describe("Rows waiting for PostgreSQL; above it the sockets are not read")
    .meta({ unit: "rows", example: 10_000 }),
  lingerMs: z.int().min(0).max(1_000).default(5)
    .describe("How long a small batch waits for more rows")
    .meta({ unit: "ms", example: 5 }),
  silenceMs: z.int().min(500).max(600_000).default(30_000)
    .describe("A connection without any frame or ping for this long is replaced")
    .meta({ unit: "ms", example: 30_000 }),
  maxConnectionAgeMs: z.int().min(1_000).max(86_400_000).default(85_800_000)
    .describe("A connection is replaced, with an overlap, at this age; Binance cuts it after 24 h")
    .meta({ unit: "ms", example: 85_800_000 }),
  overlapMs: z.int().min(0).max(60_000).default(2_000)
    .describe("How long the old and the new connection are both read at a replacement")
    .meta({ unit: "ms", example: 2_000 }),
  streamsPerConnection: z.int().min(4).max(1_024).default(400)
    .describe("Streams of one connection at most; Binance allows 1,024")
    .meta({ unit: "streams", example: 400 }),
  reconnectBaseMs: z.int().min(1).max(60_000).default(250)
    .describe("First reconnect waits up to this long; each further one up to twice the one before")
    .meta({ unit: "ms", example: 250 }),
  reconnectCapMs: z.int().min(1).max(600_000).default(30_000)
    .describe("No reconnect waits longer")
    .meta({ unit: "ms", example: 30_000 }),
  restTimeoutMs: z.int().min(100).max(600_000).default(15_000)
    .describe("Time limit of one REST request")
    .meta({ unit: "ms", example: 15_000 }),
  restWeightShare: z.number().min(0.05).max(1).default(0.8)
    .describe("Share of the exchange's request weight a minute that may be used")
    .meta({ unit: "ratio", example: 0.8 }),
  maxFrameBytes: z.int().min(1_024).max(64 * 1024 * 1024).default(4 * 1024 * 1024)
    .describe("A larger WebSocket frame is counted and set aside unread")
    .meta({ unit: "bytes", example: 4_194_304 }),
  drainMs: z.int().min(100).max(600_000).default(10_000)
    .describe("At a stop, how long queued rows may take to be written; the rest is found again by its ids")
    .meta({ unit: "ms", example: 10_000 }),
});

/** A parsed producer configuration. */
export type ProducerConfig = z.infer<typeof producerConfig>;

/** What the producer's process is given: its configuration and the endpoints, resolved by the host. */
export type ProducerParameters = ProducerConfig & {
  source: { kind: "binance"; restUrl: string; wsUrl: string };
  /** Null: the 20 symbols with the highest quote volume. */
  symbols: string[] | null;
  postgres: { host: string; port: number; database: string; user: string };
};
