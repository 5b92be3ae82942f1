/** A set of ids kept as sorted ranges, both ends included. Ids lie on a grid of `step`. */
export class IdRanges {
  readonly #step: number;
  readonly #ranges: { first: number; last: number }[] = [];

  constructor(step: number, ranges: { first: number; last: number }[] = []) {
    this.#step = step;
    for (const range of ranges) this.#ranges.push({ ...range });
  }

  get empty(): boolean {
    return this.#ranges.length === 0;
  }

  /** The first range, or undefined. */
  get first(): { first: number; last: number } | undefined {
    return this.#ranges[0];
  }

  /** All ranges, ascending. */
  get ranges(): readonly { first: number; last: number }[] {
    return this.#ranges;
  }

  /** Takes an id out; false when it was not in. */
  remove(id: number): boolean {
    const i = this.#find(id);
    const range = this.#ranges[i];
    if (range === undefined || range.first > id) return false;
    if (range.first === range.last) this.#ranges.splice(i, 1);
    else if (range.first === id) range.first += this.#step;
    else if (range.last === id) range.last -= this.#step;
    else {
      this.#ranges.splice(i, 1, { first: range.first, last: id - this.#step }, {
        first: id + this.#step,
        last: range.last,
      });
    }
    return true;
  }

  /** Takes all ids of [first, last] out and returns those that were in. */
  cut(first: number, last: number): { first: number; last: number }[] {
    const taken: { first: number; last: number }[] = [];
    const kept: { first: number; last: number }[] = [];
    for (const range of this.#ranges) {
      const from = Math.max(range.first, first);
      const to = Math.min(range.last, last);
      if (from > to) {
        kept.push(range);
        continue;
      }
      taken.push({ first: from, last: to });
      if (range.first < from) kept.push({ first: range.first, last: from - this.#step });
      if (range.last > to) kept.push({ first: to + this.#step, last: range.last });
    }
    this.#ranges.splice(0, this.#ranges.length, ...kept);
    return taken;
  }

  /** Adds a range that lies after all others. */
  append(first: number, last: number): void {
    const end = this.#ranges.at(-1);
    if (end !== undefined && end.last + this.#step >= first) end.last = Math.max(end.last, last);
    else this.#ranges.push({ first, last });
  }

  /** Index of the first range that ends at or after `id`. */
  #find(id: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ranges[middle]!.last < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
