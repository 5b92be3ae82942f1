/** Options of {@linkcode LagWatch}. */
export type LagWatchOptions = {
  windowMs: number;
  /** A lag below this never counts as growing. */
  floor: number;
  /** Samples kept (I10); sampled more often, they are thinned. */
  maxSamples?: number;
};

/**
 * Tells a lag that grows without bound from one that comes and goes: it grows when the window is full, the value is
 * above the floor, and the least value of the window's last third is above the greatest of its first third.
 */
export class LagWatch {
  readonly #windowMs: number;
  readonly #floor: number;
  readonly #spacingMs: number;
  #samples: { atMs: number; value: number }[] = [];

  constructor(options: LagWatchOptions) {
    this.#windowMs = options.windowMs;
    this.#floor = options.floor;
    this.#spacingMs = options.windowMs / (options.maxSamples ?? 120);
  }

  /** Notes the lag; a missing figure forgets what was before it. */
  sample(value: number | null, atMs: number): void {
    if (value === null) {
      this.#samples = [];
      return;
    }
    const last = this.#samples.at(-1);
    if (last !== undefined && atMs - last.atMs < this.#spacingMs) return;
    this.#samples.push({ atMs, value });
    // One sample older than the window stays: it shows that the window is full.
    while (this.#samples.length > 1 && this.#samples[1]!.atMs <= atMs - this.#windowMs) this.#samples.shift();
  }

  /** The growth over the window when it grows; undefined when it does not. */
  growing(): { from: number; to: number } | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.value < this.#floor) return undefined;
    if (last.atMs - first.atMs < this.#windowMs * 0.95) return undefined;
    const third = (last.atMs - first.atMs) / 3;
    const early = this.#samples.filter((one) => one.atMs <= first.atMs + third).map((one) => one.value);
    const late = this.#samples.filter((one) => one.atMs >= last.atMs - third).map((one) => one.value);
    return Math.min(...late) > Math.max(...early) ? { from: first.value, to: last.value } : undefined;
  }
}
