import type { EpochMs } from "../market/epoch.ts";
import { type BookRow, type CompletenessRow, rowVersion } from "../market/table.ts";
import { OrderBook } from "./book.ts";
import type { DepthDiff, DepthSnapshot } from "./source/market_source.ts";

/** Options of {@linkcode Books}; meaning in `config.ts`. */
export type BooksOptions = { bookCadenceMs: number; bookDepth: number; snapshotLimit: number };

type Shelf = {
  book: OrderBook;
  /** What the last row said. */
  writtenId: number;
  writtenTrusted: boolean | undefined;
  writtenAt: number;
  writtenVersion: number;
  /** The range that a break left, until a snapshot replaced it. */
  gap: CompletenessRow | undefined;
  /** Why the stream broke, for the gap that is found next. */
  cause: string;
  joinedAt: number;
};

/** A book that knows few levels is refreshed at most this often. */
const REFRESH_MS = 5_000;

/** The local order books of all configured symbols and the rows that they become. Pure: time is passed in. */
export class Books {
  readonly #options: BooksOptions;
  readonly #shelves = new Map<string, Shelf>();
  #ledger: CompletenessRow[] = [];

  constructor(symbols: string[], options: BooksOptions) {
    this.#options = options;
    for (const symbol of symbols) {
      this.#shelves.set(symbol, {
        book: new OrderBook(symbol, { snapshotLimit: options.snapshotLimit }),
        writtenId: -1,
        writtenTrusted: undefined,
        writtenAt: -Infinity,
        writtenVersion: 0,
        gap: undefined,
        cause: "source_gap",
        joinedAt: -Infinity,
      });
    }
  }

  /** Takes up a break that a snapshot had not yet replaced before a restart. */
  restore(row: CompletenessRow): void {
    const shelf = this.#shelves.get(row.symbol);
    if (shelf !== undefined) shelf.gap = row;
  }

  apply(diff: DepthDiff, now: EpochMs): void {
    const shelf = this.#shelves.get(diff.symbol);
    if (shelf === undefined) return;
    if (shelf.book.apply(diff) === "gap") this.#broke(shelf, now);
  }

  /** The stream of these symbols (null: of all) is open. */
  connect(symbols: string[] | null): void {
    for (const symbol of symbols ?? this.#shelves.keys()) this.#shelves.get(symbol)?.book.connect();
  }

  /** The stream of these symbols (null: of all) broke. */
  disconnect(symbols: string[] | null, cause: string, now: EpochMs): void {
    for (const symbol of symbols ?? this.#shelves.keys()) {
      const shelf = this.#shelves.get(symbol);
      if (shelf === undefined) continue;
      const trusted = shelf.book.trusted;
      shelf.book.disconnect();
      shelf.cause = cause;
      if (trusted) this.#broke(shelf, now);
    }
  }

  /** Symbols whose book waits for a snapshot. */
  waiting(now: EpochMs): string[] {
    const symbols: string[] = [];
    for (const [symbol, { book, joinedAt }] of this.#shelves) {
      // Seldom, for where the exchange shows few levels a new snapshot is soon as shallow as the last.
      if (now - joinedAt > REFRESH_MS && book.shallow(this.#options.bookDepth)) book.refresh();
      if (book.waiting) symbols.push(symbol);
    }
    return symbols;
  }

  /** Joins a snapshot; false when another is needed. */
  join(snapshot: DepthSnapshot, now: EpochMs): boolean {
    const shelf = this.#shelves.get(snapshot.symbol);
    if (shelf === undefined || shelf.book.join(snapshot) === "stale") return false;
    shelf.joinedAt = now;
    const { gap } = shelf;
    if (gap !== undefined) {
      shelf.gap = undefined;
      // The diffs themselves are gone; the book that they would have made is here again.
      const lastId = Math.max(gap.last_id, shelf.book.lastUpdateId);
      this.#row({ ...gap, last_id: lastId, state: "refilled", updated_at: now });
    }
    return true;
  }

  /** Rows of books that changed, at most one a cadence; lost trust is told at once (I4). */
  rows(now: EpochMs, all = false): BookRow[] {
    const rows: BookRow[] = [];
    const { bookCadenceMs, bookDepth } = this.#options;
    for (const [symbol, shelf] of this.#shelves) {
      const { book } = shelf;
      const { eventTime } = book;
      // I4: of a side that is not known whole, the row claims no level that was never told.
      const depth = book.depth(bookDepth);
      const trusted = book.trusted && depth > 0;
      if (eventTime === undefined) continue;
      if (book.lastUpdateId === shelf.writtenId && trusted === shelf.writtenTrusted) continue;
      const lostTrust = shelf.writtenTrusted === true && !trusted;
      if (!all && !lostTrust && now - shelf.writtenAt < bookCadenceMs) continue;
      // A change of trust has no event time of its own, and two diffs may share one: the next revision tells them apart.
      const version = Math.max(rowVersion(eventTime), shelf.writtenVersion + 1);
      shelf.writtenId = book.lastUpdateId;
      shelf.writtenTrusted = trusted;
      shelf.writtenAt = now;
      shelf.writtenVersion = version;
      rows.push({
        symbol,
        ...book.top(trusted ? depth : bookDepth),
        depth: trusted ? depth : bookDepth,
        last_update_id: book.lastUpdateId,
        trusted,
        updated_at: eventTime,
        version,
      });
    }
    return rows;
  }

  /** Completeness rows since the last call. */
  takeRows(): CompletenessRow[] {
    const rows = this.#ledger;
    if (rows.length > 0) this.#ledger = [];
    return rows;
  }

  get trusted(): number {
    let count = 0;
    for (const { book } of this.#shelves.values()) if (book.trusted) count++;
    return count;
  }

  get size(): number {
    return this.#shelves.size;
  }

  /** State of each book, for the handler `books`. */
  list(): { symbol: string; lastUpdateId: number; trusted: boolean }[] {
    return [...this.#shelves].map(([symbol, { book }]) => ({
      symbol,
      lastUpdateId: book.lastUpdateId,
      trusted: book.trusted,
    }));
  }

  #broke(shelf: Shelf, now: EpochMs): void {
    const first = shelf.book.lastUpdateId + 1;
    shelf.gap ??= {
      symbol: shelf.book.symbol,
      kind: "book",
      first_id: first,
      last_id: first,
      cause: shelf.cause,
      state: "open",
      detected_at: now,
      updated_at: now,
      version: 0,
    };
    shelf.cause = "source_gap";
    this.#row(shelf.gap);
  }

  #row(row: CompletenessRow): void {
    row.version = Math.max(row.updated_at * 1_000, row.version + 1);
    this.#ledger.push({ ...row });
  }
}
