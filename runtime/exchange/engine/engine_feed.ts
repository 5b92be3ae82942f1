import type { EventFeed, FeedBook, FeedSink } from "../feed.ts";
import type { StateReader, StateWriter } from "../state_bytes.ts";
import { Activity } from "./activity.ts";
import { FairPrice } from "./fair_price.ts";
import { tellHistory } from "./history.ts";
import type { Listing } from "./listing.ts";
import { OrderBook } from "./order_book.ts";
import { OrderFlow } from "./order_flow.ts";
import { Random } from "./random.ts";

/** Changes of a book are told together every so many ms, at a phase of its own per symbol. */
const DEPTH_MS = 100;
const PICKS = 8192;
/** Changed prices are remembered with repeats up to this number, then once each (I10). */
const CHANGES_MAX = 4096;

/** What makes one run of the engine differ from another. */
export type EngineOptions = {
  listings: readonly Listing[];
  seed: number;
  /** Mean trades per second of the whole market. */
  ratePerSecond: number;
  /** Virtual time of the first order. */
  startTime: number;
  historyHours: number;
};

type Market = {
  book: OrderBook;
  flow: OrderFlow;
  tradeId: number;
  /** Last update id that a depth event told. */
  toldUpdateId: number;
  /** The best as last told. */
  bid: number;
  bidLots: number;
  ask: number;
  askLots: number;
};

