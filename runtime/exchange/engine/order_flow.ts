import type { FairPrice } from "./fair_price.ts";
import type { Listing } from "./listing.ts";
import type { OrderBook } from "./order_book.ts";
import type { Random } from "./random.ts";

/** Orders that a book holds in the long run. */
const ORDERS = 800;
/** Levels that no taker takes the last of. */
const THIN = 12;
/** The deepest that makers quote, as a part of the price. */
const DEEPEST = 0.03;

/**
 * Who sends what: informed takers who sweep quotes that the news left behind, makers who pull them first, noise
 * takers with heavy-tailed sizes, makers who tighten the spread or quote deep. Deterministic given the generator.
 */
export class OrderFlow {
  readonly #listing: Listing;
  readonly #market: number;
  readonly #book: OrderBook;
  readonly #fair: FairPrice;
  readonly #random: Random;
  /** Whether the last taker bought: takers come in runs. */
  buying = true;

  constructor(
    parts: { listing: Listing; market: number; book: OrderBook; fair: FairPrice; random: Random },
  ) {
    this.#listing = parts.listing;
    this.#market = parts.market;
    this.#book = parts.book;
    this.#fair = parts.fair;
    this.#random = parts.random;
  }

  /** Quotes both sides before the market opens. */
  open(): void {
    const fair = this.#fair.ticks(this.#market);
    for (let i = 0; i < ORDERS; i++) this.#quote(i % 2 === 0, fair);
  }

  /** One order, cancellation or quote. */
  act(): void {
    const book = this.#book;
    const random = this.#random;
    const fair = this.#fair.ticks(this.#market);
    const bids = book.levels(true);
    const asks = book.levels(false);
    if (bids < THIN || asks < THIN) return this.#quote(bids < asks, fair);
    const staleAsk = book.ask < fair - 0.5;
    if (staleAsk || book.bid > fair + 0.5) return this.#correct(staleAsk, fair);
    const draw = random.unit();
    if (draw < 0.24) return this.#take();
    const wide = Math.max(1, 2 * this.#listing.halfSpread * fair);
    if (draw < 0.6 && book.ask - book.bid > wide) return this.#tighten(fair);
    const quotes = 0.5 + 0.6 * (ORDERS - book.orders) / ORDERS;
    if (random.unit() < quotes) return this.#quote(random.integer(2) === 0, fair);
    this.#cancel();
  }

  /** Quotes on the wrong side of the news: taken by who knows, or pulled by who fears it. */
  #correct(asksAreStale: boolean, fair: number): void {
    const book = this.#book;
    if (this.#random.unit() < 0.45) {
      book.cancel(book.newestAtBest(!asksAreStale));
      return;
    }
    const deepest = book.priceAt(!asksAreStale, 4);
    if (asksAreStale) {
      const ticks = Math.min(Math.floor(fair), deepest);
      this.buying = true;
      if (this.#random.integer(4) === 0) book.limit(true, ticks, this.#lots(1.2));
      else book.market(true, this.#lots(2), ticks);
      return;
    }
    const ticks = Math.max(Math.ceil(fair), deepest);
    this.buying = false;
    if (this.#random.integer(4) === 0) book.limit(false, ticks, this.#lots(1.2));
    else book.market(false, this.#lots(2), ticks);
  }

  #take(): void {
    if (this.#random.unit() < 0.35) this.buying = this.#random.integer(2) === 0;
    const book = this.#book;
    // Pareto tails: most take a part of the best order, a few sweep dozens.
    const size = Math.min(60, 0.35 / Math.pow(this.#random.unit() + 1e-4, 0.7));
    const levels = book.levels(!this.buying);
    book.market(this.buying, this.#lots(size), book.priceAt(!this.buying, Math.min(40, levels - THIN)));
  }

  /** Within the spread, on its own side of what it is worth. */
  #tighten(fair: number): void {
    const book = this.#book;
    const isBid = this.#random.integer(2) === 0;
    const room = isBid ? Math.min(book.ask - 1, fair) - book.bid : book.ask - Math.max(book.bid + 1, fair);
    if (room < 1) return this.#quote(isBid, fair);
    const step = 1 + this.#random.integer(Math.floor(room));
    book.limit(isBid, isBid ? book.bid + step : book.ask - step, this.#lots(1));
  }

  #quote(isBid: boolean, fair: number): void {
    const book = this.#book;
    if (book.full) return this.#cancel();
    const half = Math.max(0.5, this.#listing.halfSpread * fair);
    const deepest = fair * DEEPEST;
    const u = this.#random.unit();
    // A third close to the best, a third over all orders of magnitude, a third deep: books with long tails.
    const kind = this.#random.integer(3);
    const distance = kind === 0
      ? half * (0.4 + 1.6 * u)
      : kind === 1
      ? half * Math.exp(u * Math.log(Math.max(2, deepest / half)))
      : deepest * u;
    let ticks = isBid ? Math.floor(fair - distance) : Math.ceil(fair + distance);
    // Post-only: it would otherwise take what it means to make.
    if (isBid && book.ask > 0) ticks = Math.min(ticks, book.ask - 1);
    if (!isBid) ticks = Math.max(ticks, book.bid + 1);
    book.limit(isBid, Math.max(1, ticks), this.#lots(1 + Math.min(8, distance / half / 6)));
  }

  #cancel(): void {
    const book = this.#book;
    const random = this.#random;
    const id = random.unit() < 0.3
      ? book.newestAtBest(random.integer(2) === 0)
      : book.orderAt(random.integer(book.orders));
    book.cancel(id);
  }

  /** A size around `typical` × 250 USDT, at least one lot. */
  #lots(typical: number): number {
    const notional = typical * 250 * Math.exp(0.9 * this.#random.normal());
    const perLot = this.#fair.baseUsd(this.#market) / 10 ** this.#listing.quantityScale;
    return Math.max(1, Math.round(notional / perLot));
  }
}
