import { CandlewireError } from "../error.ts";

/** State of a stage of the pipeline. */
export type StageState = "running" | "starting" | "degraded" | "blocked" | "stopped" | "failed" | "unknown";

/** A number with its meaning, for people. */
export type Figure = { label: string; value: number; unit: string };

/** What a probe of a part that is no module found. */
export type ProbeResult = { state: StageState; detail: string; figures?: Figure[]; rssBytes?: number };

/** A look at something: what was seen, or why not. */
export type Finding<T> = { value: T } | { error: string };

/** Looks at a part that is no module: PostgreSQL, the exchange. May reject; that is a finding too. */
export type Probe = () => Promise<ProbeResult>;

/** Waits for `work` no longer than `ms`; rejects with `control.timeout` then. The work itself goes on. */
export async function within<T>(work: Promise<T>, ms: number, action: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new CandlewireError("control.timeout", `${action}: no answer within ${ms} ms`, {
            retry: "retry",
            hint: "Look at GET /api/v1/pipeline for the stage that is slow, and try again",
          }),
        ),
      ms,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => {});
  }
}

/**
 * The last result of something looked at again and again, never twice at once (I10): a look that hangs costs one
 * pending promise and shows as its age.
 */
export class Watched<T> {
  readonly #look: () => Promise<T>;
  readonly #everyMs: number;
  #running: Promise<void> | undefined;
  #startedMs = -Infinity;
  value: T | undefined;
  error: unknown;

  constructor(look: () => Promise<T>, everyMs: number) {
    this.#look = look;
    this.#everyMs = everyMs;
  }

  /** Looks again when it is time and no look is under way. Never rejects. */
  refresh(nowMs: number): Promise<void> {
    if (this.#running !== undefined) return this.#running;
    if (nowMs - this.#startedMs < this.#everyMs) return Promise.resolve();
    this.#startedMs = nowMs;
    this.#running = (async () => {
      try {
        this.value = await this.#look();
        this.error = undefined;
      } catch (error) {
        this.error = error;
      } finally {
        this.#running = undefined;
      }
    })();
    return this.#running;
  }
}
