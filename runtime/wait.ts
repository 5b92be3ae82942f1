import { setTimeout as timeout } from "node:timers/promises";

/** Waits; returns early, without an error, when the signal aborts. */
export async function wait(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted || ms <= 0) return;
  try {
    await timeout(ms, undefined, { signal });
  } catch {
    // Aborted: the caller looks at its signal.
  }
}

/** Resolves when the signal aborts, or at once when it has: one that aborted before its listener came tells nobody any more. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
