import type { StateReader, StateWriter } from "./state_bytes.ts";

/**
 * The trades that are higher (or lower) than all after them, oldest first: the first within a window is its extreme,
 * whatever the window. As prices are strictly monotone, it holds at most one entry a tick of the price range.
 */
export class Extremes {
  readonly #sign: 1 | -1;
  #indexes = new Float64Array(64);
  #prices = new Float64Array(64);
  #first = 0;
  #end = 0;

  constructor(sign: 1 | -1) {
    this.#sign = sign;
  }

  push(index: number, price: number): void {
    while (this.#end > this.#first && (this.#prices[this.#end - 1]! - price) * this.#sign <= 0) this.#end--;
    if (this.#end === this.#prices.length) this.#makeRoom();
    this.#indexes[this.#end] = index;
    this.#prices[this.#end++] = price;
  }

  /** Forgets trades before an index. */
  drop(before: number): void {
    while (this.#first < this.#end && this.#indexes[this.#first]! < before) this.#first++;
  }

  /** The extreme of the trades from an index on; there must be one. */
  from(index: number): number {
    let low = this.#first;
    let high = this.#end;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#indexes[middle]! >= index) high = middle;
      else low = middle + 1;
    }
    return this.#prices[low]!;
  }

  save(out: StateWriter): void {
    out.numbers(this.#indexes.subarray(this.#first, this.#end));
    out.numbers(this.#prices.subarray(this.#first, this.#end));
  }

  restore(state: StateReader): void {
    const indexes = state.numbers();
    this.#indexes = new Float64Array(Math.max(64, indexes.length * 2));
    this.#prices = new Float64Array(this.#indexes.length);
    this.#indexes.set(indexes);
    this.#prices.set(state.numbers());
    this.#first = 0;
    this.#end = indexes.length;
  }

  #makeRoom(): void {
    const length = this.#end - this.#first;
    const size = length * 2 > this.#prices.length ? this.#prices.length * 2 : this.#prices.length;
    const [indexes, prices] = [new Float64Array(size), new Float64Array(size)];
    indexes.set(this.#indexes.subarray(this.#first, this.#end));
    prices.set(this.#prices.subarray(this.#first, this.#end));
    this.#indexes = indexes;
    this.#prices = prices;
    this.#first = 0;
    this.#end = length;
  }
}
