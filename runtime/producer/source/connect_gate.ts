import { wait } from "../../wait.ts";

/**
 * At most `limit` connection attempts in any `windowMs`; further ones wait. Binance allows 300 in 5 minutes and
 * address; a few are left for other programs.
 */
export class ConnectGate {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #passed: number[] = [];

  constructor(limit = 280, windowMs = 300_000) {
    this.#limit = limit;
    this.#windowMs = windowMs;
  }

  /** Waits for a place. Returns early when the signal aborts. */
  async pass(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const now = performance.now();
      while (this.#passed.length > 0 && this.#passed[0]! <= now - this.#windowMs) this.#passed.shift();
      if (this.#passed.length < this.#limit) {
        this.#passed.push(now);
        return;
      }
      await wait(this.#passed[0]! + this.#windowMs - now + 1, signal);
    }
  }
}
