import { CandlewireError } from "../error.ts";

/** Collects numbers for a checkpoint. Everything a market must remember is a double or a row of doubles. */
export class StateWriter {
  #values = new Float64Array(4096);
  #length = 0;

  number(value: number): void {
    if (this.#length === this.#values.length) this.#grow(1);
    this.#values[this.#length++] = value;
  }

  /** A row with its length, so that the reader can check it. */
  numbers(values: ArrayLike<number>, length = values.length): void {
    this.number(length);
    if (this.#length + length > this.#values.length) this.#grow(length);
    for (let i = 0; i < length; i++) this.#values[this.#length + i] = values[i]!;
    this.#length += length;
  }

  /** The collected numbers; a view that the next write may move. */
  values(): Float64Array<ArrayBuffer> {
    return this.#values.subarray(0, this.#length);
  }

  #grow(by: number): void {
    const values = new Float64Array(Math.max(this.#values.length * 2, this.#length + by));
    values.set(this.#values.subarray(0, this.#length));
    this.#values = values;
  }
}

/** Reads what a {@linkcode StateWriter} collected, in the same order. Throws `exchange.checkpoint` when it runs out. */
export class StateReader {
  readonly #values: Float64Array;
  #at = 0;

  constructor(values: Float64Array) {
    this.#values = values;
  }

  number(): number {
    const value = this.#values[this.#at++];
    if (value === undefined) {
      throw new CandlewireError(
        "exchange.checkpoint",
        `Read a checkpoint: ends after ${this.#at - 1} numbers`,
        {
          hint: "Delete the exchange's folder; it starts a new run",
        },
      );
    }
    return value;
  }

  /** A row as it was written; a view. */
  numbers(): Float64Array {
    const length = this.number();
    if (!(length >= 0 && this.#at + length <= this.#values.length)) {
      throw new CandlewireError("exchange.checkpoint", `Read a checkpoint: a row of ${length} numbers`, {
        hint: "Delete the exchange's folder; it starts a new run",
      });
    }
    this.#at += length;
    return this.#values.subarray(this.#at - length, this.#at);
  }
}
