import type { EpochMs } from "../market/epoch.ts";
import type { Origin } from "../market/origin.ts";

/** Log levels, lowest first. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** What a module says of itself on `GET pipeline`. */
export type ModuleHealth = "starting" | "running" | "degraded" | "blocked" | "stopping";

/**
 * What a module is given: everything it may use of the host. A module's `main.ts` exports
 * `default async function main(context: ModuleContext): Promise<void>`; it resolves after `context.signal`
 * aborted and the module has drained and closed what it opened. Rejecting counts as a crash.
 *
 * The same module code runs under `memoryContext()` in tests, without a process.
 */
export interface ModuleContext {
  /** The instance's name, such as `consumer` or `consumer-2`. */
  readonly name: string;
  /** Rises with each start of this instance; a writer with a lower epoch must refuse to write (fencing). */
  readonly epoch: number;
  readonly origin: Origin;
  /** The module's validated parameters: its section of the configuration, endpoints resolved. */
  readonly parameters: Record<string, unknown>;
  /** Passwords and tokens; arrive in the start message only (I6). */
  readonly secrets: Readonly<Record<string, string>>;
  /** Aborts when the host wants the module to drain and return. */
  readonly signal: AbortSignal;

  /** A structured log line. Never pass secrets. */
  log(level: LogLevel, message: string, fields?: Record<string, unknown>): void;
  /** The module's state and one line why, shown on `GET pipeline` and in the console. `running` makes it ready. */
  health(health: ModuleHealth, detail?: string): void;
  readonly metrics: Metrics;

  /**
   * Publishes to readers' event streams. Call after the durable write only. False when there is no room under load: the event
   * was not published, and the caller decides whether it is tried again.
   */
  publish(channel: string, event: Record<string, unknown>): boolean;
  /**
   * Asks another module, or the host itself (`to: "host"`), and waits for its answer. Rejects with the callee's
   * CandlewireError, with `host.unreachable` while the callee is down, or `host.timeout`. Bounded: at most
   * 64 calls in flight, further ones wait (credit).
   */
  call(to: string, method: string, parameters: unknown, options?: CallOptions): Promise<unknown>;
  /** Answers calls of the host or of other modules. Throw a CandlewireError to answer with an error. */
  handle(method: string, handler: (parameters: unknown, from: string) => unknown | Promise<unknown>): void;
}

/** Options of {@linkcode ModuleContext.call}. */
export type CallOptions = { signal?: AbortSignal; timeoutMs?: number };

/**
 * Counters and gauges of a module, sent to the host with each heartbeat (1 s) and served on `/metrics` with the
 * label `module`. Names follow Prometheus: base units, `_total` for counters.
 */
export interface Metrics {
  count(name: string, by?: number, labels?: Record<string, string>): void;
  gauge(name: string, value: number, labels?: Record<string, string>): void;
  /** A duration or size into a histogram; `name` ends with its unit. */
  observe(name: string, value: number, labels?: Record<string, string>): void;
}

/** A module's entry point. */
export type ModuleMain = (context: ModuleContext) => Promise<void>;

/** One log line as the host keeps and streams it. */
export type LogLine = {
  /** Rises by one a line within a module; the SSE event id. */
  sequence: number;
  time: EpochMs;
  level: LogLevel;
  module: string;
  message: string;
  fields?: Record<string, unknown>;
};
