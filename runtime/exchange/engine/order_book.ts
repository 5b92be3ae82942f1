import type { StateReader, StateWriter } from "../state_bytes.ts";

/** Orders that may rest in one book (I10). An order's id is its sequence × this + its slot, so no map is needed. */
export const ORDER_CAPACITY = 4096;
const NONE = -1;

/** Told of every match: the resting order's price decides. `isBuyerMaker`: the resting order was the bid. */
export type OnFill = (
  ticks: number,
  lots: number,
  isBuyerMaker: boolean,
  takerId: number,
  makerId: number,
) => void;

/** What became of an order: `id` to cancel it by, `rested` lots in the book, `filled` matched at once. */
export type Placed = { id: number; filled: number; rested: number };

/**
 * One symbol's order book: price, then time, decides who is matched. Prices in ticks, quantities in lots, both
 * positive integers. Every change of a level's quantity is one update. Orders and levels live in typed arrays, since
 * a market makes some hundred thousand of them a second; levels are sorted with the best at the end, where nearly
 * all changes are.
 */
export class OrderBook {
  /** Id of the latest change. */
  updateId: number;
  /** Prices changed since someone last emptied these, with repeats. */
  readonly changedBids: number[] = [];
  readonly changedAsks: number[] = [];

  readonly #onFill: OnFill;
  #sequence = 0;

  readonly #lots = new Float64Array(ORDER_CAPACITY);
  readonly #ids = new Float64Array(ORDER_CAPACITY);
  readonly #next = new Int32Array(ORDER_CAPACITY);
  readonly #previous = new Int32Array(ORDER_CAPACITY);
  readonly #levelOf = new Int32Array(ORDER_CAPACITY);
  /** Slots of live orders, dense, so that a random one can be drawn; and where each slot stands in it. */
  readonly #live = new Int32Array(ORDER_CAPACITY);
  readonly #livePlace = new Int32Array(ORDER_CAPACITY);
  #liveCount = 0;
  /** Slots given back, last first; above `#used` all are fresh. */
  readonly #free = new Int32Array(ORDER_CAPACITY);
  #freeCount = 0;
  #used = 0;

  readonly #levelTicks = new Float64Array(ORDER_CAPACITY);
  readonly #levelLots = new Float64Array(ORDER_CAPACITY);
  readonly #levelHead = new Int32Array(ORDER_CAPACITY);
  readonly #levelTail = new Int32Array(ORDER_CAPACITY);
  readonly #levelIsBid = new Uint8Array(ORDER_CAPACITY);
  readonly #freeLevel = new Int32Array(ORDER_CAPACITY);
  #freeLevelCount = 0;
  #usedLevels = 0;
  readonly #bids = new Int32Array(ORDER_CAPACITY);
  readonly #asks = new Int32Array(ORDER_CAPACITY);
  #bidCount = 0;
  #askCount = 0;

  constructor(onFill: OnFill, updateId = 0) {
    this.#onFill = onFill;
    this.updateId = updateId;
  }

  /** Best prices in ticks and their lots; 0 when the side is empty. */
  get bid(): number {
    return this.#bidCount === 0 ? 0 : this.#levelTicks[this.#bids[this.#bidCount - 1]!]!;
  }
  get bidLots(): number {
    return this.#bidCount === 0 ? 0 : this.#levelLots[this.#bids[this.#bidCount - 1]!]!;
  }
  get ask(): number {
    return this.#askCount === 0 ? 0 : this.#levelTicks[this.#asks[this.#askCount - 1]!]!;
  }
  get askLots(): number {
    return this.#askCount === 0 ? 0 : this.#levelLots[this.#asks[this.#askCount - 1]!]!;
  }
  /** Levels of a side. */
  levels(isBid: boolean): number {
    return isBid ? this.#bidCount : this.#askCount;
  }
  /** Live orders. */
  get orders(): number {
    return this.#liveCount;
  }
  /** True when no more orders can rest: cancel some first. */
  get full(): boolean {
    return this.#liveCount === ORDER_CAPACITY;
  }
  /** Id of a live order by its place in [0, orders). Places change with every order. */
  orderAt(place: number): number {
    return this.#ids[this.#live[place]!]!;
  }
  /** The newest order of the best level of a side; NaN when the side is empty. */
  newestAtBest(isBid: boolean): number {
    const count = isBid ? this.#bidCount : this.#askCount;
    if (count === 0) return NaN;
    return this.#ids[this.#levelTail[(isBid ? this.#bids : this.#asks)[count - 1]!]!]!;
  }
  /** Lots of a live order; 0 when it is not (filled or cancelled). */
  lotsOf(id: number): number {
    const slot = id % ORDER_CAPACITY;
    return this.#ids[slot] === id && this.#livePlace[slot]! >= 0 && this.#isLive(slot)
      ? this.#lots[slot]!
      : 0;
  }

