import { z } from "@hono/zod-openapi";
import { type EpochMs, epochMs } from "../market/epoch.ts";
import { TABLES } from "../market/table.ts";
import { topicOf } from "../change/envelope.ts";
import { WINDOWS } from "../query/market_query.ts";

/** The parameters of the API's routes, each defined once. Text in; the handler gets checked values. */

const INSTANT = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2}))?$/;
const MAX_EPOCH_MS = 8.64e15;

/** An ISO instant (a date alone is midnight UTC) or epoch milliseconds; undefined for anything else. */
export function parseTime(text: string): EpochMs | undefined {
  const value = /^-?\d{1,16}$/.test(text) ? Number(text) : INSTANT.test(text) ? Date.parse(text) : NaN;
  return Number.isFinite(value) && Math.abs(value) <= MAX_EPOCH_MS ? epochMs(value) : undefined;
}

const TIME_WORDS = "an instant such as 2026-01-31T12:00:00Z, or epoch milliseconds";

/** A time in a query string. */
function time(describe: string) {
  return z.string().transform((text, context) => {
    const value = parseTime(text);
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: `expected ${TIME_WORDS}` });
    return z.NEVER;
  }).optional().openapi({
    type: "string",
    description: `${describe}: ${TIME_WORDS}`,
    example: "2026-01-31T12:00:00Z",
  });
}

/** A time in a body: text as above, or a number of epoch milliseconds. */
const bodyTime = z.union([z.string(), z.number()]).transform((given, context) => {
  const value = parseTime(String(given));
  if (value !== undefined) return value;
  context.addIssue({ code: "custom", message: `expected ${TIME_WORDS}` });
  return z.NEVER;
}).openapi({ type: ["string", "integer"], description: TIME_WORDS });

/** A whole number in a query string within bounds. */
function whole(min: number, max: number) {
  const message = `expected a whole number from ${min} to ${max}`;
  return z.string().regex(/^\d{1,16}$/, message).transform(Number)
    .refine((value) => value >= min && value <= max, message);
}

/** How many rows at most. */
function limit(max: number, fallback: number) {
  return whole(1, max).prefault(String(fallback))
    .openapi({ type: "integer", minimum: 1, maximum: max, default: fallback });
}

/** Binance lists symbols in other scripts too. */
const SYMBOL = /^[\p{L}\p{N}\p{M}._-]{1,40}$/u;

/** A market's symbol, as the exchange writes it. */
export const symbol = z.string()
  .refine((text) => SYMBOL.test(text) && !/[a-z]/.test(text), "expected an upper-case symbol such as BTCUSDT")
  .openapi({ description: "Symbol as the exchange writes it", example: "BTCUSDT" });

const cursor = z.string().min(1).max(1024).optional()
  .openapi({ description: "`next` of the page before" });

/** A module's name. */
export const moduleName = z.string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, "expected a module's name such as consumer")
  .openapi({ description: "Module", example: "consumer" });

/** An id that another part gave out. */
export const opaqueId = z.string().min(1).max(256).openapi({ description: "Id from a listing" });

const topic = z.enum(TABLES.map(topicOf) as [string, ...string[]])
  .openapi({ description: "Topic", example: topicOf("recent_trades") });

/** Query of the routes that answer rows of one symbol in time order. */
export const rangeQuery = z.strictObject({
  symbol,
  from: time("First time, inclusive"),
  to: time("Last time, exclusive"),
  limit: limit(5000, 500),
  cursor,
  order: z.enum(["asc", "desc"]).default("desc").openapi({ description: "`desc`: newest first" }),
}).superRefine(ordered);

/** The same with a window length. */
export const aggregatesQuery = z.strictObject({
  ...rangeQuery.shape,
  window: z.enum(WINDOWS).default("1m").openapi({ description: "Length of the windows" }),
}).superRefine(ordered);

/** Query of the order book. */
export const bookQuery = z.strictObject({
  symbol,
  from: time("Leave the book out when it is older"),
  to: time("Leave the book out when it is not older"),
  limit: limit(5000, 100),
}).superRefine(ordered);

function ordered(value: { from?: number; to?: number }, context: z.RefinementCtx) {
  if (value.from === undefined || value.to === undefined || value.from <= value.to) return;
  context.addIssue({ code: "custom", path: ["from"], message: "expected `from` not to be after `to`" });
}

