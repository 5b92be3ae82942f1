/**
 * Lets through as much at a time as there is room for; the others wait in order. Bounds what concurrent queries hold in memory (I10).
 */
export class Gate {
  readonly #size: number;
  #free: number;
  readonly #waiting: { weight: number; enter: () => void }[] = [];

  constructor(size: number) {
    this.#size = size;
    this.#free = size;
  }

  /**
   * Runs `work` when its turn has come. It takes `weight` of the room, 1 unless told otherwise; what is heavier than the gate runs
   * alone. Rejects with the signal's reason when that fires before.
   */
  async run<T>(work: () => Promise<T>, signal: AbortSignal, options: { weight?: number } = {}): Promise<T> {
    const weight = Math.min(options.weight ?? 1, this.#size);
    await this.#enter(weight, signal);
    try {
      return await work();
    } finally {
      this.#free += weight;
      this.#admit();
    }
  }

  #enter(weight: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const waiter = { weight, enter };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(signal.reason);
        this.#admit();
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.push(waiter);
      this.#admit();
    });
  }

  #admit(): void {
    for (
      let first = this.#waiting[0];
      first !== undefined && first.weight <= this.#free;
      first = this.#waiting[0]
    ) {
      this.#waiting.shift();
      this.#free -= first.weight;
      first.enter();
    }
  }
}
