import { CandlewireError } from "../../error.ts";
import { wait } from "../../wait.ts";

/**
 * Keeps REST requests within the exchange's weight a minute. The server's own count (`X-MBX-USED-WEIGHT-1M`) is
 * believed over ours, since others may share the address; a 429 or 418 closes the gate for as long as it says.
 */
export class WeightBudget {
  #perMinute: number;
  readonly #share: number;
  readonly #now: () => number;
  #used = 0;
  #inFlight = 0;
  #windowEndsAt = 0;
  #closedUntil = 0;

  /** @param share Part of the limit that may be used, 0 to 1. */
  constructor(perMinute: number, options: { share?: number; now?: () => number } = {}) {
    this.#perMinute = perMinute;
    this.#share = options.share ?? 1;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Weight used in the current minute, as far as known. */
  get used(): number {
    return this.#now() >= this.#windowEndsAt ? this.#inFlight : this.#used + this.#inFlight;
  }

  /** Milliseconds until requests are allowed again after a 429 or 418; 0 when they are. */
  get closedMs(): number {
    return Math.max(0, this.#closedUntil - this.#now());
  }

  /** The limit as exchangeInfo tells it. */
  limit(perMinute: number): void {
    this.#perMinute = perMinute;
  }

  /** Waits until `weight` fits, then takes it. Rejects with `source.rate_limited` while the gate is closed. */
  async take(weight: number, signal: AbortSignal): Promise<void> {
    const allowed = Math.max(weight, this.#perMinute * this.#share);
    for (;;) {
      signal.throwIfAborted();
      if (this.closedMs > 0) throw rateLimited(this.closedMs);
      if (this.used + weight <= allowed) break;
      await wait(Math.min(1_000, Math.max(50, this.#windowEndsAt - this.#now())), signal);
    }
    this.#inFlight += weight;
  }

  /** Settles a request that was taken. `serverUsed`: its header, if it had one. */
  settle(weight: number, serverUsed: number | undefined): void {
    this.#inFlight -= weight;
    const now = this.#now();
    if (now >= this.#windowEndsAt) {
      // The server's minute is its own; ours may only end later than it, never sooner.
      this.#used = 0;
      this.#windowEndsAt = now + 60_000;
    }
    if (serverUsed === undefined) this.#used += weight;
    else {
      if (serverUsed < this.#used) this.#windowEndsAt = now + 60_000;
      this.#used = serverUsed;
    }
    // The exchange has said when to come back: by then its minute has gone by.
    if (now < this.#closedUntil) this.#windowEndsAt = this.#closedUntil;
  }

  /** Closes the gate after a 429 or 418. */
  close(ms: number): void {
    this.#closedUntil = Math.max(this.#closedUntil, this.#now() + ms);
  }
}

/** The error of a refused request; `details.retryAfterMs` says when to come back. */
export function rateLimited(retryAfterMs: number): CandlewireError {
  return new CandlewireError(
    "source.rate_limited",
    `Ask the exchange by REST: refused for another ${Math.ceil(retryAfterMs / 1_000)} s`,
    {
      retry: "retry",
      hint: "Lower restWeightShare, or let fewer programs share this address",
      details: { retryAfterMs },
    },
  );
}
