import { type Decimal, formatUnits, parseDecimal } from "../market/decimal.ts";

/** Decimals that results keep at least, as Binance writes prices and quantities. */
const SCALE = 8;

/** The exact product of two decimal texts, zeros beyond 8 decimals cut; undefined when one is no decimal. */
export function product(left: string, right: string): string | undefined {
  const a = parseDecimal(left);
  const b = parseDecimal(right);
  if (a === undefined || b === undefined) return undefined;
  return formatTrimmed({ units: a.units * b.units, scale: a.scale + b.scale });
}

/** A decimal as text without trailing zeros beyond `least` decimals. */
export function formatTrimmed({ units, scale }: Decimal, least = SCALE): string {
  while (scale > least && units % 10n === 0n) {
    units /= 10n;
    scale--;
  }
  return formatUnits(units, scale);
}

/** numerator / denominator at a scale, rounded half up (away from zero). The denominator is not zero. */
export function quotient(numerator: Decimal, denominator: Decimal, scale = SCALE): string {
  let over = numerator.units * 10n ** BigInt(scale + denominator.scale + 1);
  const under = denominator.units * 10n ** BigInt(numerator.scale);
  const negative = (over < 0n) !== (under < 0n);
  if (over < 0n) over = -over;
  const tenfold = over / (under < 0n ? -under : under);
  const rounded = (tenfold + 5n) / 10n;
  return formatUnits(negative ? -rounded : rounded, scale);
}

/** A running exact sum of decimals of any scale. */
export class DecimalSum {
  #units = 0n;
  #scale: number;

  constructor(scale = SCALE) {
    this.#scale = scale;
  }

  add(units: bigint, scale: number): void {
    if (scale === this.#scale) {
      this.#units += units;
    } else if (scale < this.#scale) {
      this.#units += units * 10n ** BigInt(this.#scale - scale);
    } else {
      this.#units = this.#units * 10n ** BigInt(scale - this.#scale) + units;
      this.#scale = scale;
    }
  }

  get value(): Decimal {
    return { units: this.#units, scale: this.#scale };
  }

  /** Zeros beyond 8 decimals are cut. */
  toString(): string {
    return formatTrimmed(this.value);
  }
}
