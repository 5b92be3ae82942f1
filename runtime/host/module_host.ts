import type { EpochMs } from "../market/epoch.ts";
import type { CallOptions, LogLine, ModuleHealth } from "./module_context.ts";

/** Life cycle of a supervised module; the total transition table lives in `lifecycle.ts`. */
export type ModuleState =
  | "stopped"
  | "starting"
  | "running"
  | "draining"
  | "backing_off"
  /** The restart budget is used up; an operator must act. */
  | "failed"
  /** Its code changed since the operator allowed it. */
  | "awaiting_approval";

/** What the control API and the console show of a module. */
export type ModuleStatus = {
  name: string;
  kind: "producer" | "capture" | "consumer" | "transform" | "source";
  version: string;
  description: string;
  state: ModuleState;
  health: ModuleHealth;
  /** One line why, for people. */
  detail: string;
  /** SHA-256 of its module graph; a grant binds to it. */
  digest: string;
  /** Digest of changed code that waits for approval while the approved one goes on; null when there is none. */
  pendingDigest?: string | null;
  builtIn: boolean;
  pid: number | null;
  epoch: number;
  startedAt: EpochMs | null;
  restarts: number;
  /** Restarts left in the current window. */
  restartBudget: number;
  rssBytes: number | null;
  memoryLimitBytes: number;
  cpuSeconds: number | null;
  lastHeartbeatAt: EpochMs | null;
  lastExit: { at: EpochMs; code: number | null; signal: string | null; cause: string } | null;
  permissions: { granted: string[]; refused: string[] };
  /** Permission denials seen (I6), protocol violations and dropped output, counted. */
  violations: Record<string, number>;
  /** Last metrics snapshot, keyed as `metricKey`. */
  metrics: Record<string, number>;
};

/** Something that happened to a module, on the event channel `modules`. */
export type ModuleEvent = { module: string; state: ModuleState; detail: string; at: EpochMs };

/** The supervisor as the control API sees it. */
export interface ModuleHost {
  modules(): ModuleStatus[];
  module(name: string): ModuleStatus | undefined;
  /** Resolve once the state is reached; reject with `host.unknown_module`, `host.start_failed`, … */
  start(name: string): Promise<void>;
  stop(name: string): Promise<void>;
  restart(name: string): Promise<void>;
  /** Allows the code with this digest to run. */
  approve(name: string, digest: string): Promise<void>;
  /** The kept lines after a sequence number, oldest first (a bounded ring). */
  logs(name: string, options?: { after?: number; limit?: number }): LogLine[];
  onLog(listener: (line: LogLine) => void): () => void;
  onChange(listener: (event: ModuleEvent) => void): () => void;
  /** What modules publish for readers. */
  onEvent(listener: (channel: string, event: Record<string, unknown>, from: string) => void): () => void;
  /** Calls a module's handler. Rejects with `host.unreachable` while it is not running. */
  call(name: string, method: string, parameters: unknown, options?: CallOptions): Promise<unknown>;
  /** Metrics of all modules in Prometheus' text format. */
  metricsText(): string;
}
