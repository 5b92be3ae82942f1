import { CandlewireError } from "../error.ts";
import type { EpochMs } from "../market/epoch.ts";
import type { ConsumerHealth } from "./consumer_health.ts";
import { backoffMs, isRetryable } from "./retry.ts";

/**
 * Work that is done between batches, in small steps; answers true when more of it waits. `caughtUp` is false while the
 * log has more to read than one batch: then only what must not wait should be done.
 */
export type Chore = {
  name: string;
  step: (now: EpochMs, caughtUp: boolean) => Promise<boolean>;
  /** Whether there is anything to do; always without it. */
  due?: (now: EpochMs) => boolean;
  /** May be done while writes are under way: it does not use the store. */
  beside?: boolean;
};

/** Options of {@linkcode Chores}. */
export type ChoresOptions = {
  health: ConsumerHealth;
  now: () => EpochMs;
  /** First and longest rest of a chore that failed, ms. */
  retryMinMs: number;
  retryMaxMs: number;
};

/** A chore that failed rests for so many times what its failing step took, so that most of the time is the rows'. */
const REST_FACTOR = 4;
const LONGEST_REST_MS = 60_000;

/**
 * Does chores turn by turn. One that fails for what time mends rests and is tried again, while rows are read and written: they
 * may go well where a chore does not, as when a store takes writes and is slow to answer large reads.
 */
export class Chores {
  readonly #chores: readonly Chore[];
  readonly #options: ChoresOptions;
  readonly #resting = new Map<Chore, { attempt: number; until: number; problem: CandlewireError }>();

  constructor(chores: readonly Chore[], options: ChoresOptions) {
    this.#chores = chores;
    this.#options = options;
  }

  /** Why one has failed that did not go well since; undefined when there is none. */
  get problem(): CandlewireError | undefined {
    return this.#resting.values().next().value?.problem;
  }

  /**
   * A step of each that is due; answers whether more waits. `alone` waits until no write is under way and is false when one has
   * failed: then the turn ends, and the answer is undefined. Rejects with what no waiting mends.
   */
  async turn(caughtUp: boolean, alone: () => Promise<boolean>): Promise<boolean | undefined> {
    const { now } = this.#options;
    let waiting = false;
    for (const chore of this.#chores) {
      if (chore.due?.(now()) === false) {
        // There is nothing to do any more, as when another consumer does it now.
        this.#resting.delete(chore);
        continue;
      }
      if (now() < (this.#resting.get(chore)?.until ?? 0)) continue;
      if (chore.beside !== true && !await alone()) return undefined;
      waiting = await this.#step(chore, caughtUp) || waiting;
    }
    return waiting;
  }

  async #step(chore: Chore, caughtUp: boolean): Promise<boolean> {
    const { now, health, retryMinMs: minMs, retryMaxMs: maxMs } = this.#options;
    const begun = performance.now();
    try {
      const more = await chore.step(now(), caughtUp);
      this.#resting.delete(chore);
      return more;
    } catch (error) {
      if (!isRetryable(error)) throw error;
      const attempt = (this.#resting.get(chore)?.attempt ?? 0) + 1;
      const rest = Math.max(backoffMs(attempt, { minMs, maxMs }), REST_FACTOR * (performance.now() - begun));
      const problem = new CandlewireError(error.code, `${chore.name}: ${error.message}`, {
        retry: "retry",
        hint: error.hint,
        details: error.details,
        cause: error,
      });
      this.#resting.set(chore, { attempt, until: now() + Math.min(rest, LONGEST_REST_MS), problem });
      health.troubled(problem, "degraded");
      return false;
    }
  }
}
