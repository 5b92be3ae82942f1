import type { EpochMs } from "../market/epoch.ts";
import type { ModuleState } from "./module_host.ts";

/** What can happen to a supervised module. */
export type LifecycleEvent =
  /** Someone wants it to run. */
  | "start"
  /** It says that it is running. */
  | "ready"
  /** Someone wants it to end. */
  | "stop"
  /** Its process is gone. */
  | "exit"
  /** The time to back off has passed. */
  | "retry"
  /** Nothing approved is there to run. */
  | "withhold"
  /** Its code was approved. */
  | "approve";

/** A state, or what decides it: `crash` asks the restart budget. */
type Next = ModuleState | "crash";

/**
 * Every state and every event: what comes next. A row that keeps its state ignores the event. A process exists in
 * `starting`, `running` and `draining` only.
 */
export const TRANSITIONS: Record<ModuleState, Record<LifecycleEvent, Next>> = {
  stopped: {
    start: "starting",
    ready: "stopped",
    stop: "stopped",
    exit: "stopped",
    retry: "stopped",
    withhold: "awaiting_approval",
    approve: "stopped",
  },
  starting: {
    start: "starting",
    ready: "running",
    stop: "draining",
    exit: "crash",
    retry: "starting",
    withhold: "starting",
    approve: "starting",
  },
  running: {
    start: "running",
    ready: "running",
    stop: "draining",
    exit: "crash",
    retry: "running",
    withhold: "running",
    approve: "running",
  },
  draining: {
    start: "draining",
    ready: "draining",
    stop: "draining",
    exit: "stopped",
    retry: "draining",
    withhold: "draining",
    approve: "draining",
  },
  backing_off: {
    start: "starting",
    ready: "backing_off",
    stop: "stopped",
    exit: "backing_off",
    retry: "starting",
    withhold: "awaiting_approval",
    approve: "backing_off",
  },
  failed: {
    start: "starting",
    ready: "failed",
    stop: "stopped",
    exit: "failed",
    retry: "failed",
    withhold: "awaiting_approval",
    approve: "failed",
  },
  awaiting_approval: {
    start: "awaiting_approval",
    ready: "awaiting_approval",
    stop: "awaiting_approval",
    exit: "awaiting_approval",
    retry: "awaiting_approval",
    withhold: "awaiting_approval",
    approve: "stopped",
  },
};

/** How often and how soon a module is started again. */
export type RestartPolicy = {
  /** Restarts within the window; 0 never restarts. */
  budget: number;
  windowMs: number;
  /** First wait; doubles with each restart within the window. */
  backoffMs: number;
  maxBackoffMs: number;
};

/** A module's life so far. A value: {@linkcode transition} makes the next one. */
export type Lifecycle = {
  readonly state: ModuleState;
  /** Times of the crashes within the window, oldest first. */
  readonly crashes: readonly EpochMs[];
  /** Restarts after a crash, ever. */
  readonly restarts: number;
  /** When `retry` is due; set in `backing_off` alone. */
  readonly retryAt: EpochMs | null;
};

/** A module that was never started. */
export const NEW_LIFECYCLE: Lifecycle = { state: "stopped", crashes: [], restarts: 0, retryAt: null };

/** The life after an event at a time. Pure; total over {@linkcode TRANSITIONS}. */
export function transition(
  life: Lifecycle,
  event: LifecycleEvent,
  options: { at: EpochMs; policy: RestartPolicy },
): Lifecycle {
  const { at, policy } = options;
  const next = TRANSITIONS[life.state][event];
  if (next === "crash") {
    const crashes = [...life.crashes.filter((time) => time > at - policy.windowMs), at];
    if (crashes.length > policy.budget) return { ...life, state: "failed", crashes, retryAt: null };
    const wait = Math.min(policy.backoffMs * 2 ** (crashes.length - 1), policy.maxBackoffMs);
    return { ...life, state: "backing_off", crashes, retryAt: (at + wait) as EpochMs };
  }
  if (next === life.state) return life;
  if (next === "starting") {
    // A start by hand begins with the whole budget; a retry counts.
    return event === "retry"
      ? { ...life, state: next, restarts: life.restarts + 1, retryAt: null }
      : { ...life, state: next, crashes: [], retryAt: null };
  }
  return { ...life, state: next, retryAt: null };
}

/** Restarts left in the window at a time. */
export function restartsLeft(life: Lifecycle, options: { at: EpochMs; policy: RestartPolicy }): number {
  const { at, policy } = options;
  return Math.max(0, policy.budget - life.crashes.filter((time) => time > at - policy.windowMs).length);
}
