type Flight<T> = { item: T; writing: Promise<unknown>; landed: Promise<void> };

/** Options of {@linkcode Flights}. */
export type FlightsOptions<T, R> = {
  /** Called for each item whose write is durable, in the order in which they were launched, one at a time. */
  settle: (item: T, result: R) => Promise<void>;
  /** Told of a failure, so that who waits for something else looks at it. */
  onFailure: () => void;
};

/**
 * Writes that are under way side by side, settled in the order in which they were launched: a position moves only after
 * everything before it is durable too (I1). After a write has failed nothing settles any more, whatever became of those
 * behind it; `drain` answers with all that is to be done again.
 */
export class Flights<T, R> {
  readonly #options: FlightsOptions<T, R>;
  #flights: Flight<T>[] = [];
  #failed = false;

  constructor(options: FlightsOptions<T, R>) {
    this.#options = options;
  }

  /** Writes that are not settled. */
  get count(): number {
    return this.#flights.length;
  }

  /** True when a write has failed and `drain` was not called since. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Takes a write that is under way. */
  launch(item: T, writing: Promise<R>): void {
    // The one before may fail first; then nobody looks at this one's failure.
    writing.catch(() => {});
    const before = this.#flights.at(-1)?.landed;
    const flight: Flight<T> = { item, writing, landed: Promise.resolve() };
    flight.landed = (async () => {
      await before;
      await this.#options.settle(item, await writing);
      this.#flights.shift();
    })();
    flight.landed.catch(() => {
      if (this.#failed) return;
      this.#failed = true;
      this.#options.onFailure();
    });
    this.#flights.push(flight);
  }

  /** Waits until less than `limit` writes are under way, or one has failed; true in the first case. */
  async room(limit: number): Promise<boolean> {
    while (this.#flights.length >= limit && !this.#failed) {
      await this.#flights[this.#flights.length - limit]!.landed.catch(() => {});
    }
    return !this.#failed;
  }

  /** Waits for all; answers with what did not settle, in order, and is as new. */
  async drain(): Promise<T[]> {
    // A write behind one that failed may still be under way: it ends before the same is begun again.
    await Promise.allSettled(this.#flights.flatMap(({ writing, landed }) => [writing, landed]));
    this.#failed = false;
    return this.#flights.splice(0).map(({ item }) => item);
  }
}
