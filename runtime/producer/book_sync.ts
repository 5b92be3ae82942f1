import { steadyClock } from "../market/epoch.ts";
import type { Intake } from "./intake.ts";
import { type RestLoopOptions, retryDelayMs } from "./refiller.ts";
import type { MarketSource } from "./source/market_source.ts";
import { wait } from "../wait.ts";

/** Snapshots asked for at the same time. */
const PARALLEL = 4;

/** Looks for books that wait this often. */
const IDLE_MS = 50;

/** Takes a snapshot for every book that waits for one, again until it joins, until the signal aborts. */
export async function syncBooks(
  source: MarketSource,
  intake: Intake,
  options: RestLoopOptions & { signal: AbortSignal },
): Promise<void> {
  const { signal } = options;
  /** When a symbol may be asked for again, and how often it was. */
  const tries = new Map<string, { notBefore: number; count: number }>();
  const running = new Map<string, Promise<void>>();
  const take = async (symbol: string) => {
    const count = (tries.get(symbol)?.count ?? 0) + 1;
    let delayMs = Math.min(5_000, 100 * 2 ** count);
    try {
      if (intake.books.join(await source.snapshot(symbol, signal), steadyClock())) {
        tries.delete(symbol);
        return;
      }
    } catch (error) {
      if (signal.aborted) return;
      options.onFailure(error);
      delayMs = Math.max(delayMs, retryDelayMs(error));
    }
    tries.set(symbol, { notBefore: performance.now() + delayMs, count });
  };
  while (!signal.aborted) {
    for (const symbol of intake.books.waiting(steadyClock())) {
      if (running.size >= PARALLEL) break;
      if (running.has(symbol) || (tries.get(symbol)?.notBefore ?? 0) > performance.now()) continue;
      running.set(symbol, take(symbol).finally(() => running.delete(symbol)));
    }
    await wait(IDLE_MS, signal);
  }
  await Promise.all(running.values());
}
