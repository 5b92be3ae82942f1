import { type EpochMs, epochMs } from "../../market/epoch.ts";
import type { ExchangeDepth, ExchangeEvent, ExchangeMarket, ExchangeTrade } from "../market.ts";
import type { VirtualClock } from "./clock.ts";
import type { Emissions } from "./emissions.ts";
import { AggTrades } from "./stream/agg_trade.ts";
import type { Cadence } from "./stream/cadence.ts";
import type { Hub } from "./stream/hub.ts";
import { aggTradePayload, bookTickerPayload, depthPayload, tradePayload } from "./stream/payload.ts";

/** Where a fast run ends: a count of trades over all symbols since the market began, or a virtual time. */
export type RunGoal = { untilTrades?: number; untilTime?: EpochMs };

type Job = { goal: RunGoal; done: PromiseWithResolvers<void> };

/** How the loop behaves; see config.ts. */
export type LoopOptions = {
  tickMs: number;
  batchEvents: number;
  pauseAtBytes: number;
  maxNeedsSubscriber: boolean;
  wall: () => number;
};

/** A look at the market at full speed reaches so far ahead, virtual time. */
const HORIZON_MS = 1000;
/** The longest sleep between two looks, so that no missed wake-up lasts. */
const LONGEST_SLEEP_MS = 50;
/** Most looks at the market in one turn: quiet hours at full speed must not keep requests waiting. */
const LOOKS_A_TURN = 256;

/**
 * Takes the market's events when the virtual clock says so and hands them to whoever listens. Above 1× a connection
 * with a full queue holds the whole market back: nothing is dropped for being slow (I10).
 */
export class MarketLoop {
  readonly #market: ExchangeMarket;
  readonly #clock: VirtualClock;
  readonly #hub: Hub;
  readonly #cadence: Cadence;
  readonly #emissions: Emissions;
  readonly #options: LoopOptions;
  readonly #aggTrades = new Map<string, AggTrades>();
  readonly #openAggregates = new Set<string>();
  #boundary: number;
  #job: Job | undefined;
  #stopped = false;
  #finishing: number | undefined;
  #wake: () => void = () => {};
  #finished: Promise<void> | undefined;
  /** Trades since the market began. */
  trades = 0;
  events = 0;
  /** Looks at the market that were put off because a connection was behind. */
  waits = 0;

  constructor(
    parts: {
      market: ExchangeMarket;
      clock: VirtualClock;
      hub: Hub;
      cadence: Cadence;
      emissions: Emissions;
    },
    options: LoopOptions,
  ) {
    this.#market = parts.market;
    this.#clock = parts.clock;
    this.#hub = parts.hub;
    this.#cadence = parts.cadence;
    this.#emissions = parts.emissions;
    this.#options = options;
    this.#boundary = parts.market.now;
    for (const { symbol } of parts.market.symbols) {
      this.trades += parts.market.truth.tradeRange(symbol)?.count ?? 0;
    }
  }

  /** True when a recording has no more events and every open frame was sent. */
  get ended(): boolean {
    return this.#finishing !== undefined && this.#boundary >= this.#finishing;
  }

  /** Starts taking events. Resolves after {@linkcode stop}; rejects when the market throws. */
  start(): Promise<void> {
    return this.#finished = this.#run();
  }

  /** Stops taking events; resolves when the loop is at rest. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#job?.done.resolve();
    this.wake();
    await this.#finished?.catch(() => {});
  }

  /** Looks at the market now: something changed that it sleeps over. */
  wake(): void {
    this.#wake();
  }

