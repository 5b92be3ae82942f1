import { z } from "@hono/zod-openapi";

/** Shapes of answers for the OpenAPI document. Their types are the ports'; these describe them to callers. */

const text = z.string();
const decimal = z.string().openapi({
  format: "decimal",
  description:
    "Decimal text: the exchange's own, or where the store keeps doubles (Cassandra), its 15 significant digits",
  example: "61234.56000000",
});
const ms = z.number().openapi({ description: "Epoch milliseconds" });
const nullableMs = ms.nullable();

export const originSchema = z.object({
  kind: z.enum(["live", "exchange", "recording"]),
  id: text,
  label: text,
}).openapi("Origin", { description: "Where the numbers come from" });

const stamped = { origin: originSchema, simulated: z.boolean() };

/** Members beside the origin. */
export function answer<Shape extends z.ZodRawShape>(name: string, shape: Shape) {
  return z.object({ ...stamped, ...shape }).openapi(name);
}

/** A page of rows beside the origin. */
export function page<Row extends z.ZodType>(name: string, row: Row) {
  return answer(name, { rows: z.array(row), next: text.nullable() });
}

export const problemSchema = z.object({
  type: text,
  title: text,
  status: z.int(),
  detail: text,
  code: text,
  hint: text.optional(),
  instance: text,
  requestId: text,
  ...stamped,
  parameter: text.optional(),
  value: text.optional(),
  retryAfterMs: z.number().optional(),
}).openapi("Problem", { description: "RFC 9457; branch on `code`, show `detail` and `hint`" });

export const moduleSchema = z.looseObject({
  name: text,
  kind: z.enum(["producer", "capture", "consumer", "transform", "source"]),
  version: text,
  description: text,
  state: z.enum(["stopped", "starting", "running", "draining", "backing_off", "failed", "awaiting_approval"]),
  health: z.enum(["starting", "running", "degraded", "blocked", "stopping"]),
  detail: text,
  digest: text,
  builtIn: z.boolean(),
  pid: z.int().nullable(),
  epoch: z.int(),
  startedAt: nullableMs,
  restarts: z.int(),
  restartBudget: z.int(),
  rssBytes: z.number().nullable(),
  memoryLimitBytes: z.number(),
  cpuSeconds: z.number().nullable(),
  lastHeartbeatAt: nullableMs,
  lastExit: z.object({ at: ms, code: z.int().nullable(), signal: text.nullable(), cause: text }).nullable(),
  permissions: z.object({ granted: z.array(text), refused: z.array(text) }),
  violations: z.record(text, z.number()),
  metrics: z.record(text, z.number()),
  rates: z.record(text, z.number()).openapi({ description: "Counters per second" }),
  cpuPercent: z.number().nullable().openapi({ description: "Of one core, over the last seconds" }),
}).openapi("Module");

export const logLineSchema = z.object({
  sequence: z.int(),
  time: ms,
  level: z.enum(["debug", "info", "warn", "error"]),
  module: text,
  message: text,
  fields: z.record(text, z.unknown()).optional(),
}).openapi("LogLine");

const figure = z.object({ label: text, value: z.number(), unit: text });

export const stageSchema = z.object({
  id: z.enum(["source", "producer", "postgres", "capture", "journal", "transforms", "consumer", "store"]),
  title: text,
  module: text.nullable(),
  state: z.enum(["running", "starting", "degraded", "blocked", "stopped", "failed", "unknown"]),
  detail: text,
  rate: z.number().nullable(),
  rateUnit: text,
  total: z.number().nullable(),
  lag: z.object({ value: z.number(), unit: z.enum(["seconds", "bytes", "records"]) }).nullable(),
  latency: z.object({ p50: z.number().nullable(), p99: z.number().nullable(), mean: z.number() }).nullable(),
  rssBytes: z.number().nullable(),
  cpuPercent: z.number().nullable(),
  restarts: z.int().nullable(),
  figures: z.array(figure),
}).openapi("Stage");

export const pipelineSchema = answer("Pipeline", {
  profile: text,
  version: text,
  versions: z.record(text, text),
  startedAt: ms,
  uptimeMs: z.number(),
  at: ms,
  ready: z.boolean(),
  notReady: z.array(text),
  alerts: z.int().openapi({ description: "Alerts raised since the host started" }),
  diskBytes: z.record(text, z.number()),
  stages: z.array(stageSchema),
  edges: z.array(z.object({ from: text, to: text, rate: z.number().nullable(), unit: text })),
});

export const readinessSchema = answer("Readiness", {
  status: z.enum(["ready", "not_ready"]),
  checks: z.array(z.object({ name: text, ok: z.boolean(), why: text })),
});

