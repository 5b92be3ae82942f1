import type { FeedBook } from "../feed.ts";
import type { StateReader, StateWriter } from "../state_bytes.ts";

/** A book as its depth frames make it. Reads are rare and sort; changes are many and do not. */
export class RecordedBook {
  updateId = 0;
  readonly #bids = new Map<number, number>();
  readonly #asks = new Map<number, number>();

  set(book: FeedBook): void {
    this.updateId = book.updateId;
    this.#bids.clear();
    this.#asks.clear();
    apply(this.#bids, book.bids);
    apply(this.#asks, book.asks);
  }

  apply(finalUpdateId: number, bids: number[], asks: number[]): void {
    this.updateId = finalUpdateId;
    apply(this.#bids, bids);
    apply(this.#asks, asks);
  }

  whole(limit: number): FeedBook {
    return {
      updateId: this.updateId,
      bids: sorted(this.#bids, -1, limit),
      asks: sorted(this.#asks, 1, limit),
    };
  }

  /** The changes that make another book of this one: prices with their quantities there, 0 where there are none. */
  changesTo(target: FeedBook): { bids: number[]; asks: number[] } {
    return { bids: difference(this.#bids, target.bids, -1), asks: difference(this.#asks, target.asks, 1) };
  }

  save(out: StateWriter): void {
    const { updateId, bids, asks } = this.whole(Infinity);
    out.number(updateId);
    out.numbers(bids);
    out.numbers(asks);
  }

  restore(state: StateReader): void {
    this.set({ updateId: state.number(), bids: [...state.numbers()], asks: [...state.numbers()] });
  }
}

function apply(side: Map<number, number>, levels: number[]): void {
  for (let i = 0; i < levels.length; i += 2) {
    if (levels[i + 1] === 0) side.delete(levels[i]!);
    else side.set(levels[i]!, levels[i + 1]!);
  }
}

function sorted(side: Map<number, number>, direction: 1 | -1, limit: number): number[] {
  const prices = Float64Array.from(side.keys()).sort();
  const out: number[] = [];
  for (let i = 0; i < prices.length && i < limit; i++) {
    const price = prices[direction === 1 ? i : prices.length - 1 - i]!;
    out.push(price, side.get(price)!);
  }
  return out;
}

/** Best first: in an order that does not depend on how the book came to be, which a restart forgets. */
function difference(from: Map<number, number>, to: number[], direction: 1 | -1): number[] {
  const changes = new Map<number, number>();
  for (const price of from.keys()) changes.set(price, 0);
  for (let i = 0; i < to.length; i += 2) {
    if (from.get(to[i]!) === to[i + 1]) changes.delete(to[i]!);
    else changes.set(to[i]!, to[i + 1]!);
  }
  return sorted(changes, direction, Infinity);
}
