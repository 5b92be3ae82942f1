import { CandlewireError } from "../error.ts";
import type { EpochMs } from "../market/epoch.ts";
import type { Origin } from "../market/origin.ts";
import type { EventFeed, FeedSink } from "./feed.ts";
import type {
  BookAt,
  Candle,
  ExchangeBookTicker,
  ExchangeEvent,
  ExchangeMarket,
  ExchangeTrade,
  ExchangeTruth,
  Interval,
  SymbolInfo,
  TickerWindow,
} from "./market.ts";
import type { SpoolFolder } from "./spool_folder.ts";
import { spoolSink } from "./spool_sink.ts";
import { retain } from "./spool_retention.ts";
import { levelTexts, openSymbolSpool, type SymbolSpool } from "./spool_symbol.ts";
import { truthOf } from "./spooled_truth.ts";
import { StateReader, StateWriter } from "./state_bytes.ts";

/** A run of a market, as opened. */
export type MarketRun = {
  origin: Origin;
  notes: () => readonly string[];
  /**
   * The wall clock when the run follows it: what it is behind at opening is skipped as time in which the market was closed.
   */
  wall?: () => number;
  /** Steps between checkpoints: a restart takes at most as many again. */
  checkpointSteps: number;
  /** About how much may be kept on disk; Infinity for all. */
  spoolBytes: number;
};

/**
 * A market over a deterministic feed. What it tells is durable before it is told: not the events, but how many steps
 * of the feed they took (one small write per `advance`), beside a checkpoint every so many
 * steps. After a kill it takes the steps from the checkpoint to that number again and writes the same bytes again;
 * the feed's fingerprint proves that they are the same. The spool files hold the history for questions.
 */
export class SpooledMarket implements ExchangeMarket {
  readonly origin: Origin;
  readonly symbols: readonly SymbolInfo[];
  readonly notes: readonly string[];
  readonly truth: ExchangeTruth;
  readonly #feed: EventFeed;
  readonly #folder: SpoolFolder;
  readonly #kept: SymbolSpool[];
  readonly #bySymbol: Map<string, number>;
  readonly #sink: FeedSink;
  #now = 0;
  #steps = 0;
  readonly #checkpointSteps: number;
  readonly #spoolBytes: number;
  #checkpointAt = 0;
  /** Where events go; undefined while the past is told again. */
  #events: ExchangeEvent[] | undefined;
  #closed = false;

