import type { EpochMs } from "../market/epoch.ts";
import type { FeedBook } from "./feed.ts";
import type { FixedText } from "./fixed_text.ts";
import type { BookAt, ExchangeBookTicker } from "./market.ts";
import { SpoolFile } from "./spool_file.ts";
import { type Releasable, SEGMENT_BYTES } from "./spool_retention.ts";

/** A whole book is kept every so many depth events; a question replays at most that many. */
const SNAPSHOT_EVERY = 256;
// The best: update id, time, bid, its quantity, ask, its quantity.
const BEST_WIDTH = 6;
const HEAD = 4;

/**
 * The books of one symbol at every update id that a depth event ended with, and its best bid and ask at every one; the
 * oldest may have been let go.
 */
export class BookSpool {
  readonly #symbol: string;
  /** Doubles: final update id, kind (1 whole, 0 changes), bids, asks, then price and quantity of each. */
  readonly #depth: SpoolFile;
  /** Update id of each whole book and where it stands in `#depth`. */
  readonly #snapshots: SpoolFile;
  readonly #best: SpoolFile;
  readonly #price: FixedText;
  readonly #quantity: FixedText;
  #sinceSnapshot = 0;

  constructor(
    folder: string,
    symbol: string,
    number: number,
    texts: { price: FixedText; quantity: FixedText },
  ) {
    this.#symbol = symbol;
    this.#price = texts.price;
    this.#quantity = texts.quantity;
    this.#depth = new SpoolFile(`${folder}/depth_${number}.f64`, 1, {
      buffer: 4096,
      segmentBytes: SEGMENT_BYTES,
    });
    this.#snapshots = new SpoolFile(`${folder}/books_${number}.f64`, 2, {
      buffer: 64,
      segmentBytes: SEGMENT_BYTES,
    });
    this.#best = new SpoolFile(`${folder}/best_${number}.f64`, BEST_WIDTH, {
      buffer: 512,
      segmentBytes: SEGMENT_BYTES,
    });
  }

  get files(): SpoolFile[] {
    return [this.#depth, this.#snapshots, this.#best];
  }

  /** What may go when the disk's share is used up: the oldest books, and the oldest best bids and asks. */
  get releasable(): Releasable[] {
    const [depth, snapshots, best] = [this.#depth, this.#snapshots, this.#best];
    return [{
      get bytes() {
        return depth.bytes;
      },
      release() {
        const { nextRelease } = depth;
        // What is left begins with a whole book.
        const index = snapshots.search((cells, at) => cells[at + 1]! >= nextRelease);
        if (index === snapshots.length) return false;
        depth.release(snapshots.cell(index, 1));
        snapshots.release(index);
        return true;
      },
    }, {
      get bytes() {
        return best.bytes;
      },
      release() {
        if (best.nextRelease >= best.length) return false;
        best.release(best.nextRelease);
        return true;
      },
    }];
  }

  /** True when the next thing to append is a whole book. */
  get wantsSnapshot(): boolean {
    return this.#snapshots.length === 0 || this.#sinceSnapshot >= SNAPSHOT_EVERY;
  }

  appendSnapshot(book: FeedBook): void {
    const at = this.#snapshots.append();
    this.#snapshots.buffer[at] = book.updateId;
    this.#snapshots.buffer[at + 1] = this.#depth.length;
    this.#append(book.updateId, 1, book.bids, book.asks);
    this.#sinceSnapshot = 0;
  }

  appendDepth(finalUpdateId: number, bids: number[], asks: number[]): void {
    this.#append(finalUpdateId, 0, bids, asks);
    this.#sinceSnapshot++;
  }

  appendBest(updateId: number, time: number, bid: number, bidQty: number, ask: number, askQty: number): void {
    const at = this.#best.append();
    const cells = this.#best.buffer;
    cells[at] = updateId;
    cells[at + 1] = time;
    cells[at + 2] = bid;
    cells[at + 3] = bidQty;
    cells[at + 4] = ask;
    cells[at + 5] = askQty;
  }

  /** After truncation to a checkpoint: the next depth event starts a fresh count with a whole book. */
  resume(sinceSnapshot: number): void {
    this.#sinceSnapshot = sinceSnapshot;
  }
  get sinceSnapshot(): number {
    return this.#sinceSnapshot;
  }

  /** The best bid and ask as of an update id: the last that was told with it or before it. */
  bestAt(updateId: number): ExchangeBookTicker | undefined {
    return this.#bestAtIndex(this.#best.search((cells, at) => cells[at]! > updateId) - 1);
  }

  lastBest(): ExchangeBookTicker | undefined {
    return this.#bestAtIndex(this.#best.length - 1);
  }

  /**
   * The whole book at exactly this update id, undefined when no depth event ended with it; without one, as the last depth
   * event told it.
   */
  bookAt(updateId = Infinity): BookAt | undefined {
    const index = this.#snapshots.search((cells, at) => cells[at]! > updateId) - 1;
    if (index < this.#snapshots.first) return undefined;
    const from = this.#snapshots.cell(index, 1);
    let to = this.#depth.length;
    if (index + 1 < this.#snapshots.length) to = this.#snapshots.cell(index + 1, 1);
    const cells = this.#depth.read(from, to - from);
    const bids = new Map<number, number>();
    const asks = new Map<number, number>();
    let reached = -1;
    for (let at = 0; at < cells.length && cells[at]! <= updateId;) {
      reached = cells[at]!;
      const bidCells = cells[at + 2]! * 2;
      const askCells = cells[at + 3]! * 2;
      at += HEAD;
      apply(bids, cells, at, bidCells);
      apply(asks, cells, at + bidCells, askCells);
      at += bidCells + askCells;
    }
    if (reached !== updateId && updateId !== Infinity) return undefined;
    return { lastUpdateId: reached, bids: this.#levels(bids, -1), asks: this.#levels(asks, 1) };
  }

  #append(updateId: number, kind: number, bids: number[], asks: number[]): void {
    this.#depth.appendAll([updateId, kind, bids.length / 2, asks.length / 2]);
    this.#depth.appendAll(bids);
    this.#depth.appendAll(asks);
  }

  #bestAtIndex(index: number): ExchangeBookTicker | undefined {
    if (index < this.#best.first) return undefined;
    const at = this.#best.at(index);
    const cells = this.#best.cells;
    return {
      type: "bookTicker",
      symbol: this.#symbol,
      updateId: cells[at]!,
      time: cells[at + 1]! as EpochMs,
      bid: this.#price.of(cells[at + 2]!),
      bidQuantity: this.#quantity.of(cells[at + 3]!),
      ask: this.#price.of(cells[at + 4]!),
      askQuantity: this.#quantity.of(cells[at + 5]!),
    };
  }

  #levels(side: Map<number, number>, direction: 1 | -1): [string, string][] {
    return [...side].sort(([a], [b]) => direction * (a - b))
      .map(([price, quantity]) => [this.#price.of(price), this.#quantity.of(quantity)]);
  }
}

/** Sets each level's quantity; 0 takes it away. */
function apply(side: Map<number, number>, cells: Float64Array, at: number, length: number): void {
  for (let i = at; i < at + length; i += 2) {
    if (cells[i + 1] === 0) side.delete(cells[i]!);
    else side.set(cells[i]!, cells[i + 1]!);
  }
}
