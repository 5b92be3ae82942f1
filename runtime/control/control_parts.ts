import type { Context } from "hono";
import type { LogLevel } from "../host/module_context.ts";
import type { ModuleHost, ModuleStatus } from "../host/module_host.ts";
import type { ChangeBatch, TopicPartition } from "../change/record.ts";
import type { Origin } from "../market/origin.ts";
import { CandlewireError } from "../error.ts";
import type { MarketQuery, Page } from "../query/market_query.ts";
import type { Access } from "./access.ts";
import type { ControlConfig } from "./config.ts";
import type { ControlEnv } from "./control_env.ts";
import type { EventFeed } from "./event_feed.ts";
import type { EventHub } from "./event_hub.ts";
import type { HttpMetrics } from "./http_metrics.ts";
import { within } from "./probe.ts";
import type { Sampler } from "./sampler.ts";

/** Reads records of the change log without touching positions, as `ChangeLog.read`; for lineage. */
export type ReadLog = (
  range: TopicPartition & { from: number; until: number; maxRecords: number },
) => Promise<ChangeBatch>;

/** Writes a structured log line of the host. */
export type ControlLog = (level: LogLevel, message: string, fields?: Record<string, unknown>) => void;

/** A module's status as answers show it. */
export type ShownModule = ModuleStatus & {
  rates: Record<string, number>;
  /** Of one core, over the last seconds; null while unknown. */
  cpuPercent: number | null;
};

/** What the routes share. */
export type ControlParts = {
  host: ModuleHost;
  query: MarketQuery;
  origin: Origin;
  simulated: boolean;
  version: string;
  config: ControlConfig;
  access: Access;
  sampler: Sampler;
  hub: EventHub;
  feed: EventFeed;
  httpMetrics: HttpMetrics;
  readLog?: ReadLog;
  log: ControlLog;
  nowMs: () => number;
};

/** A body with the origin beside its members (I8). */
export function stamped<Body extends Record<string, unknown>>(parts: ControlParts, body: Body) {
  return { origin: parts.origin, simulated: parts.simulated, ...body };
}

/** A page with the origin, and the Link header when there is more. */
export function stampedPage<Row>(parts: ControlParts, c: Context<ControlEnv>, page: Page<Row>) {
  if (page.next !== null) {
    const url = new URL(c.req.url);
    url.searchParams.set("cursor", page.next);
    c.header("link", `<${url.pathname}${url.search}>; rel="next"`);
  }
  return stamped(parts, { rows: page.rows, next: page.next });
}

/** Reads the store's market rows: with a deadline, and never rows of another origin (I8). */
export async function readStore<T>(
  parts: ControlParts,
  read: (query: MarketQuery) => Promise<T>,
): Promise<T> {
  try {
    await parts.sampler.assertOrigin();
    return await within(read(parts.query), parts.config.callTimeoutMs, "Read the store");
  } catch (error) {
    if (error instanceof CandlewireError) throw error;
    throw new CandlewireError("control.store_unreadable", "Read the store: it cannot be read now", {
      retry: "retry",
      hint: "Look at GET /readyz and at the host's log for the cause",
      cause: error,
    });
  }
}

/** Calls a module's handler, with a deadline of our own behind the host's. */
export function callModule(
  parts: ControlParts,
  module: string,
  method: string,
  parameters: unknown,
): Promise<unknown> {
  const timeoutMs = parts.config.callTimeoutMs;
  return within(
    parts.host.call(module, method, parameters, { timeoutMs }),
    timeoutMs + 500,
    `Call ${module}.${method}`,
  );
}

/** A module as answers show it; undefined when there is none. */
export function shownModule(
  parts: Pick<ControlParts, "host" | "sampler">,
  name: string,
): ShownModule | undefined {
  const module = parts.host.module(name);
  if (module === undefined) return undefined;
  const metrics = Object.fromEntries(
    Object.entries(module.metrics).filter(([key, value]) => Number.isFinite(value) && !/_bucket\{/.test(key)),
  );
  const { rates } = parts.sampler;
  const cpuPercent = module.cpuSeconds === null ? null : rates.cpuPercent(name);
  return { ...module, metrics, rates: rates.ratesOf(name), cpuPercent };
}

/** The log line of who changed what. Tokens and bodies are not in it (I6). */
export function audit(
  parts: ControlParts,
  c: Context<ControlEnv>,
  action: string,
  fields: Record<string, unknown> = {},
): void {
  parts.log("info", `audit: ${action}`, {
    audit: true,
    action,
    role: c.get("role") ?? null,
    address: c.get("address"),
    requestId: c.get("requestId"),
    ...(c.get("actor") === undefined ? {} : { actor: c.get("actor") }),
    ...fields,
  });
}
