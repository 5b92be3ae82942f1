import { compareDecimals } from "../market/decimal.ts";

type Level = { key: number; price: string; quantity: string };

/**
 * One side of an order book, sorted by exact price, best level last so that changes near the top move little.
 * The float `key` only speeds the search up: rounding keeps order, and two texts of one key are compared exactly.
 */
export class BookSide {
  readonly #levels: Level[] = [];
  /** +1 for bids (highest is best), -1 for asks. */
  readonly #sign: 1 | -1;
  readonly #maxLevels: number;
  /**
   * The worst level down to which all are known; null when the whole side is. Levels beyond it are kept as they
   * change, but between them others may lie that were never told.
   */
  #limit: Level | null = null;

  constructor(side: "bid" | "ask", maxLevels: number) {
    this.#sign = side === "bid" ? 1 : -1;
    this.#maxLevels = maxLevels;
  }

  /** Levels of the range that is known without holes. */
  get size(): number {
    return this.#levels.length - this.#firstKnown();
  }

  /** True when levels beyond the known range may exist. */
  get truncated(): boolean {
    return this.#limit !== null;
  }

  /** Replaces all levels by a snapshot's. `complete`: the exchange showed all it has. */
  load(levels: [string, string][], complete: boolean): void {
    this.#levels.length = 0;
    this.#limit = null;
    for (const [price, quantity] of levels) {
      if (!isZero(quantity)) this.#levels.push({ key: Number(price), price, quantity });
    }
    this.#levels.sort((a, b) => this.#compare(a, b));
    if (!complete) this.#limit = this.#levels[0] ?? null;
    this.#trim();
  }

  /** Sets a level to an absolute quantity; zero deletes it. */
  set(price: string, quantity: string): void {
    const levels = this.#levels;
    const level: Level = { key: Number(price), price, quantity };
    // Most changes are near the top: look from there in growing steps, then halve.
    let high = levels.length;
    let low = high - 1;
    for (let step = 1; low >= 0 && this.#compare(levels[low]!, level) > 0; step *= 2) {
      high = low;
      low -= step;
    }
    if (low < 0) low = -1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#compare(levels[middle]!, level) > 0) high = middle;
      else low = middle;
    }
    const found = low >= 0 && this.#compare(levels[low]!, level) === 0;
    if (isZero(quantity)) {
      if (!found) return;
      if (low === levels.length - 1) levels.pop();
      else levels.splice(low, 1);
    } else if (found) levels[low] = level;
    else {
      if (low === levels.length - 1) levels.push(level);
      else levels.splice(low + 1, 0, level);
      this.#trim();
    }
  }

  /** The best level that is known, or undefined. */
  best(): [string, string] | undefined {
    const level = this.#levels.at(-1);
    return level === undefined ? undefined : [level.price, level.quantity];
  }

  /**
   * At most `count` best levels of the range without holes, as JSON text `[["price","quantity"],…]`; their texts
   * need no escaping.
   */
  top(count: number): string {
    const levels = this.#levels;
    const last = Math.max(this.#firstKnown(), levels.length - count);
    let text = "[";
    for (let i = levels.length - 1; i >= last; i--) {
      const level = levels[i]!;
      text += `${text.length > 1 ? "," : ""}["${level.price}","${level.quantity}"]`;
    }
    return text + "]";
  }

  /** Index of the worst level of the range without holes. */
  #firstKnown(): number {
    if (this.#limit === null) return 0;
    let low = 0;
    let high = this.#levels.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(this.#levels[middle]!, this.#limit) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #trim(): void {
    // I10: the worst levels go, a tenth at a time, for each cut moves all others.
    if (this.#levels.length <= this.#maxLevels) return;
    this.#levels.splice(0, this.#levels.length - Math.floor(this.#maxLevels * 0.9));
    const worst = this.#levels[0]!;
    if (this.#limit === null || this.#compare(worst, this.#limit) > 0) this.#limit = worst;
  }

  /** Positive when `a` is better than `b`. */
  #compare(a: Level, b: Level): number {
    if (a.key !== b.key) return a.key > b.key ? this.#sign : -this.#sign;
    return a.price === b.price ? 0 : compareDecimals(a.price, b.price) * this.#sign;
  }
}

function isZero(quantity: string): boolean {
  for (let i = 0; i < quantity.length; i++) {
    const code = quantity.charCodeAt(i);
    if (code !== 48 && code !== 46) return false;
  }
  return true;
}