export const tickersQuery = z.strictObject({
  limit: limit(5000, 10),
  orderBy: z.enum(["quote_volume_usdt", "volume", "price_change_percent", "symbol"]).default(
    "quote_volume_usdt",
  ),
  cursor,
});

export const pageQuery = z.strictObject({ limit: limit(500, 100), cursor });

export const deadLettersQuery = z.strictObject({
  limit: limit(500, 100),
  cursor,
  code: z.string().min(1).max(200).optional().openapi({ example: "transform.schema_mismatch" }),
  topic: topic.optional(),
});

export const completenessQuery = z.strictObject({
  symbol: symbol.optional(),
  limit: limit(5000, 500),
  cursor,
});

export const logsQuery = z.strictObject({
  after: whole(0, Number.MAX_SAFE_INTEGER).optional().openapi({
    type: "integer",
    minimum: 0,
    description: "Go on after this sequence",
  }),
  limit: limit(1000, 200),
  level: z.enum(["debug", "info", "warn", "error"]).default("debug").openapi({ description: "Least level" }),
});

/** Channels of the event stream. */
export const CHANNELS = [
  "pipeline",
  "modules",
  "alerts",
  "trades",
  "prices",
  "tickers",
  "klines",
  "books",
  "windows",
  "dead-letters",
  "replays",
] as const;

/** One of {@linkcode CHANNELS}. */
export type Channel = typeof CHANNELS[number];

/** `a,b` to its parts, each checked. */
function list<Part extends z.ZodType<string, string>>(part: Part, max: number) {
  return z.string().transform((
    text,
  ) => [...new Set(text.split(",").map((one) => one.trim()).filter(Boolean))])
    .pipe(z.array(part).max(max));
}

export const eventsQuery = z.strictObject({
  channels: list(z.enum(CHANNELS), CHANNELS.length).optional().openapi({
    type: "string",
    description: `Comma list of ${CHANNELS.join(", ")}; default pipeline,modules,alerts`,
    example: "pipeline,trades",
  }),
  symbols: list(symbol, 50).optional().openapi({
    type: "string",
    description: "Comma list of at most 50 symbols that narrows the market channels",
    example: "BTCUSDT,ETHUSDT",
  }),
});

export const approveBody = z.strictObject({
  digest: z.string().regex(
    /^(?:sha256[:-])?[0-9a-f]{8,128}$/i,
    "expected the digest that GET modules/{name} shows",
  ),
});

export const retryBody = z.strictObject({
  ids: z.array(opaqueId).min(1).max(1000).optional(),
  code: z.string().min(1).max(200).optional(),
  topic: topic.optional(),
  all: z.literal(true).optional().openapi({ description: "Every dead letter; instead of a choice" }),
}).refine(
  (body) =>
    (body.all === true) !== (body.ids !== undefined || body.code !== undefined || body.topic !== undefined),
  "expected either a choice by ids, code or topic, or all: true",
);

const offset = z.int().min(0);

export const replayBody = z.strictObject({
  topic,
  partition: z.int().min(0).max(100_000).optional(),
  from_offset: offset.optional(),
  until_offset: offset.optional().openapi({ description: "Exclusive" }),
  from_time: bodyTime.optional(),
  until_time: bodyTime.optional(),
  dry_run: z.boolean().optional().openapi({ description: "Count only, store nothing" }),
  correcting: z.boolean().optional().openapi({
    description: "Store at the next revision, so that the replay wins over what is there",
  }),
}).superRefine((body, context) => {
  const refuse = (path: string, message: string) =>
    context.addIssue({ code: "custom", path: [path], message });
  const { from_offset, until_offset, from_time, until_time } = body;
  if (from_offset !== undefined && until_offset !== undefined && from_offset >= until_offset) {
    refuse("from_offset", "expected from_offset to be below until_offset");
  }
  if (from_time !== undefined && until_time !== undefined && from_time >= until_time) {
    refuse("from_time", "expected from_time to be before until_time");
  }
  if ((from_offset !== undefined || until_offset !== undefined) && body.partition === undefined) {
    refuse("partition", "expected a partition beside offsets: each partition counts its own");
  }
});

export const sessionBody = z.strictObject({ token: z.string().min(1).max(512) });
