import type { EpochMs } from "../market/epoch.ts";
import { BookSide } from "./book_side.ts";
import type { DepthDiff, DepthSnapshot } from "./source/market_source.ts";

/**
 * `buffering`: waits for the stream; `syncing`: the stream is open, diffs are kept until a snapshot joins them; `synced`: equals the
 * exchange's; `broken`: a diff is missing, the next one starts again.
 */
export type BookState = "buffering" | "syncing" | "synced" | "broken";

/** What can happen to a book. */
export type BookSignal = "connected" | "diff" | "joined" | "stale" | "gap" | "disconnected";

/** The total transition table. A signal that changes nothing names its own state. */
export const BOOK_TRANSITIONS: Record<BookState, Record<BookSignal, BookState>> = {
  buffering: {
    connected: "syncing",
    diff: "syncing",
    joined: "buffering",
    stale: "buffering",
    gap: "buffering",
    disconnected: "buffering",
  },
  syncing: {
    connected: "syncing",
    diff: "syncing",
    joined: "synced",
    stale: "syncing",
    gap: "syncing",
    disconnected: "buffering",
  },
  synced: {
    connected: "synced",
    diff: "synced",
    joined: "synced",
    stale: "synced",
    gap: "broken",
    disconnected: "broken",
  },
  broken: {
    connected: "syncing",
    diff: "syncing",
    joined: "broken",
    stale: "broken",
    gap: "broken",
    disconnected: "broken",
  },
};

/** Options of {@linkcode OrderBook}. */
export type OrderBookOptions = {
  /** Levels asked for in a snapshot: a side with fewer is known whole. Default 1,000. */
  snapshotLimit?: number;
  /** Levels a side kept at most. Default 5,000. */
  maxLevels?: number;
  /** Diffs kept while the snapshot is awaited; the oldest go first. Default 1,000. */
  maxBuffered?: number;
};

/**
 * A local order book by Binance's documented algorithm ("How to manage a local order book correctly"). Pure: no
 * clock, no I/O. While it is not `synced` it keeps its last levels, marked untrusted (I4).
 */
export class OrderBook {
  readonly symbol: string;
  readonly #bids: BookSide;
  readonly #asks: BookSide;
  readonly #snapshotLimit: number;
  readonly #maxBuffered: number;
  #buffer: DepthDiff[] = [];
  /** True while a snapshot is awaited to know more levels, the book being right meanwhile. */
  #refreshing = false;
  #state: BookState = "buffering";
  #lastUpdateId = 0;
  #eventTime: EpochMs | undefined;

