import type { OpenAPIHono } from "@hono/zod-openapi";
import { fileURLToPath } from "node:url";
import { CandlewireError } from "../error.ts";
import { steadyClock } from "../market/epoch.ts";
import { isSimulated } from "../market/origin.ts";
import type { Origin } from "../market/origin.ts";
import type { ModuleHost } from "../host/module_host.ts";
import type { MarketQuery } from "../query/market_query.ts";
import { Access, isLoopback } from "./access.ts";
import { type ControlConfig, controlConfig } from "./config.ts";
import { controlApp } from "./control_app.ts";
import type { ControlEnv } from "./control_env.ts";
import { type ControlLog, type ControlParts, type ReadLog, shownModule } from "./control_parts.ts";
import { EventFeed } from "./event_feed.ts";
import { EventHub } from "./event_hub.ts";
import { HttpMetrics } from "./http_metrics.ts";
import { type Probes, Sampler } from "./sampler.ts";
import { Sessions } from "./session.ts";
import type { Tokens } from "./tokens.ts";
import { Webhook } from "./webhook.ts";

/** What {@linkcode startControl} needs. */
export type ControlOptions = {
  host: ModuleHost;
  query: MarketQuery;
  /** This run's origin; the store's must be the same. */
  origin: Origin;
  profile: "embedded" | "cluster";
  /** Port 0 takes a free one. Beyond loopback the tokens must be configured. */
  listen: { hostname: string; port: number };
  tokens: Tokens;
  /** The folder of the console's page: a path or a file URL. */
  consoleFolder: string | URL;
  /** Candlewire's version. */
  version?: string;
  /** Modules that must run for `/readyz` to be 200. Default producer, capture and consumer. */
  required?: readonly string[];
  /** Looks at PostgreSQL, the source, Kafka and the disk. */
  probes?: Probes;
  /** `ChangeLog.read`, for lineage. */
  readLog?: ReadLog;
  /** The validated section `control`; defaults otherwise. */
  config?: ControlConfig;
  log?: ControlLog;
  signal?: AbortSignal;
  nowMs?: () => number;
};

/** The API without a socket. */
export type ControlWithoutSocket = {
  app: OpenAPIHono<ControlEnv>;
  parts: ControlParts;
  sessions: Sessions;
  /** Takes a sample and publishes what has changed; `startControl` does it each `sampleMs`. */
  tick(): Promise<void>;
  close(): Promise<void>;
};

/** A running control API. */
export type Control = AsyncDisposable & {
  /** `http://127.0.0.1:8787`. */
  url: string;
  /** Signs the console in, once. */
  loginUrl: string;
  /** A further login link. */
  newLoginUrl(): string;
  app: OpenAPIHono<ControlEnv>;
  parts: ControlParts;
  close(): Promise<void>;
};

/** Builds everything but the socket. */
export function createControl(options: ControlOptions): ControlWithoutSocket {
  const { host, query, origin, listen } = options;
  const config = options.config ?? controlConfig.parse({});
  const nowMs = options.nowMs ?? Date.now;
  const steadyMs = options.nowMs ?? steadyClock;
  const version = options.version ?? "0.0.0";
  const log: ControlLog = options.log ??
    ((level, message, fields) =>
      console.error(JSON.stringify({ time: new Date(nowMs()).toISOString(), level, message, ...fields })));
  const sessions = new Sessions(options.tokens, config);
  const hub = new EventHub({ ...config, origin, nowMs });
  const sampler = new Sampler({
    host,
    query,
    origin,
    profile: options.profile,
    version,
    required: options.required ?? ["producer", "capture", "consumer"],
    probes: options.probes ?? {},
    config,
    nowMs,
    steadyMs,
  });
  const webhook = config.webhook === undefined
    ? undefined
    : new Webhook({ ...config.webhook, host, query, origin, log, nowMs });
  const feed = new EventFeed({
    host,
    query,
    sampler,
    hub,
    onAlert: () => webhook?.wake(),
    shown: (name) => shownModule({ host, sampler }, name) ?? null,
    callTimeoutMs: config.callTimeoutMs,
  });
  const parts: ControlParts = {
    host,
    query,
    origin,
    simulated: isSimulated(origin),
    version,
    config,
    access: new Access({
      ...config,
      sessions,
      hostname: listen.hostname,
      nowMs,
      onFailure: (address) => log("warn", "Sign-in failed: a wrong token or code", { address }),
    }),
    sampler,
    hub,
    feed,
    httpMetrics: new HttpMetrics(origin, hub),
    readLog: options.readLog,
    log,
    nowMs,
  };
  const folder = options.consoleFolder;
  return {
    app: controlApp(
      parts,
      folder instanceof URL || folder.startsWith("file:") ? fileURLToPath(folder) : folder,
    ),
    parts,
    sessions,
    tick: async () => {
      sampler.tick();
      await feed.tick();
    },
    close: async () => {
      feed.close();
      hub.close();
      await webhook?.[Symbol.asyncDispose]();
    },
  };
}