/** The events of the matching engine under seeded order flow. One step is one order, or one look at one book's changes. */
export class EngineFeed implements EventFeed {
  readonly symbols: readonly Listing[];
  readonly #options: EngineOptions;
  readonly #random: Random;
  readonly #fair: FairPrice;
  readonly #activity: Activity;
  readonly #markets: Market[];
  /** Market by a uniform draw, in proportion to their weights. */
  readonly #picks: Uint16Array;
  #sink: FeedSink | undefined;
  #time: number;
  /** The market's first ms, later by all delays. */
  #base: number;
  /** Time of the next order, with its fraction of a ms. */
  #arrival: number;
  /** The 100 ms cycle and the market in it whose depth is due next. */
  #cycle = 0;
  #due = 0;
  /** Trades that an order makes on average: measured, so that the mean rate comes true. */
  #tradesPerOrder = 0.5;
  #fills = 0;
  #steps = 0;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.symbols = options.listings;
    this.#random = new Random(options.seed);
    this.#fair = new FairPrice(options.listings);
    this.#activity = new Activity(options.startTime, this.#random);
    this.#time = options.startTime;
    this.#base = options.startTime;
    this.#arrival = options.startTime;
    this.#markets = options.listings.map((listing, market) => this.#open(listing, market));
    this.#picks = picks(options.listings);
  }

  begin(sink: FeedSink): number {
    tellHistory(sink, {
      listings: this.symbols,
      fair: this.#fair,
      random: this.#random,
      start: this.#options.startTime,
      minutes: this.#options.historyHours * 60,
      ratePerSecond: this.#options.ratePerSecond,
    }, (market) => this.#markets[market]!.tradeId++);
    this.#markets.forEach((market, index) => {
      market.flow.open();
      market.toldUpdateId = market.book.updateId;
      market.book.changedBids.length = market.book.changedAsks.length = 0;
      this.#tellBest(sink, index);
    });
    this.#schedule();
    return this.#options.startTime;
  }

  nextTime(): number {
    return Math.min(Math.floor(this.#arrival), this.#dueTime());
  }

  step(sink: FeedSink): void {
    this.#steps++;
    const due = this.#dueTime();
    const arrival = Math.floor(this.#arrival);
    // Orders of the same ms first: a depth event covers all that happened up to its time.
    if (arrival <= due) this.#order(sink, arrival);
    else this.#tellDepth(sink, due);
  }

  delay(ms: number): void {
    this.#base += ms;
    this.#arrival += ms;
    this.#activity.delay(ms);
  }

  book(symbol: number, limit: number): FeedBook {
    const { book } = this.#markets[symbol]!;
    return { updateId: book.updateId, bids: book.side(true, limit), asks: book.side(false, limit) };
  }

  fingerprint(): number {
    let hash = this.#random.fingerprint();
    const mix = (value: number) => hash = Math.imul(hash ^ (value % 4294967296), 0x01000193) >>> 0;
    mix(Math.floor((this.#arrival - this.#base) * 1024));
    for (const market of this.#markets) {
      for (
        const value of [market.tradeId, market.book.updateId, market.bid, market.bidLots, market.askLots]
      ) {
        mix(value);
      }
    }
    return hash;
  }

  save(out: StateWriter): void {
    this.#random.save(out);
    this.#fair.save(out);
    this.#activity.save(out);
    out.numbers([
      this.#time,
      this.#base,
      this.#arrival,
      this.#cycle,
      this.#due,
      this.#tradesPerOrder,
      this.#steps,
    ]);
    for (const market of this.#markets) {
      market.book.save(out);
      out.numbers([
        market.tradeId,
        market.toldUpdateId,
        market.bid,
        market.bidLots,
        market.ask,
        market.askLots,
        market.flow.buying ? 1 : 0,
      ]);
    }
  }

  restore(state: StateReader): void {
    this.#random.restore(state);
    this.#fair.restore(state);
    this.#activity.restore(state);
    const [time, base, arrival, cycle, due, tradesPerOrder, steps] = state.numbers();
    this.#time = time!;
    this.#base = base!;
    this.#arrival = arrival!;
    this.#cycle = cycle!;
    this.#due = due!;
    this.#tradesPerOrder = tradesPerOrder!;
    this.#steps = steps!;
    for (const market of this.#markets) {
      market.book.restore(state);
      const [tradeId, told, bid, bidLots, ask, askLots, buying] = state.numbers();
      market.tradeId = tradeId!;
      market.toldUpdateId = told!;
      market.bid = bid!;
      market.bidLots = bidLots!;
      market.ask = ask!;
      market.askLots = askLots!;
      market.flow.buying = buying === 1;
    }
  }

  close(): void {}

  #open(listing: Listing, index: number): Market {
    const onFill = (ticks: number, lots: number, isBuyerMaker: boolean, takerId: number) => {
      this.#fills++;
      const market = this.#markets[index]!;
      this.#sink!.trade(index, market.tradeId++, ticks, lots, this.#time, isBuyerMaker, takerId);
    };
    // A market that has run for years, busier ones further on.
    const tradeId = listing.weight * 10_000_000 + this.#random.integer(10_000_000);
    const updateId = listing.weight * 200_000_000 + this.#random.integer(100_000_000);
    const book = new OrderBook(onFill, updateId);
    const flow = new OrderFlow({ listing, market: index, book, fair: this.#fair, random: this.#random });
    return { book, flow, tradeId, toldUpdateId: updateId, bid: 0, bidLots: 0, ask: 0, askLots: 0 };
  }

  #dueTime(): number {
    const phase = Math.floor(this.#due * DEPTH_MS / this.#markets.length);
    return this.#base + this.#cycle * DEPTH_MS + phase;
  }

  #schedule(): void {
    const perMs = this.#options.ratePerSecond / 1000 / this.#tradesPerOrder * this.#activity.intensity;
    this.#arrival += this.#random.exponential() / perMs;
  }

  #order(sink: FeedSink, time: number): void {
    this.#time = time;
    this.#sink = sink;
    const { leader, drift } = this.#activity;
    const index = leader >= 0 && this.#random.integer(2) === 0
      ? leader
      : this.#picks[this.#random.integer(PICKS)]!;
    const market = this.#markets[index]!;
    this.#fair.move(index, this.#random, leader >= 0 ? 1.5 : 1, drift);
    this.#fills = 0;
    market.flow.act();
    this.#tradesPerOrder += (this.#fills - this.#tradesPerOrder) / 4000;
    if (this.#tradesPerOrder < 0.05) this.#tradesPerOrder = 0.05;
    this.#tellBest(sink, index);
    if (market.book.changedBids.length > CHANGES_MAX) compact(market.book.changedBids);
    if (market.book.changedAsks.length > CHANGES_MAX) compact(market.book.changedAsks);
    this.#schedule();
  }

  /** The best bid and ask, when an order changed them. */
  #tellBest(sink: FeedSink, index: number): void {
    const market = this.#markets[index]!;
    const { bid, bidLots, ask, askLots, updateId } = market.book;
    if (
      bid === market.bid && ask === market.ask && bidLots === market.bidLots && askLots === market.askLots
    ) {
      return;
    }
    market.bid = bid;
    market.bidLots = bidLots;
    market.ask = ask;
    market.askLots = askLots;
    sink.bookTicker(index, updateId, this.#time, bid, bidLots, ask, askLots);
  }

  #tellDepth(sink: FeedSink, time: number): void {
    this.#time = time;
    const index = this.#due++;
    const market = this.#markets[index]!;
    if (this.#due === this.#markets.length) {
      this.#due = 0;
      this.#cycle++;
      const before = this.#activity.intensity;
      this.#activity.tick(time, this.#random, this.#markets.length);
      const after = this.#activity.intensity;
      // Waiting has no memory: what is left of it passes at the new pace. Nothing is due before this ms.
      if (after !== before) {
        this.#arrival = time + Math.max(0, this.#arrival - time) * before / after;
      }
    }
    const { book } = market;
    if (book.updateId === market.toldUpdateId) return;
    const bids = levelsOf(book, true);
    const asks = levelsOf(book, false);
    sink.depth(index, market.toldUpdateId + 1, book.updateId, time, bids, asks);
    market.toldUpdateId = book.updateId;
  }
}

/** The changed prices of a side with the lots that are there now, best first; empties the list. */
function levelsOf(book: OrderBook, isBid: boolean): number[] {
  const changed = isBid ? book.changedBids : book.changedAsks;
  compact(changed);
  if (isBid) changed.reverse();
  const out = new Array<number>(changed.length * 2);
  for (let i = 0; i < changed.length; i++) {
    out[2 * i] = changed[i]!;
    out[2 * i + 1] = book.lotsAt(isBid, changed[i]!);
  }
  changed.length = 0;
  return out;
}

/** Sorts and keeps each once. */
function compact(prices: number[]): void {
  prices.sort((a, b) => a - b);
  let kept = 0;
  for (let i = 0; i < prices.length; i++) {
    if (i === 0 || prices[i] !== prices[kept - 1]) prices[kept++] = prices[i]!;
  }
  prices.length = kept;
}

function picks(listings: readonly Listing[]): Uint16Array {
  const total = listings.reduce((sum, listing) => sum + listing.weight, 0);
  const out = new Uint16Array(PICKS);
  let at = 0;
  let passed = 0;
  listings.forEach((listing, market) => {
    passed += listing.weight;
    for (const end = Math.round(PICKS * passed / total); at < end; at++) out[at] = market;
  });
  return out;
}
