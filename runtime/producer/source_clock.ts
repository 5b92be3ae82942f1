import { steadyClock } from "../market/epoch.ts";
import type { Intake } from "./intake.ts";
import { wait } from "../wait.ts";

/** Exchange's clock minus ours, ms; undefined until it was measured. */
export type SourceClock = { offsetMs: number | undefined };

/** Clocks drift by milliseconds an hour. */
const EVERY_MS = 180_000;

/** After a failure that leaves no measurement. */
const SOON_MS = 5_000;

/** Looks whether a connection was opened, or our clock was set, this often. */
const CHECK_MS = 250;

/**
 * Measures how far the exchange's clock is from ours, after each connect, when ours was set forward, and every few minutes,
 * until the signal aborts: without it, the lag of events would hold the difference of two clocks. A failure keeps what was
 * measured before, as long as that holds.
 */
export async function followSourceClock(
  clock: SourceClock,
  measure: (signal: AbortSignal) => Promise<number>,
  options: { intake: Pick<Intake, "connects">; signal: AbortSignal; onFailure: (error: unknown) => void },
): Promise<void> {
  const { intake, signal } = options;
  let connects = -1;
  let measuredAt = -Infinity;
  const setForwardBy = () => steadyClock() - performance.now();
  let ours = setForwardBy();
  let wasSet = false;
  while (!signal.aborted) {
    const isSet = setForwardBy() - ours > CHECK_MS;
    if (isSet) {
      clock.offsetMs = undefined;
      wasSet = true;
    }
    if (isSet || intake.connects !== connects || performance.now() - measuredAt > EVERY_MS) {
      connects = intake.connects;
      measuredAt = performance.now();
      ours = setForwardBy();
      try {
        clock.offsetMs = await measure(signal);
        wasSet = false;
      } catch (error) {
        if (signal.aborted) return;
        if (wasSet) measuredAt -= EVERY_MS - SOON_MS;
        else clock.offsetMs ??= 0;
        options.onFailure(error);
      }
    }
    await wait(CHECK_MS, signal);
  }
}
