import { z } from "zod";

/** Configuration of the exchange's market: where its events come from and what it keeps. */
export const exchangeMarketConfig = z.strictObject({
  source: z.union([z.literal("engine"), z.array(z.string().min(1)).min(1)]).default("engine")
    .describe(
      "Where events come from: the matching engine, or files of recorded frames, merged by receive time",
    )
    .meta({ example: ["btcusdt_20240808.gz", "ethusdt_20240808.gz"] }),
  folder: z.string().min(1).default("data/exchange")
    .describe("Where the run is spooled; a folder holds one run, and the exchange goes on with it")
    .meta({ example: "data/exchange" }),
  seed: z.int().min(0).default(1)
    .describe("Engine: same seed and settings, same market").meta({ example: 7 }),
  symbols: z.array(z.string().min(1)).min(1).nullable().default(null)
    .describe("Engine: the symbols that trade; null for all it knows").meta({
      example: ["BTCUSDT", "ETHUSDT"],
    }),
  ratePerSecond: z.number().positive().max(1_000_000).default(488)
    .describe("Engine: mean trades per second of the whole market; bursts reach 30 to 50 times that")
    .meta({ unit: "trades/s", example: 488 }),
  historyHours: z.int().min(1).max(168).default(24)
    .describe("Engine: coarse history before the start, so that statistics and candles are not empty")
    .meta({ unit: "h", example: 24 }),
  startTime: z.int().min(0).nullable().default(null)
    .describe(
      "Virtual time of the first event of a new run in epoch ms; null for now, and a run that was stopped skips the time until it is opened again. Not for original times",
    )
    .meta({ unit: "ms", example: 1723161600000 }),
  loop: z.boolean().default(true)
    .describe("Recording: begin again at its end, with ids and times that go on").meta({ example: true }),
  originalTimes: z.boolean().default(false)
    .describe("Recording: keep the recorded times instead of shifting them to the start").meta({
      example: false,
    }),
  spoolMb: z.int().min(1).nullable().default(2000)
    .describe(
      "About how much of what happened is kept in the folder, the oldest goes first; null for all. A million trades of the engine, with their books, take some 170 MB",
    )
    .meta({ unit: "MB", example: 2000 }),
  checkpointSteps: z.int().min(100).default(100_000)
    .describe("Orders or frames between checkpoints; a restart takes at most as many again")
    .meta({ unit: "steps", example: 100_000 }),
});

/** The configuration with its defaults filled in. */
export type ExchangeMarketConfig = z.infer<typeof exchangeMarketConfig>;
