import { formatUnits } from "../market/decimal.ts";

/** Decimals that the exchange writes for every price and quantity. */
export const DECIMALS = 8;

const CACHE = 2048;

/**
 * Integers of one scale as the exchange's text (eight decimals). Remembers recent ones, direct-mapped: prices repeat,
 * and formatting is a third of what telling an event costs.
 */
export class FixedText {
  readonly #scale: number;
  readonly #divisor: number;
  readonly #tail: string;
  readonly #keys = new Float64Array(CACHE).fill(-1);
  readonly #texts = new Array<string>(CACHE).fill("");

  /** `scale` at most 8. */
  constructor(scale: number) {
    if (!(Number.isInteger(scale) && scale >= 0 && scale <= DECIMALS)) {
      throw new RangeError(`Format at a scale: ${scale}`);
    }
    this.#scale = scale;
    this.#divisor = 10 ** scale;
    this.#tail = "0".repeat(DECIMALS - scale);
  }

  /** Text of a non-negative safe integer. */
  of(units: number): string {
    const slot = units % CACHE;
    if (this.#keys[slot] === units) return this.#texts[slot]!;
    const text = this.#format(units);
    this.#keys[slot] = units;
    this.#texts[slot] = text;
    return text;
  }

  #format(units: number): string {
    if (this.#scale === 0) return `${units}.${this.#tail}`;
    const whole = Math.floor(units / this.#divisor);
    const fraction = units - whole * this.#divisor;
    return `${whole}.${String(fraction).padStart(this.#scale, "0")}${this.#tail}`;
  }
}

/** An integer at a scale as text with eight decimals, or more when it has more (nothing is rounded). */
export function sumText(units: bigint, scale: number): string {
  return scale <= DECIMALS
    ? formatUnits(units * 10n ** BigInt(DECIMALS - scale), DECIMALS)
    : formatUnits(units, scale);
}

/** numerator / denominator with `decimals` decimals, half away from zero. The denominator is positive. */
export function ratioText(numerator: bigint, denominator: bigint, decimals: number): string {
  const negative = numerator < 0n;
  const scaled = (negative ? -numerator : numerator) * 10n ** BigInt(decimals);
  const rounded = (scaled * 2n + denominator) / (denominator * 2n);
  return formatUnits(negative ? -rounded : rounded, decimals);
}