  constructor(symbol: string, options: OrderBookOptions = {}) {
    this.symbol = symbol;
    this.#snapshotLimit = options.snapshotLimit ?? 1_000;
    this.#maxBuffered = options.maxBuffered ?? 1_000;
    const maxLevels = Math.max(options.maxLevels ?? 5_000, this.#snapshotLimit);
    this.#bids = new BookSide("bid", maxLevels);
    this.#asks = new BookSide("ask", maxLevels);
  }

  get state(): BookState {
    return this.#state;
  }

  /** I4: true only while the levels equal the exchange's at {@linkcode lastUpdateId}. */
  get trusted(): boolean {
    return this.#state === "synced";
  }

  get lastUpdateId(): number {
    return this.#lastUpdateId;
  }

  /** Event time of the last applied diff, or of one before it that was later; undefined before the first book. */
  get eventTime(): EpochMs | undefined {
    return this.#eventTime;
  }

  /** Applies or keeps one diff. `gap`: it does not follow; it is kept as the first of the next book. */
  apply(diff: DepthDiff): "applied" | "ignored" | "buffered" | "gap" {
    if (this.#state !== "synced") {
      this.#keep(diff);
      return "buffered";
    }
    if (diff.finalUpdateId <= this.#lastUpdateId) return "ignored";
    if (diff.firstUpdateId > this.#lastUpdateId + 1) {
      this.#restart("gap");
      this.#keep(diff);
      return "gap";
    }
    if (this.#refreshing) this.#remember(diff);
    this.#change(diff);
    return "applied";
  }

  /**
   * Joins a snapshot with the kept diffs. `stale`: it is older than the first of them, or a diff between them is
   * missing; take another.
   */
  join(snapshot: DepthSnapshot): "synced" | "stale" {
    if (this.#state !== "syncing" && !this.#refreshing) return "stale";
    const diffs = this.#buffer;
    const after = diffs.filter((diff) => diff.finalUpdateId > snapshot.lastUpdateId);
    let reached = snapshot.lastUpdateId;
    for (const diff of after) {
      if (diff.firstUpdateId > reached + 1) {
        // Nothing before the hole can be joined any more.
        if (reached > snapshot.lastUpdateId) this.#buffer = after.slice(after.indexOf(diff));
        this.#signal("stale");
        return "stale";
      }
      reached = Math.max(reached, diff.finalUpdateId);
    }
    // A refresh must not take the book back.
    if (this.#refreshing && reached < this.#lastUpdateId) return "stale";
    this.#bids.load(snapshot.bids, snapshot.bids.length < this.#snapshotLimit);
    this.#asks.load(snapshot.asks, snapshot.asks.length < this.#snapshotLimit);
    this.#lastUpdateId = snapshot.lastUpdateId;
    // A snapshot carries no time: the newest diff that it holds gives a lower bound.
    for (const diff of diffs) {
      if (diff.finalUpdateId > snapshot.lastUpdateId) continue;
      if (this.#eventTime === undefined || diff.eventTime > this.#eventTime) this.#eventTime = diff.eventTime;
    }
    this.#eventTime ??= diffs[0]?.eventTime;
    for (const diff of after) {
      if (diff.finalUpdateId > this.#lastUpdateId) this.#change(diff);
    }
    this.#restart("joined");
    return "synced";
  }

  /**
   * The stream is open, so a snapshot taken from now on joins what it will send: a quiet symbol need not wait for
   * its next diff.
   */
  connect(): void {
    this.#signal("connected");
  }

  /** The stream broke: what follows may not join. Kept diffs are of no use any more. */
  disconnect(): void {
    this.#restart("disconnected");
  }

  /** True when fewer than `depth` levels of a side are known though more exist: a fresh snapshot helps. */
  shallow(depth: number): boolean {
    return this.#state === "synced" && this.depth(depth) < depth;
  }

  /**
   * How many levels a side, at most `limit`, equal the exchange's best: a side that is known whole has no others. 0 when of
   * a side nothing is known any more, though it is not empty.
   */
  depth(limit: number): number {
    for (const side of [this.#bids, this.#asks]) if (side.truncated) limit = Math.min(limit, side.size);
    return limit;
  }

  /** Asks for a snapshot to {@linkcode join} without giving the book up meanwhile. */
  refresh(): void {
    if (this.#state === "synced") this.#refreshing = true;
  }

  /** True while a snapshot is awaited. */
  get waiting(): boolean {
    return this.#refreshing || this.#state === "syncing";
  }

  /** Best bid and ask, each `[price, quantity]`. */
  best(): { bid: [string, string] | undefined; ask: [string, string] | undefined } {
    return { bid: this.#bids.best(), ask: this.#asks.best() };
  }

  /** At most `count` best levels a side, as JSON text, best first. */
  top(count: number): { bids: string; asks: string } {
    return { bids: this.#bids.top(count), asks: this.#asks.top(count) };
  }

  #change(diff: DepthDiff): void {
    for (let i = 0; i < diff.bids.length; i++) {
      const level = diff.bids[i]!;
      this.#bids.set(level[0], level[1]);
    }
    for (let i = 0; i < diff.asks.length; i++) {
      const level = diff.asks[i]!;
      this.#asks.set(level[0], level[1]);
    }
    this.#lastUpdateId = diff.finalUpdateId;
    // Readers take the book of the latest time, and servers' clocks differ: after a change of connection it may fall.
    if (this.#eventTime === undefined || diff.eventTime > this.#eventTime) this.#eventTime = diff.eventTime;
  }

  #keep(diff: DepthDiff): void {
    this.#remember(diff);
    this.#signal("diff");
  }

  #remember(diff: DepthDiff): void {
    // I10: without a snapshot the oldest diffs go; a later snapshot joins what is left.
    if (this.#buffer.length >= this.#maxBuffered) this.#buffer.splice(0, this.#buffer.length >> 1);
    this.#buffer.push(diff);
  }

  #restart(signal: BookSignal): void {
    this.#buffer = [];
    this.#refreshing = false;
    this.#signal(signal);
  }

  #signal(signal: BookSignal): void {
    this.#state = BOOK_TRANSITIONS[this.#state][signal];
  }
}
