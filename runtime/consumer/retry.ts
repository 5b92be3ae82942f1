import { wait } from "../wait.ts";
import { CandlewireError } from "../error.ts";

/** Options of {@linkcode retry}. */
export type RetryOptions = {
  signal: AbortSignal;
  /** First and longest wait, ms. The wait doubles and is then drawn from its upper half (jitter). */
  minMs?: number;
  maxMs?: number;
  /** Told before each wait. */
  onWait?: (error: CandlewireError, attempt: number, waitMs: number) => void;
  random?: () => number;
};

/**
 * Runs `work` until it resolves, or rejects with what is not retryable: without end, because what is unavailable never
 * makes a dead letter. Rejects with the last error when the signal aborts.
 */
export async function retry<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { signal, minMs = 100, maxMs = 10_000, random = Math.random } = options;
  for (let attempt = 1;; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isRetryable(error) || signal.aborted) throw error;
      const waitMs = backoffMs(attempt, { minMs, maxMs, random });
      options.onWait?.(error, attempt, waitMs);
      await wait(waitMs, signal);
    }
  }
}

/** How long to wait after so many failures: doubled each time, then drawn from the upper half. */
export function backoffMs(
  attempt: number,
  { minMs, maxMs, random = Math.random }: { minMs: number; maxMs: number; random?: () => number },
): number {
  const longest = Math.min(maxMs, minMs * 2 ** Math.min(attempt - 1, 20));
  return longest / 2 + random() * longest / 2;
}

/** True for errors after which the same work may succeed. */
export function isRetryable(error: unknown): error is CandlewireError {
  return error instanceof CandlewireError && error.retry === "retry";
}