  /** Ticks of the `depth`-th best level (0 = best); 0 beyond the last. */
  priceAt(isBid: boolean, depth: number): number {
    const index = (isBid ? this.#bidCount : this.#askCount) - 1 - depth;
    return index < 0 ? 0 : this.#levelTicks[(isBid ? this.#bids : this.#asks)[index]!]!;
  }

  /** A limit order: matches what it crosses, the rest waits in the book (unless the book is full). */
  limit(isBid: boolean, ticks: number, lots: number): Placed {
    const full = this.full;
    const slot = full ? ORDER_CAPACITY - 1 : this.#takeSlot();
    const id = ++this.#sequence * ORDER_CAPACITY + slot;
    const rest = this.#match(isBid, lots, ticks, id);
    if (full) return { id, filled: lots - rest, rested: 0 };
    if (rest === 0) {
      this.#ids[slot] = 0;
      this.#free[this.#freeCount++] = slot;
    } else this.#rest(slot, id, isBid, ticks, rest);
    return { id, filled: lots - rest, rested: rest };
  }

  /** A market order, or with `worst` an immediate-or-cancel one: what it cannot match at once is dropped. */
  market(isBid: boolean, lots: number, worst = isBid ? Infinity : 0): Placed {
    // The slot in its id is one that a live order may hold: such an id is never looked up.
    const id = ++this.#sequence * ORDER_CAPACITY;
    return { id, filled: lots - this.#match(isBid, lots, worst, id), rested: 0 };
  }

  /** Takes an order out of the book; the lots that were left, 0 when it was filled or cancelled before. */
  cancel(id: number): number {
    const lots = this.lotsOf(id);
    if (lots === 0) return 0;
    const slot = id % ORDER_CAPACITY;
    const level = this.#levelOf[slot]!;
    this.#levelLots[level] = this.#levelLots[level]! - lots;
    this.#changed(level);
    this.#remove(slot, level);
    return lots;
  }

  /** A side's levels, best first: price, lots, price, lots, … */
  side(isBid: boolean, limit: number): number[] {
    const levels = isBid ? this.#bids : this.#asks;
    const count = isBid ? this.#bidCount : this.#askCount;
    const out: number[] = [];
    for (let i = count - 1; i >= 0 && i >= count - limit; i--) {
      out.push(this.#levelTicks[levels[i]!]!, this.#levelLots[levels[i]!]!);
    }
    return out;
  }

  /** Lots at a price; 0 when there is no such level. */
  lotsAt(isBid: boolean, ticks: number): number {
    const at = this.#find(isBid, ticks);
    return at < 0 ? 0 : this.#levelLots[(isBid ? this.#bids : this.#asks)[at]!]!;
  }

  save(out: StateWriter): void {
    out.numbers([
      this.updateId,
      this.#sequence,
      this.#liveCount,
      this.#freeCount,
      this.#used,
      this.#freeLevelCount,
      this.#usedLevels,
      this.#bidCount,
      this.#askCount,
    ]);
    out.numbers(this.changedBids);
    out.numbers(this.changedAsks);
    for (const [cells, length] of this.#arrays()) out.numbers(cells, length);
  }

  restore(state: StateReader): void {
    const head = state.numbers();
    this.updateId = head[0]!;
    this.#sequence = head[1]!;
    this.#liveCount = head[2]!;
    this.#freeCount = head[3]!;
    this.#used = head[4]!;
    this.#freeLevelCount = head[5]!;
    this.#usedLevels = head[6]!;
    this.#bidCount = head[7]!;
    this.#askCount = head[8]!;
    this.changedBids.splice(0, Infinity, ...state.numbers());
    this.changedAsks.splice(0, Infinity, ...state.numbers());
    for (const [cells] of this.#arrays()) cells.set(state.numbers());
  }

  #arrays(): [Float64Array | Int32Array | Uint8Array, number][] {
    return [
      [this.#lots, this.#used],
      [this.#ids, this.#used],
      [this.#next, this.#used],
      [this.#previous, this.#used],
      [this.#levelOf, this.#used],
      [this.#livePlace, this.#used],
      [this.#live, this.#liveCount],
      [this.#free, this.#freeCount],
      [this.#levelTicks, this.#usedLevels],
      [this.#levelLots, this.#usedLevels],
      [this.#levelHead, this.#usedLevels],
      [this.#levelTail, this.#usedLevels],
      [this.#levelIsBid, this.#usedLevels],
      [this.#freeLevel, this.#freeLevelCount],
      [this.#bids, this.#bidCount],
      [this.#asks, this.#askCount],
    ];
  }

  #isLive(slot: number): boolean {
    const place = this.#livePlace[slot]!;
    return place < this.#liveCount && this.#live[place] === slot;
  }

  #match(isBid: boolean, lots: number, worst: number, takerId: number): number {
    const levels = isBid ? this.#asks : this.#bids;
    while (lots > 0) {
      const count = isBid ? this.#askCount : this.#bidCount;
      if (count === 0) break;
      const level = levels[count - 1]!;
      const ticks = this.#levelTicks[level]!;
      if (isBid ? ticks > worst : ticks < worst) break;
      const slot = this.#levelHead[level]!;
      const resting = this.#lots[slot]!;
      const filled = resting < lots ? resting : lots;
      lots -= filled;
      this.#lots[slot] = resting - filled;
      this.#levelLots[level] = this.#levelLots[level]! - filled;
      this.#changed(level);
      const makerId = this.#ids[slot]!;
      if (filled === resting) this.#remove(slot, level);
      this.#onFill(ticks, filled, !isBid, takerId, makerId);
    }
    return lots;
  }

  #takeSlot(): number {
    return this.#freeCount > 0 ? this.#free[--this.#freeCount]! : this.#used++;
  }

  #rest(slot: number, id: number, isBid: boolean, ticks: number, lots: number): void {
    const at = this.#find(isBid, ticks);
    const level = at < 0 ? this.#insertLevel(isBid, ticks, ~at) : (isBid ? this.#bids : this.#asks)[at]!;
    const tail = this.#levelTail[level]!;
    this.#ids[slot] = id;
    this.#lots[slot] = lots;
    this.#levelOf[slot] = level;
    this.#next[slot] = NONE;
    this.#previous[slot] = tail;
    if (tail === NONE) this.#levelHead[level] = slot;
    else this.#next[tail] = slot;
    this.#levelTail[level] = slot;
    this.#levelLots[level] = this.#levelLots[level]! + lots;
    this.#livePlace[slot] = this.#liveCount;
    this.#live[this.#liveCount++] = slot;
    this.#changed(level);
  }

  #changed(level: number): void {
    this.updateId++;
    const changed = this.#levelIsBid[level] === 1 ? this.changedBids : this.changedAsks;
    const ticks = this.#levelTicks[level]!;
    if (changed[changed.length - 1] !== ticks) changed.push(ticks);
  }

  /** Takes an order out of its level and, when it was the last, the level out of its side. */
  #remove(slot: number, level: number): void {
    const next = this.#next[slot]!;
    const previous = this.#previous[slot]!;
    if (previous === NONE) this.#levelHead[level] = next;
    else this.#next[previous] = next;
    if (next === NONE) this.#levelTail[level] = previous;
    else this.#previous[next] = previous;
    const place = this.#livePlace[slot]!;
    const moved = this.#live[--this.#liveCount]!;
    this.#live[place] = moved;
    this.#livePlace[moved] = place;
    this.#livePlace[slot] = NONE;
    this.#free[this.#freeCount++] = slot;
    if (this.#levelHead[level] === NONE) this.#removeLevel(level);
  }

  /** Where a price stands among a side's levels, or ~(where it would). */
  #find(isBid: boolean, ticks: number): number {
    const levels = isBid ? this.#bids : this.#asks;
    let low = 0;
    let high = (isBid ? this.#bidCount : this.#askCount) - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const at = this.#levelTicks[levels[middle]!]!;
      if (at === ticks) return middle;
      if (isBid ? at < ticks : at > ticks) low = middle + 1;
      else high = middle - 1;
    }
    return ~low;
  }

  #insertLevel(isBid: boolean, ticks: number, at: number): number {
    const level = this.#freeLevelCount > 0 ? this.#freeLevel[--this.#freeLevelCount]! : this.#usedLevels++;
    this.#levelTicks[level] = ticks;
    this.#levelLots[level] = 0;
    this.#levelHead[level] = NONE;
    this.#levelTail[level] = NONE;
    this.#levelIsBid[level] = isBid ? 1 : 0;
    const levels = isBid ? this.#bids : this.#asks;
    levels.copyWithin(at + 1, at, isBid ? this.#bidCount++ : this.#askCount++);
    levels[at] = level;
    return level;
  }

  #removeLevel(level: number): void {
    const isBid = this.#levelIsBid[level] === 1;
    const levels = isBid ? this.#bids : this.#asks;
    const count = isBid ? this.#bidCount : this.#askCount;
    const at = levels[count - 1] === level ? count - 1 : this.#find(isBid, this.#levelTicks[level]!);
    levels.copyWithin(at, at + 1, count);
    if (isBid) this.#bidCount--;
    else this.#askCount--;
    this.#freeLevel[this.#freeLevelCount++] = level;
  }
}
