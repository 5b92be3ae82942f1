import { z } from "zod";

/** Settings of the control API; each default lives here only. */
export const controlConfig = z.strictObject({
  allowedHosts: z.array(z.string().min(1).max(253)).default([]).describe(
    "Names that a request's Host header may carry besides loopback names and, when listening beyond loopback, IP addresses",
  ).meta({ example: ["candlewire.example.org"] }),
  allowedOrigins: z.array(z.url()).default([]).describe(
    "Origins besides the API's own that may send changes, for a reverse proxy that changes the address",
  ).meta({ example: ["https://candlewire.example.org"] }),
  sessionTtlMs: z.int().min(60_000).max(30 * 86_400_000).default(86_400_000).describe(
    "How long a console session lasts",
  ).meta({ unit: "ms", example: 86_400_000 }),
  loginCodeTtlMs: z.int().min(10_000).max(86_400_000).default(900_000).describe(
    "How long the printed login link works; it works once",
  ).meta({ unit: "ms", example: 900_000 }),
  maxReaders: z.int().min(1).max(10_000).default(64).describe("Event and log streams open at once").meta({
    example: 64,
  }),
  maxEvents: z.int().min(16).max(1_000_000).default(8192).describe(
    "Events kept so that a reader can resume",
  ).meta({ example: 8192 }),
  maxEventBytes: z.int().min(65_536).max(1_073_741_824).default(8_388_608).describe(
    "Bytes of events kept so that a reader can resume",
  ).meta({ unit: "bytes", example: 8_388_608 }),
  maxReaderBytes: z.int().min(16_384).max(268_435_456).default(1_048_576).describe(
    "Bytes that may wait for one slow reader before events are dropped with a gap marker",
  ).meta({ unit: "bytes", example: 1_048_576 }),
  heartbeatMs: z.int().min(100).max(300_000).default(15_000).describe(
    "Time between comment lines on quiet streams",
  ).meta({ unit: "ms", example: 15_000 }),
  stalledReaderMs: z.int().min(1_000).max(3_600_000).default(60_000).describe(
    "A reader that takes nothing for so long while something waits for it is cut",
  ).meta({ unit: "ms", example: 60_000 }),
  sampleMs: z.int().min(50).max(60_000).default(1_000).describe(
    "Time between two samples of the modules' metrics, and between two events of the channel pipeline",
  ).meta({ unit: "ms", example: 1_000 }),
  heartbeatLimitMs: z.int().min(1_000).max(600_000).default(5_000).describe(
    "A module whose last heartbeat is older is not ready",
  ).meta({ unit: "ms", example: 5_000 }),
  lagWindowMs: z.int().min(1_000).max(3_600_000).default(60_000).describe(
    "A lag that grows all through this window makes the pipeline not ready",
  ).meta({ unit: "ms", example: 60_000 }),
  lagFloorRecords: z.int().min(0).default(20_000).describe(
    "A lag of the consumer below this never counts as growing",
  ).meta({ unit: "records", example: 20_000 }),
  lagFloorBytes: z.int().min(0).default(67_108_864).describe(
    "A lag of capture below this never counts as growing",
  ).meta({ unit: "bytes", example: 67_108_864 }),
  lagFloorSeconds: z.number().min(0).default(10).describe(
    "A lag of the producer behind the exchange below this never counts as growing",
  ).meta({ unit: "s", example: 10 }),
  actionTimeoutMs: z.int().min(10).max(600_000).default(20_000).describe(
    "How long starting, stopping or restarting a module may take before the answer is 202 and it goes on",
  ).meta({ unit: "ms", example: 20_000 }),
  callTimeoutMs: z.int().min(10).max(600_000).default(10_000).describe(
    "How long a module or the store may take to answer",
  ).meta({ unit: "ms", example: 10_000 }),
  maxBodyBytes: z.int().min(1_024).max(16_777_216).default(65_536).describe("Largest request body").meta({
    unit: "bytes",
    example: 65_536,
  }),
  maxSignInFailures: z.int().min(1).max(10_000).default(10).describe(
    "Different wrong tokens or codes that one address may present within a minute",
  ).meta({ example: 10 }),
  webhook: z.strictObject({
    url: z.url({ protocol: /^https?$/ }).describe("Where alerts are posted").meta({
      example: "https://example.org/candlewire",
    }),
    secret: z.string().min(16).describe("Key of the HMAC-SHA-256 signature").meta({ secret: true }),
    intervalMs: z.int().min(100).max(3_600_000).default(5_000).describe(
      "Time between two looks for undelivered alerts when no event came",
    ).meta({ unit: "ms", example: 5_000 }),
    timeoutMs: z.int().min(100).max(120_000).default(10_000).describe("How long the receiver may take").meta({
      unit: "ms",
      example: 10_000,
    }),
    maxBackoffMs: z.int().min(100).max(3_600_000).default(300_000).describe(
      "Longest wait between two attempts while the receiver fails",
    ).meta({ unit: "ms", example: 300_000 }),
  }).optional().describe("Delivery of alerts by HTTP; off unless given"),
});

/** Validated settings of the control API. */
export type ControlConfig = z.infer<typeof controlConfig>;
