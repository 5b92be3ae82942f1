/** When a trade's frame was first sent. `sentAt` is wall-clock milliseconds with a fraction. */
export type Emission = { tradeId: number; sentAt: number };

/** A ring of the latest trade frames and the wall-clock time they were written: latencies at any speed start here. */
export class Emissions {
  readonly #symbols: Uint32Array;
  readonly #ids: Float64Array;
  readonly #times: Float64Array;
  readonly #index = new Map<string, number>();
  readonly #capacity: number;
  /** Frames noted since the beginning; the ring holds the last `capacity` of them. */
  #noted = 0;
  #stamped = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#symbols = new Uint32Array(capacity);
    this.#ids = new Float64Array(capacity);
    this.#times = new Float64Array(capacity);
  }

  /** Notes a trade whose frame was queued; {@linkcode stamp} tells when it was written. */
  note(symbol: string, tradeId: number): void {
    let index = this.#index.get(symbol);
    if (index === undefined) this.#index.set(symbol, index = this.#index.size);
    const at = this.#noted++ % this.#capacity;
    this.#symbols[at] = index;
    this.#ids[at] = tradeId;
    this.#times[at] = NaN;
  }

  /** The frames noted since the last call were written now. */
  stamp(wall: number): void {
    for (let i = Math.max(this.#stamped, this.#noted - this.#capacity); i < this.#noted; i++) {
      this.#times[i % this.#capacity] = wall;
    }
    this.#stamped = this.#noted;
  }

  /** A symbol's emissions in the order they happened, from a trade id on. */
  list(symbol: string, options: { fromId?: number; limit: number }): Emission[] {
    const index = this.#index.get(symbol);
    const found: Emission[] = [];
    if (index === undefined) return found;
    for (
      let i = Math.max(0, this.#noted - this.#capacity);
      i < this.#noted && found.length < options.limit;
      i++
    ) {
      const at = i % this.#capacity;
      const tradeId = this.#ids[at]!;
      if (this.#symbols[at] !== index || tradeId < (options.fromId ?? 0)) continue;
      if (i < this.#stamped) found.push({ tradeId, sentAt: this.#times[at]! });
    }
    return found;
  }
}
