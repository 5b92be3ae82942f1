/**
 * How fast a child's output is taken in. What comes faster waits in the pipe, and so the child waits: a flood costs the
 * host no more than its rate (I7, I10).
 */
export class Throttle {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #last: number;

  constructor(perSecond: number, options: { burst?: number; now?: number } = {}) {
    this.#perMs = perSecond / 1000;
    this.#burst = options.burst ?? perSecond;
    this.#tokens = this.#burst;
    this.#last = options.now ?? performance.now();
  }

  /** Takes tokens, into debt if need be; returns how many ms to wait before the next. */
  take(amount: number, now: number = performance.now()): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#last) * this.#perMs) - amount;
    this.#last = now;
    return this.#tokens >= 0 ? 0 : Math.ceil(-this.#tokens / this.#perMs);
  }

  /** Takes tokens if there are enough; false, and takes nothing, otherwise. */
  tryTake(amount: number, now: number = performance.now()): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#last) * this.#perMs);
    this.#last = now;
    if (this.#tokens < amount) return false;
    this.#tokens -= amount;
    return true;
  }
}
