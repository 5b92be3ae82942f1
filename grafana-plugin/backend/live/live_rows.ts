import { flattenBook, parseSide, topOfBook } from "../../../runtime/query/book_levels.ts";
import type { Book } from "../../../runtime/query/market_query.ts";
import type { BookRow, KlineRow, PriceRow, TradeRow } from "../../../runtime/market/table.ts";

/** Ids and versions that are remembered of a channel. */
const REMEMBERED = 5_000;

/**
 * Lets each row through once. State and changes overlap, and a change may be older than the state: trades go by their id, in
 * whatever order they come; of the others only newer versions of a key pass.
 */
export class NewRows {
  readonly #versions = new Map<number, number>();
  #answered: number | undefined;
  /** The greatest trade id or time that a query answered or that was let through. */
  newest: number | undefined;

  /** `answered`: what a query has answered already, as a trade id or a time. */
  constructor(answered: number | undefined) {
    this.#answered = answered;
    this.newest = answered;
  }

  /** Trades that were not seen. Of those before the stream's beginning, refilled ones alone: a query has answered the others. */
  trades(rows: readonly TradeRow[], options: { state?: boolean } = {}): TradeRow[] {
    const { state = false } = options;
    // Without a query the first state is the beginning.
    if (state && rows.length > 0) this.#answered ??= rows[0]!.trade_id - 1;
    return rows.filter(({ trade_id, backfill }) =>
      this.#newer(trade_id, 0) && (trade_id > this.#after || (backfill && !state))
    );
  }

  /** Prices of times that were not seen, or that have changed. */
  prices(rows: readonly PriceRow[]): PriceRow[] {
    return rows.filter((row) => row.updated_at > this.#after && this.#newer(row.updated_at, row.version));
  }

  /** Candles that are new or have changed; the newest answered one goes on changing. */
  klines(rows: readonly KlineRow[]): KlineRow[] {
    return rows.filter((row) => row.open_time >= this.#after && this.#newer(row.open_time, row.version));
  }

  /** The newest of the books when it is newer than those before. */
  books<Row extends BookRow>(rows: readonly Row[]): Row[] {
    return rows.filter((row) => this.#newer(0, row.version)).slice(-1);
  }

  get #after(): number {
    return this.#answered ?? -Infinity;
  }

  #newer(key: number, version: number): boolean {
    const seen = this.#versions.get(key);
    if (seen !== undefined && version <= seen) return false;
    this.#versions.set(key, version);
    this.newest = Math.max(this.newest ?? key, key);
    if (this.#versions.size > REMEMBERED) this.#versions.delete(this.#versions.keys().next().value!);
    return true;
  }
}

/** A book as it was published, with its levels: those of the event stream come without. */
export function wholeBook(row: BookRow & Partial<Book>): Book {
  if (row.levels !== undefined && row.best_bid !== undefined) return row as Book;
  const bids = parseSide(row.bids);
  const asks = parseSide(row.asks);
  const whole = typeof bids !== "string" && typeof asks !== "string";
  const [bid, ask] = whole ? [bids, asks] : [[], []];
  return { ...row, ...topOfBook(bid, ask), levels: flattenBook(bid, ask) };
}
