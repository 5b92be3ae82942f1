import type { StateReader, StateWriter } from "../state_bytes.ts";

/** A seeded generator (Doty-Humphrey's small fast counting generator, 128 bits of state) that can be saved. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 4294967296) | 0;
    this.#c = 0x2c1b3c6d;
    for (let i = 0; i < 16; i++) this.bits();
  }

  /** 32 random bits, unsigned. */
  bits(): number {
    const result = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  /** In [0, 1). */
  unit(): number {
    return this.bits() / 4294967296;
  }

  /** In [0, below). */
  integer(below: number): number {
    return Math.floor(this.unit() * below);
  }

  /** Exponential with mean 1; never infinite. */
  exponential(): number {
    return -Math.log((this.bits() + 1) / 4294967296);
  }

  /** About normal, mean 0 and variance 1: four uniforms, since tails are made elsewhere and this is called often. */
  normal(): number {
    const x = this.bits();
    const y = this.bits();
    return ((x & 0xffff) + (x >>> 16) + (y & 0xffff) + (y >>> 16) - 131070) * (1.7320508075688772 / 65536);
  }

  /** Differs when two states differ, for all practical purposes. */
  fingerprint(): number {
    return (Math.imul(this.#a, 31) ^ Math.imul(this.#b, 37) ^ Math.imul(this.#c, 41) ^ this.#counter) >>> 0;
  }

  save(out: StateWriter): void {
    out.numbers([this.#a, this.#b, this.#c, this.#counter]);
  }

  restore(state: StateReader): void {
    const [a, b, c, counter] = state.numbers();
    this.#a = a!;
    this.#b = b!;
    this.#c = c!;
    this.#counter = counter!;
  }
}
