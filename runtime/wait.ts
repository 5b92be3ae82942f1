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
