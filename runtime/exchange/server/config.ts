import { z } from "zod";

/** Settings of the exchange's server. Limits default to Binance's documented ones; tests make them short. */
export const serverConfig = z.strictObject({
  host: z.string().min(1).default("127.0.0.1").describe("Address to listen on")
    .meta({ example: "127.0.0.1" }),
  port: z.int().min(0).max(65_535).default(8788).describe(
    "Port for REST and WebSocket; 0 lets the system choose",
  )
    .meta({ example: 8788 }),
  speed: z.union([z.number().min(0).max(1_000_000), z.literal("max")]).default(1)
    .describe('Virtual seconds a real second; 0 stands still, "max" goes as fast as the readers take it')
    .meta({ unit: "times", example: "max" }),
  paused: z.boolean().default(false).describe("Start frozen, until POST /admin/resume or /admin/run")
    .meta({ example: true }),
  maxNeedsSubscriber: z.boolean().default(true)
    .describe("At full speed the market waits while nobody is subscribed, so that nothing runs away unseen")
    .meta({ example: true }),
  tickMs: z.number().min(0).max(1000).default(2)
    .describe("Shortest sleep between two looks at the market: how late an event may leave")
    .meta({ unit: "ms", example: 2 }),
  batchEvents: z.int().min(1).max(100_000).default(1024)
    .describe("Most market events taken before sockets are written and requests are answered")
    .meta({ unit: "events", example: 1024 }),
  pingIntervalMs: z.int().min(10).default(20_000).describe("Real time between pings to a connection")
    .meta({ unit: "ms", example: 20_000 }),
  pongTimeoutMs: z.int().min(10).default(60_000)
    .describe("A connection without any pong for so long (real time) is disconnected")
    .meta({ unit: "ms", example: 60_000 }),
  connectionLifeMs: z.int().min(10).default(86_400_000).describe("Longest life of a connection, real time")
    .meta({ unit: "ms", example: 86_400_000 }),
  clientMessagesPerSecond: z.int().min(1).default(5)
    .describe("Messages, pings and pongs a client may send in a second; one more disconnects it")
    .meta({ unit: "messages", example: 5 }),
  maxMessageBytes: z.int().min(128).default(131_072).describe("Largest message taken from a client")
    .meta({ unit: "bytes", example: 131_072 }),
  maxStreams: z.int().min(1).default(1024).describe("Streams a connection may listen to")
    .meta({ unit: "streams", example: 1024 }),
  connectionAttempts: z.int().min(1).default(300).describe(
    "WebSocket connections an address may open in 5 minutes",
  )
    .meta({ unit: "connections", example: 300 }),
  maxConnections: z.int().min(1).default(1000).describe("WebSocket connections at the same time")
    .meta({ unit: "connections", example: 1000 }),
  weightPerMinute: z.int().min(1).default(6000).describe(
    "REST request weight an address may use in a real minute",
  )
    .meta({ unit: "weight", example: 6000 }),
  banAfter: z.int().min(1).default(10)
    .describe("Requests answered with 429 in one minute after which the address is banned with 418")
    .meta({ unit: "requests", example: 10 }),
  banMs: z.int().min(1).default(120_000).describe(
    "Length of the first ban; each further one is twice as long, to 3 days",
  )
    .meta({ unit: "ms", example: 120_000 }),
  pauseAtBytes: z.int().min(1024).default(1_048_576)
    .describe("Above 1×, the market waits while a connection has more than this queued")
    .meta({ unit: "bytes", example: 1_048_576 }),
  cutAtBytes: z.int().min(4096).default(33_554_432)
    .describe("A connection with more than this queued is cut, as Binance cuts slow readers")
    .meta({ unit: "bytes", example: 33_554_432 }),
  emissions: z.int().min(1).max(10_000_000).default(262_144)
    .describe("Trade frames whose wall-clock time of sending is remembered")
    .meta({ unit: "trades", example: 262_144 }),
});

/** A checked configuration of the server. */
export type ServerConfig = z.infer<typeof serverConfig>;
