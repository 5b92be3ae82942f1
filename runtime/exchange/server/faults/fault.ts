import { z } from "zod";

/** Which frames or requests a fault takes: all, or some by count and by chance. */
const choice = {
  /** How many it takes before it ends; without it, until it is deleted. */
  count: z.int().min(1).optional(),
  /** Chance that a matching one is taken. */
  probability: z.number().min(0).max(1).default(1),
  /** Seed of that chance. */
  seed: z.int().default(1),
};
/** Stream name, `*` for any run of characters. */
const stream = z.string().min(1).default("*");
const connection = z.int().optional();
const seconds = z.number().min(0).max(259_200).default(60);

/** What `POST /admin/faults` takes, by name. Times are real milliseconds, except `skew`'s, which is added to told time. */
export const faultRequest = z.discriminatedUnion("name", [
  /** Cuts connections that listen to a matching stream: now, or after so many of its frames. */
  z.strictObject({
    name: z.literal("cut"),
    stream,
    connection,
    afterFrames: z.int().min(0).default(0),
    count: z.int().min(1).optional(),
  }),
  z.strictObject({ name: z.literal("drop"), stream, connection, ...choice }),
  z.strictObject({
    name: z.literal("duplicate"),
    stream,
    connection,
    copies: z.int().min(1).max(100).default(1),
    ...choice,
  }),
  z.strictObject({
    name: z.literal("delay"),
    stream,
    connection,
    ms: z.number().min(0).max(600_000).default(1000),
    ...choice,
  }),
  /** Sends a frame after the `by` next ones of its connection. */
  z.strictObject({
    name: z.literal("reorder"),
    stream,
    connection,
    by: z.int().min(1).max(1000).default(1),
    ...choice,
  }),
  /** Stops sending, pings included, on connections that listen to a matching stream. What happens meanwhile is lost. */
  z.strictObject({
    name: z.literal("stall"),
    stream,
    connection,
    ms: z.number().min(0).max(3_600_000).optional(),
  }),
  /** Sends something wrong instead of the frame, or beside it with `keep`. */
  z.strictObject({
    name: z.literal("garbage"),
    stream,
    connection,
    kind: z.enum(["malformed", "truncated", "oversized", "unknown", "binary", "notJson", "outOfRange"])
      .default("malformed"),
    bytes: z.int().min(1).max(33_554_432).default(2_097_152),
    keep: z.boolean().default(true),
    ...choice,
  }),
  /** Binance's 24 h end of life, now. */
  z.strictObject({ name: z.literal("cutAfter"), stream, connection }),
  /** Announces the end to all, and ends it after a grace time. */
  z.strictObject({
    name: z.literal("serverShutdown"),
    stream,
    connection,
    graceMs: z.number().min(0).max(3_600_000).default(1000),
  }),
  z.strictObject({ name: z.literal("skew"), ms: z.int().min(-31_536_000_000).max(31_536_000_000) }),
  z.strictObject({ name: z.literal("http429"), seconds, path: z.string().default("/api/*"), ...choice }),
  z.strictObject({ name: z.literal("http418"), seconds, path: z.string().default("/api/*"), ...choice }),
  /** The firewall; refuses WebSocket connections too. */
  z.strictObject({ name: z.literal("http403"), path: z.string().default("*"), ...choice }),
  /** A region block; refuses WebSocket connections too. */
  z.strictObject({ name: z.literal("http451"), path: z.string().default("*"), ...choice }),
  z.strictObject({
    name: z.literal("http5xx"),
    status: z.int().min(500).max(599).default(503),
    path: z.string().default("/api/*"),
    ...choice,
  }),
  z.strictObject({
    name: z.literal("httpDelay"),
    ms: z.number().min(0).max(600_000).default(1000),
    path: z.string().default("/api/*"),
    ...choice,
  }),
  /** Answers with half a body, then cuts. */
  z.strictObject({ name: z.literal("httpTruncate"), path: z.string().default("/api/*"), ...choice }),
]);

/** A checked order for a fault. */
export type Fault = z.infer<typeof faultRequest>;
export type FaultName = Fault["name"];
/** A fault that touches frames on their way out. */
export type FrameFault = Extract<
  Fault,
  { name: "drop" | "duplicate" | "delay" | "reorder" | "stall" | "garbage" | "cut" }
>;
/** A fault that answers requests. */
export type HttpFault = Extract<Fault, { path: string }>;

/** True when a name fits a pattern in which `*` stands for any run of characters. */
export function matches(pattern: string, name: string): boolean {
  const parts = pattern.split("*");
  if (parts.length === 1) return pattern === name;
  if (!name.startsWith(parts[0]!)) return false;
  let at = parts[0]!.length;
  for (let i = 1; i < parts.length - 1; i++) {
    const found = name.indexOf(parts[i]!, at);
    if (found < 0) return false;
    at = found + parts[i]!.length;
  }
  const last = parts[parts.length - 1]!;
  return name.length - last.length >= at && name.endsWith(last);
}