  /** Cuts one symbol's aggregates from now on: somebody listens. */
  beginAggregates(symbol: string): void {
    if (this.#aggTrades.has(symbol)) return;
    this.#aggTrades.set(symbol, new AggTrades(this.#market, symbol));
    this.#openAggregates.add(symbol);
  }

  /** Advances as fast as possible to a goal and freezes there. Resolves then, or when the market ended before it. */
  runTo(goal: RunGoal): Promise<void> {
    this.#job?.done.resolve();
    const done = Promise.withResolvers<void>();
    this.#job = { goal, done };
    this.wake();
    return done.promise;
  }

  async #run(): Promise<void> {
    const { wall } = this.#options;
    while (!this.#stopped) {
      if (this.#reached()) continue;
      const full = this.#job !== undefined || (!this.#clock.paused && this.#clock.speed === "max");
      // A clock that stands takes nothing, not even what else happens at its very millisecond.
      const stands = !full && !this.#clock.paced;
      const idle = full && this.#job === undefined && this.#options.maxNeedsSubscriber &&
        !this.#hub.listening;
      if (this.ended || stands || idle || this.#heldBack(full)) {
        await this.#sleep(this.#heldBackNow ? 1 : LONGEST_SLEEP_MS);
        continue;
      }
      const more = this.#turn(full);
      this.#hub.flush();
      this.#emissions.stamp(wall());
      if (full) this.#clock.moveTo(this.#market.now, wall());
      if (full || more) await new Promise<void>((resolve) => setImmediate(resolve));
      else await this.#sleep(this.#untilNext());
    }
  }

  #heldBackNow = false;

  /** True when a connection is too far behind for the market to go on. At 1× the market does not wait. */
  #heldBack(full: boolean): boolean {
    const { speed } = this.#clock;
    const waits = full || speed === "max" || speed > 1;
    this.#heldBackNow = waits && this.#hub.longestQueue() > this.#options.pauseAtBytes;
    if (this.#heldBackNow) this.waits++;
    return this.#heldBackNow;
  }

  /** Several looks before sockets are written and others get their turn. True when there is more to do at once. */
  #turn(full: boolean): boolean {
    const enough = this.events + this.#options.batchEvents;
    for (let looks = 0; looks < LOOKS_A_TURN; looks++) {
      if (!this.#step(this.#target(full))) return false;
      if (this.events >= enough || this.ended || this.#job?.goal.untilTrades! <= this.trades) return true;
    }
    return true;
  }

  #target(full: boolean): number {
    if (!full) return this.#clock.at(this.#options.wall());
    if (this.#market.nextTime() === undefined) return Infinity;
    const ahead = Math.max(this.#market.now, this.#market.nextTime() ?? this.#market.now) + HORIZON_MS;
    return Math.min(ahead, this.#job?.goal.untilTime ?? Infinity);
  }

  /** One look at the market up to a virtual time. True when there is more to do at once. */
  #step(target: number): boolean {
    if (this.#market.nextTime() === undefined) return this.#finish(target);
    const boundary = this.#cadence.next(Math.max(this.#boundary, this.#market.now));
    const until = boundary === undefined ? target : Math.min(target, boundary - 1);
    const left = this.#job?.goal.untilTrades === undefined
      ? Infinity
      : this.#job.goal.untilTrades - this.trades;
    const limit = Math.max(1, Math.min(this.#options.batchEvents, left));
    const events = until < this.#market.now ? [] : this.#market.advance(epochMs(until), limit);
    this.events += events.length;
    for (const event of events) this.#dispatch(event);
    if (events.length >= limit) return true;
    this.#closeAggregates();
    if (boundary === undefined || boundary > target) return false;
    this.#cadence.run(boundary, this.#clock.skewMs);
    this.#boundary = boundary;
    return true;
  }

  /** The recording has ended: frames that wait for their boundary still go out. */
  #finish(target: number): boolean {
    this.#closeAggregates();
    this.#finishing ??= (Math.floor(this.#market.now / 2000) + 1) * 2000;
    const boundary = this.#cadence.next(Math.max(this.#boundary, this.#market.now)) ?? this.#finishing;
    if (boundary > target) return false;
    this.#cadence.run(boundary, this.#clock.skewMs);
    this.#boundary = boundary;
    return true;
  }

  /** Ends the running job when its goal is reached. */
  #reached(): boolean {
    const job = this.#job;
    if (job === undefined) return false;
    const { untilTrades, untilTime } = job.goal;
    const there = this.ended || (untilTrades !== undefined && this.trades >= untilTrades) ||
      (untilTime !== undefined && this.#market.now >= untilTime);
    if (!there) return false;
    const wall = this.#options.wall();
    this.#clock.pause(wall);
    this.#clock.moveTo(this.#market.now, wall);
    this.#job = undefined;
    job.done.resolve();
    return true;
  }

  #dispatch(event: ExchangeEvent): void {
    const eventTime = event.time + this.#clock.skewMs;
    const topics = this.#hub.bySymbol.get(event.symbol);
    switch (event.type) {
      case "trade":
        this.trades++;
        this.#cadence.noteTrade(event.symbol);
        this.#aggregate(event, eventTime);
        if (topics?.trade === undefined) return;
        this.#emissions.note(event.symbol, event.tradeId);
        return this.#hub.publish(topics.trade, (unit) => tradePayload(event, eventTime, unit));
      case "depth":
        return this.#depth(event, eventTime);
      case "bookTicker":
        this.#cadence.noteQuote(event.symbol);
        if (topics?.bookTicker !== undefined) {
          this.#hub.publish(topics.bookTicker, () => bookTickerPayload(event));
        }
        return;
      default:
        event satisfies never;
    }
  }

  #depth(event: ExchangeDepth, eventTime: number): void {
    this.#cadence.noteDepth(event);
    const topic = this.#hub.bySymbol.get(event.symbol)?.depth;
    if (topic !== undefined) this.#hub.publish(topic, (unit) => depthPayload(event, eventTime, unit));
  }

  #aggregate(trade: ExchangeTrade, eventTime: number): void {
    const aggregates = this.#aggTrades.get(trade.symbol);
    if (aggregates === undefined) return;
    const ended = aggregates.push(trade);
    this.#openAggregates.add(trade.symbol);
    const topic = this.#hub.bySymbol.get(trade.symbol)?.aggTrade;
    if (ended !== undefined && topic !== undefined) {
      this.#hub.publish(topic, (unit) => aggTradePayload(ended, eventTime, unit));
    }
  }

  /** Everything up to the present was taken: what is open can grow no more. */
  #closeAggregates(): void {
    for (const symbol of this.#openAggregates) {
      const ended = this.#aggTrades.get(symbol)?.close();
      const topic = this.#hub.bySymbol.get(symbol)?.aggTrade;
      if (ended === undefined || topic === undefined) continue;
      const eventTime = ended.time + this.#clock.skewMs;
      this.#hub.publish(topic, (unit) => aggTradePayload(ended, eventTime, unit));
    }
    this.#openAggregates.clear();
  }

  /** Real milliseconds until something is due. */
  #untilNext(): number {
    const times: number[] = [];
    const next = this.#market.nextTime();
    if (next !== undefined) times.push(next);
    const boundary = this.#cadence.next(Math.max(this.#boundary, this.#market.now));
    if (boundary !== undefined) times.push(boundary);
    if (times.length === 0) return LONGEST_SLEEP_MS;
    const wait = this.#clock.wait(epochMs(Math.min(...times)), this.#options.wall());
    return Math.min(LONGEST_SLEEP_MS, Math.max(this.#options.tickMs, wait ?? LONGEST_SLEEP_MS));
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