export const deadLetterSchema = z.object({
  id: text,
  topic: text,
  partition: z.int(),
  offset: z.int(),
  code: text,
  message: text,
  key: text.nullable(),
  value: text.nullable(),
  first_failed_at: ms,
  last_failed_at: ms,
  attempts: z.int(),
}).openapi("DeadLetter");

export const replaySchema = z.looseObject({
  id: text,
  state: z.enum(["running", "done", "cancelled", "failed"]),
  topic: text,
  ranges: z.array(z.object({ partition: z.int(), from: z.int(), until: z.int() })),
  total: z.number(),
  done: z.number(),
  stored: z.number(),
  filtered: z.number(),
  failed: z.number(),
  dry_run: z.boolean(),
  correcting: z.boolean(),
  created_at: ms,
  finished_at: nullableMs,
  error: text.nullable(),
}).openapi("Replay");

export const completenessSchema = z.object({
  symbol: text,
  kind: z.enum(["trade", "kline", "book"]),
  first_id: z.int(),
  last_id: z.int(),
  cause: text,
  state: z.enum(["open", "refilled", "lost"]),
  detected_at: ms,
  updated_at: ms,
  version: z.number(),
}).openapi("Completeness");

export const tickerSchema = z.object({
  symbol: text,
  price_change_percent: decimal,
  last_price: decimal,
  high_price: decimal,
  low_price: decimal,
  volume: decimal,
  quote_volume: decimal,
  trade_count: z.int(),
  last_trade_id: z.int(),
  quote_asset: text.nullable(),
  updated_at: ms,
  version: z.number(),
  quote_volume_usdt: decimal.nullable(),
}).openapi("Ticker");

export const priceSchema = z.object({
  symbol: text,
  price: decimal,
  updated_at: ms,
  last_trade_id: z.int(),
  version: z.number(),
}).openapi("Price");

export const klineSchema = z.object({
  symbol: text,
  open_time: ms,
  close_time: ms,
  open_price: decimal,
  high_price: decimal,
  low_price: decimal,
  close_price: decimal,
  volume: decimal,
  quote_volume: decimal,
  number_of_trades: z.int(),
  first_trade_id: z.int(),
  last_trade_id: z.int(),
  closed: z.boolean(),
  backfill: z.boolean(),
  version: z.number(),
}).openapi("Kline");

export const tradeSchema = z.object({
  symbol: text,
  trade_id: z.int(),
  price: decimal,
  quantity: decimal,
  trade_time: ms,
  is_buyer_maker: z.boolean(),
  backfill: z.boolean(),
}).openapi("Trade");

export const windowSchema = z.object({
  symbol: text,
  window: z.enum(["1s", "1m", "5m", "1h"]),
  open_time: ms,
  trade_count: z.int(),
  volume: decimal,
  quote_volume: decimal,
  vwap: decimal.nullable(),
  realised_volatility: z.number().nullable(),
  first_trade_id: z.int(),
  last_trade_id: z.int(),
}).openapi("Window");

export const bookSchema = z.object({
  symbol: text,
  bids: text,
  asks: text,
  depth: z.int(),
  last_update_id: z.int(),
  trusted: z.boolean(),
  updated_at: ms,
  version: z.number(),
  levels: z.array(
    z.object({
      side: z.enum(["bid", "ask"]),
      level: z.int(),
      price: decimal,
      quantity: decimal,
      notional: decimal,
    }),
  ),
  best_bid: decimal.nullable(),
  best_ask: decimal.nullable(),
  spread: decimal.nullable(),
  mid: decimal.nullable(),
}).openapi("Book");

export const alertSchema = z.object({
  id: text,
  rule: text,
  symbol: text,
  message: text,
  raised_at: ms,
  evidence: z.record(text, z.unknown()),
  delivered: z.boolean(),
}).openapi("Alert");

export const lineageSchema = answer("Lineage", {
  lineage: z.object({
    symbol: text,
    trade_id: z.int(),
    topic: text,
    partition: z.int(),
    first_offset: z.int(),
    last_offset: z.int(),
    stored_at: ms,
  }),
  record: z.object({
    offset: z.int(),
    appendedAt: ms,
    op: text,
    lsn: text.nullable().openapi({ description: "As PostgreSQL prints it, such as 16/B374D848" }),
    txId: z.number().nullable(),
    source: z.record(text, z.unknown()),
    after: z.record(text, z.unknown()).nullable(),
  }).nullable(),
  recordNote: text.nullable().openapi({ description: "Why there is no record" }),
});

export const sessionSchema = answer("Session", {
  role: z.enum(["viewer", "operator"]).nullable(),
  expiresAt: nullableMs,
});
