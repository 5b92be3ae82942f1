/** When a failed part may be started again. */
export type RestartDecision =
  | { kind: "restart" }
  /** The pause after the last restart is not over. */
  | { kind: "wait"; ms: number }
  /** As many restarts as are allowed lie within the window; the next one is possible after `ms`. */
  | { kind: "spent"; ms: number };

/** The pause after the first restart, ms; it doubles with each further one in the window. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/**
 * At most `budget` restarts in any `windowMs`, each a longer pause after the one before (I10). The window slides: a
 * connector that failed for good is tried again when its oldest restart has left the window. Time is passed in.
 */
export class RestartBudget {
  readonly #budget: number;
  readonly #windowMs: number;
  #restarts: number[] = [];
  /** Restarts since the beginning. */
  total = 0;

  constructor(budget: number, windowMs: number) {
    this.#budget = budget;
    this.#windowMs = windowMs;
  }

  /** Restarts within the window. */
  recent(nowMs: number): number {
    this.#restarts = this.#restarts.filter((at) => nowMs - at < this.#windowMs);
    return this.#restarts.length;
  }

  decide(nowMs: number): RestartDecision {
    const recent = this.recent(nowMs);
    if (recent >= this.#budget) {
      return { kind: "spent", ms: recent === 0 ? Infinity : this.#restarts[0]! + this.#windowMs - nowMs };
    }
    const last = this.#restarts.at(-1);
    if (last === undefined) return { kind: "restart" };
    const ms = last + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (recent - 1)) - nowMs;
    return ms > 0 ? { kind: "wait", ms } : { kind: "restart" };
  }

  restarted(nowMs: number): void {
    this.#restarts.push(nowMs);
    this.total++;
  }
}