  /** Opens the market at where its folder left off. It owns the feed at once, and the folder
   * unless it throws. */
  constructor(feed: EventFeed, folder: SpoolFolder, run: MarketRun) {
    this.#feed = feed;
    this.#folder = folder;
    this.origin = run.origin;
    this.#checkpointSteps = run.checkpointSteps;
    this.#spoolBytes = run.spoolBytes;
    this.symbols = feed.symbols.map((symbol) => symbol.info);
    this.#bySymbol = new Map(this.symbols.map((info, index) => [info.symbol, index]));
    this.#kept = feed.symbols.map((symbol, number) => openSymbolSpool(folder.path, symbol, number));
    this.#sink = spoolSink(feed, this.#kept, () => this.#events);
    this.truth = truthOf((symbol) => this.#of(symbol));
    try {
      this.#resume();
      if (run.wall !== undefined) this.#skipTo(run.wall());
      this.notes = run.notes();
    } catch (error) {
      this.#close();
      throw error;
    }
  }

  get now(): EpochMs {
    return this.#now as EpochMs;
  }

  nextTime(): EpochMs | undefined {
    const time = this.#feed.nextTime();
    return time === Infinity ? undefined : time as EpochMs;
  }

  advance(until: EpochMs, limit: number): ExchangeEvent[] {
    const events: ExchangeEvent[] = this.#events = [];
    const feed = this.#feed;
    const before = this.#steps;
    let time = feed.nextTime();
    while (time <= until && events.length < limit) {
      this.#now = time;
      feed.step(this.#sink);
      this.#steps++;
      time = feed.nextTime();
    }
    this.#events = undefined;
    if (time > until && until > this.#now) this.#now = until;
    if (this.#steps !== before) {
      if (this.#steps - this.#checkpointAt >= this.#checkpointSteps) this.#checkpoint();
      // Before anyone hears of it: a market that is killed now goes on after these events.
      this.#folder.writePosition({ steps: this.#steps, now: this.#now, fingerprint: feed.fingerprint() });
    }
    return events;
  }

  book(symbol: string, limit: number): BookAt | undefined {
    const index = this.#bySymbol.get(symbol);
    if (index === undefined) return undefined;
    const kept = this.#kept[index]!;
    const book = this.#feed.book(index, limit);
    return {
      lastUpdateId: book.updateId,
      bids: levelTexts(book.bids, kept),
      asks: levelTexts(book.asks, kept),
    };
  }

  bookTicker(symbol: string): ExchangeBookTicker | undefined {
    return this.#of(symbol)?.best;
  }

  candle(symbol: string, interval: Interval): Candle | undefined {
    return this.#of(symbol)?.candles.current(interval, this.#now);
  }

  candles(
    symbol: string,
    interval: Interval,
    range: { from?: EpochMs; to?: EpochMs; limit: number },
  ): Candle[] {
    return this.#of(symbol)?.candles.range(interval, range, this.#now) ?? [];
  }

  ticker(symbol: string, window: "1h" | "4h" | "24h"): TickerWindow | undefined {
    const kept = this.#of(symbol);
    return kept?.tickers.window(window, this.#now, kept.best);
  }

  trades(
    symbol: string,
    query: { fromId?: number; fromAggregateId?: number; from?: EpochMs; to?: EpochMs; limit: number },
  ): ExchangeTrade[] {
    return this.#of(symbol)?.trades.query(query) ?? [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#checkpoint();
    this.#folder.writePosition({
      steps: this.#steps,
      now: this.#now,
      fingerprint: this.#feed.fingerprint(),
    });
    this.#close();
    this.#folder[Symbol.dispose]();
  }

  #close(): void {
    for (const file of this.#files()) file.close();
    this.#feed.close();
  }

  #of(symbol: string): SymbolSpool | undefined {
    const index = this.#bySymbol.get(symbol);
    return index === undefined ? undefined : this.#kept[index];
  }

  #resume(): void {
    const state = this.#folder.readCheckpoint();
    if (state === undefined) {
      // A new folder, or one whose first start did not get this far.
      for (const file of this.#files()) file.truncate(0);
      this.#now = this.#feed.begin(this.#sink);
      this.#kept.forEach((kept, index) => kept.books.appendSnapshot(this.#feed.book(index, Infinity)));
      this.#checkpoint();
    } else this.#restore(new StateReader(state));
    const told = this.#folder.readPosition();
    if (told === undefined) return;
    while (this.#steps < told.steps) {
      this.#feed.step(this.#sink);
      this.#steps++;
    }
    this.#now = Math.max(this.#now, told.now);
    const fingerprint = this.#feed.fingerprint();
    if (told.steps === this.#steps && told.fingerprint !== fingerprint) {
      throw new CandlewireError(
        "exchange.spool_diverged",
        `Continue the exchange's run: step ${told.steps} came out as ${fingerprint}, told was ${told.fingerprint}`,
        {
          hint: "Run the version that wrote the folder, or delete the folder; the exchange starts a new run",
        },
      );
    }
  }

  /**
   * Nothing happened while the market was closed. In the checkpoint before anything is told, so that a market that is
   * killed comes to the same again.
   */
  #skipTo(time: number): void {
    const ms = Math.floor(time) - this.#now;
    if (ms <= 0) return;
    this.#feed.delay(ms);
    this.#now += ms;
    this.#checkpoint();
  }

  #checkpoint(): void {
    const out = new StateWriter();
    out.number(this.#steps);
    out.number(this.#now);
    for (const kept of this.#kept) kept.tickers.roll(this.#now);
    // I10: the oldest goes when more than the run's share of the disk is used.
    retain(this.#kept.map((kept) => kept.releasable), this.#spoolBytes);
    for (const file of this.#files()) file.flush();
    out.numbers([...this.#files()].map((file) => file.length));
    out.numbers([...this.#files()].map((file) => file.first));
    this.#feed.save(out);
    for (const { books, candles, tickers, trades } of this.#kept) {
      out.number(books.sinceSnapshot);
      candles.save(out);
      tickers.save(out);
      trades.save(out);
    }
    this.#folder.writeCheckpoint(out.values());
    // Only now: until the checkpoint is there, a restart would need them.
    for (const file of this.#files()) file.sweep();
    this.#checkpointAt = this.#steps;
  }

  #restore(state: StateReader): void {
    this.#steps = this.#checkpointAt = state.number();
    this.#now = state.number();
    const lengths = state.numbers();
    const firsts = state.numbers();
    [...this.#files()].forEach((file, index) => file.truncate(lengths[index]!, firsts[index]));
    this.#feed.restore(state);
    for (const kept of this.#kept) {
      kept.books.resume(state.number());
      kept.candles.restore(state);
      kept.tickers.restore(state);
      kept.trades.restore(state);
      kept.best = kept.books.lastBest();
    }
  }

  *#files() {
    for (const kept of this.#kept) yield* kept.files;
  }
}