/**
 * Starts the control API. Rejects with `control.port_in_use`, `control.listen_failed`, or `control.tokens_required`
 * when it would listen beyond loopback with tokens that nobody chose. Closes when `signal` aborts.
 */
export async function startControl(options: ControlOptions): Promise<Control> {
  const { hostname, port } = options.listen;
  if (!isLoopback(hostname) && options.tokens.source !== "configured") {
    throw new CandlewireError(
      "control.tokens_required",
      `Listen on ${hostname}: the tokens are not configured`,
      {
        retry: "operator",
        hint: "Configure control tokens for viewer and operator, or listen on 127.0.0.1",
      },
    );
  }
  const control = createControl(options);
  const { app, parts, sessions } = control;
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve(
      {
        hostname,
        port,
        onListen: () => {},
        onError: (error) => {
          // The app answers its own errors; what arrives here is a fault of the server's.
          parts.log("error", "Server failed", { cause: String(error) });
          return new Response(null, { status: 500 });
        },
      },
      (request, info) => app.fetch(request, { remoteAddr: info.remoteAddr }),
    );
  } catch (cause) {
    await control.close();
    throw listenFailed(hostname, port, cause);
  }
  let ticking = Promise.resolve();
  let idle = true;
  const tick = () => {
    if (!idle) return;
    idle = false;
    ticking = control.tick()
      .catch((error) => parts.log("error", "Sample failed", { cause: String(error) }))
      .finally(() => idle = true);
  };
  const timer = setInterval(tick, parts.config.sampleMs);
  tick();

  const bound = server.addr.port;
  const shown = hostname === "0.0.0.0" ? "127.0.0.1" : hostname === "::" ? "[::1]" : bracketed(hostname);
  const url = `http://${shown}:${bound}`;
  const newLoginUrl = () => `${url}/login?code=${sessions.newCode(parts.nowMs())}`;
  let closing: Promise<void> | undefined;
  const close = () =>
    closing ??= (async () => {
      options.signal?.removeEventListener("abort", close);
      clearInterval(timer);
      // Streams first: a server that shuts down waits for them.
      await control.close();
      await ticking;
      await shutdown(server);
    })();
  if (options.signal?.aborted) await close();
  else options.signal?.addEventListener("abort", close);
  return { url, loginUrl: newLoginUrl(), newLoginUrl, app, parts, close, [Symbol.asyncDispose]: close };
}

/** Waits for open answers, but not for a reader that does not read. */
async function shutdown(server: Deno.HttpServer): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.race([
    server.shutdown(),
    new Promise((resolve) => timer = setTimeout(resolve, 3_000)),
  ]);
  clearTimeout(timer);
}

function bracketed(hostname: string): string {
  return hostname.includes(":") && !hostname.startsWith("[") ? `[${hostname}]` : hostname;
}

function listenFailed(hostname: string, port: number, cause: unknown): CandlewireError {
  if (cause instanceof Deno.errors.AddrInUse) {
    return new CandlewireError("control.port_in_use", `Listen on ${hostname}:${port}: the port is in use`, {
      retry: "operator",
      hint: `Choose another with --port, such as --port ${
        port + 1 > 65535 ? 8787 : port + 1
      }, or stop what uses it`,
      cause,
      details: { hostname, port },
    });
  }
  return new CandlewireError("control.listen_failed", `Listen on ${hostname}:${port}: the system refused`, {
    retry: "operator",
    hint: "Choose an address of this machine with --host and a port that this user may open with --port",
    cause,
    details: { hostname, port },
  });
}
