import { formatUnits, unitsAt } from "../../../market/decimal.ts";
import { type EpochMs, epochMs } from "../../../market/epoch.ts";
import type {
  BookAt,
  Candle,
  ExchangeBookTicker,
  ExchangeDepth,
  ExchangeEvent,
  ExchangeMarket,
  ExchangeTrade,
  ExchangeTruth,
  Interval,
  SymbolInfo,
  TickerWindow,
} from "../../market.ts";
import { foldCandles } from "../rest/statistics.ts";
import { seededRandom } from "../seeded_random.ts";

/** How a market in memory behaves. */
export type MemoryMarketOptions = {
  symbols?: string[];
  seed?: number;
  start?: number;
  /** Virtual time of the last event; without it the market goes on for ever. */
  end?: number;
  /** Virtual milliseconds that have passed already. */
  historyMs?: number;
  /** Virtual milliseconds between two trades of a symbol. */
  tradeEveryMs?: number;
};

const WIDTH: Record<Interval, number> = {
  "1s": 1e3,
  "1m": 6e4,
  "3m": 18e4,
  "5m": 3e5,
  "15m": 9e5,
  "30m": 18e5,
  "1h": 36e5,
  "2h": 72e5,
  "4h": 144e5,
  "6h": 216e5,
  "8h": 288e5,
  "12h": 432e5,
  "1d": 864e5,
  "3d": 2592e5,
  "1w": 6048e5,
};
const WEEK_SHIFT = 4 * 864e5;
const SCALE = 8;
const NONE = "0.00000000";

/** Quantity by price in ticks; 0 in a change deletes. */
type Side = Map<number, string>;

type State = {
  info: SymbolInfo;
  random: () => number;
  trades: ExchangeTrade[];
  /** Prices are whole ticks of 0.01 here. */
  price: number;
  nextTradeAt: number;
  nextDepthAt: number;
  updateId: number;
  depthFrom: number;
  bids: Side;
  asks: Side;
  changed: { bids: Side; asks: Side };
  books: Map<number, BookAt>;
  quote: ExchangeBookTicker | undefined;
  quotes: Map<number, ExchangeBookTicker>;
  firstTradeId: number;
  takerOrderId: number;
  aggregateId: number;
};

/** A market all in memory: seeded, exact, and simple enough to be checked by eye. The adapter that tests share. */
export class MemoryMarket implements ExchangeMarket {
  readonly origin;
  readonly symbols: readonly SymbolInfo[];
  readonly truth: ExchangeTruth;
  now: EpochMs;
  readonly #states = new Map<string, State>();
  readonly #end: number | undefined;
  readonly #every: number;
  #queue: ExchangeEvent[] = [];

  constructor(options: MemoryMarketOptions = {}) {
    const names = options.symbols ?? ["BTCUSDT", "ETHUSDT"];
    const start = options.start ?? 1_700_000_000_000;
    this.origin = {
      kind: "exchange" as const,
      id: `memory-${options.seed ?? 1}`,
      label: `memory market, seed ${options.seed ?? 1}`,
    };
    this.now = epochMs(start);
    this.#end = options.end;
    this.#every = options.tradeEveryMs ?? 40;
    this.symbols = names.map((symbol) => ({
      symbol,
      baseAsset: symbol.replace(/USDT$/, ""),
      quoteAsset: "USDT",
      tickSize: "0.01000000",
      stepSize: "0.00001000",
      minQty: "0.00001000",
      maxQty: "9000.00000000",
      minNotional: "5.00000000",
    }));
    this.symbols.forEach((info, index) =>
      this.#states.set(info.symbol, this.#newState(info, index, options, start))
    );
    this.truth = {
      tradeRange: (symbol) => {
        const trades = this.#states.get(symbol)?.trades ?? [];
        const [first, last] = [trades[0], trades[trades.length - 1]];
        return first && last ? { first: first.tradeId, last: last.tradeId, count: trades.length } : undefined;
      },
      missingTradeIds: () => [],
      bookAt: (symbol, updateId) => {
        const books = this.#states.get(symbol)?.books;
        return updateId === undefined ? [...books?.values() ?? []].at(-1) : books?.get(updateId);
      },
      bookTickerAt: (symbol, updateId) => this.#states.get(symbol)?.quotes.get(updateId),
    };
    if (options.historyMs !== undefined) this.advance(epochMs(start + options.historyMs), Infinity);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  nextTime(): EpochMs | undefined {
    if (this.#queue.length > 0) return this.#queue[0]!.time;
    let next = Infinity;
    for (const state of this.#states.values()) next = Math.min(next, state.nextTradeAt, state.nextDepthAt);
    return this.#end !== undefined && next > this.#end ? undefined : epochMs(next);
  }

  advance(until: EpochMs, limit: number): ExchangeEvent[] {
    const events: ExchangeEvent[] = [];
    while (events.length < limit) {
      const next = this.nextTime();
      if (next === undefined || next > until) {
        if (until > this.now && next !== undefined) this.now = until;
        else if (next === undefined) {
          this.now = epochMs(Math.max(this.now, Math.min(until, this.#end ?? until)));
        }
        return events;
      }
      if (this.#queue.length === 0) this.#happen(next);
      const event = this.#queue.shift();
      if (event === undefined) continue;
      if (event.type === "trade") this.#states.get(event.symbol)!.trades.push(event);
      this.now = event.time;
      events.push(event);
    }
    return events;
  }

  book(symbol: string, limit: number): BookAt | undefined {
    const state = this.#states.get(symbol);
    return state && cut(state.bids, state.asks, state.updateId, limit);
  }

  bookTicker(symbol: string): ExchangeBookTicker | undefined {
    return this.#states.get(symbol)?.quote;
  }

  candle(symbol: string, interval: Interval): Candle | undefined {
    return this.candles(symbol, interval, { from: this.#open(this.now, interval), limit: 1 })[0];
  }

  candles(
    symbol: string,
    interval: Interval,
    range: { from?: EpochMs; to?: EpochMs; limit: number },
  ): Candle[] {
    const trades = this.#states.get(symbol)?.trades ?? [];
    if (trades.length === 0) return [];
    const width = WIDTH[interval];
    const to = Math.min(range.to ?? this.now, this.now);
    const firstOpen = this.#open(trades[0]!.time, interval);
    let open: number = range.from === undefined
      ? Math.max(firstOpen, this.#open(epochMs(to), interval) - (range.limit - 1) * width)
      : Math.max(firstOpen, this.#open(epochMs(range.from + width - 1), interval));
    const found: Candle[] = [];
    let at = lowerBound(trades, open);
    let last = trades[at - 1]?.price;
    for (; open <= to && found.length < range.limit; open += width) {
      const inside: ExchangeTrade[] = [];
      while (at < trades.length && trades[at]!.time < open + width) inside.push(trades[at++]!);
      found.push(candleOf(symbol, open, width, inside, last ?? inside[0]?.price ?? "0", this.now));
      last = inside[inside.length - 1]?.price ?? last;
    }
    return found;
  }

  ticker(symbol: string, window: "1h" | "4h" | "24h"): TickerWindow | undefined {
    const state = this.#states.get(symbol);
    if (state === undefined || state.trades.length === 0) return undefined;
    const width = { "1h": 36e5, "4h": 144e5, "24h": 864e5 }[window];
    const openTime = epochMs(this.now - width);
    const at = lowerBound(state.trades, openTime + 1);
    const inside = state.trades.slice(at);
    const candle = candleOf(symbol, openTime, width, inside, "0", this.now);
    const folded = foldCandles(symbol, [candle], { openTime, closeTime: this.now });
    const last = inside[inside.length - 1];
    return {
      ...folded,
      lastQuantity: last?.quantity ?? "0.00000000",
      previousClose: state.trades[at - 1]?.price ?? "0.00000000",
      bid: state.quote?.bid ?? "0.00000000",
      bidQuantity: state.quote?.bidQuantity ?? "0.00000000",
      ask: state.quote?.ask ?? "0.00000000",
      askQuantity: state.quote?.askQuantity ?? "0.00000000",
    };
  }

  trades(
    symbol: string,
    query: { fromId?: number; fromAggregateId?: number; from?: EpochMs; to?: EpochMs; limit: number },
  ): ExchangeTrade[] {
    const { trades, firstTradeId } = this.#states.get(symbol)!;
    if (query.fromId !== undefined) {
      const at = Math.max(0, query.fromId - firstTradeId);
      return trades.slice(at, at + query.limit);
    }
    if (query.fromAggregateId !== undefined) {
      const at = trades.findIndex((each) => each.aggregateId! >= query.fromAggregateId!);
      return at < 0 ? [] : trades.slice(at, at + query.limit);
    }
    const found = trades.slice(
      query.from === undefined ? 0 : lowerBound(trades, query.from),
      query.to === undefined ? undefined : lowerBound(trades, query.to + 1),
    );
    return query.from === undefined ? found.slice(-query.limit) : found.slice(0, query.limit);
  }

  #open(time: EpochMs, interval: Interval): EpochMs {
    const width = WIDTH[interval];
    const shift = interval === "1w" ? WEEK_SHIFT : 0;
    return epochMs(Math.floor((time - shift) / width) * width + shift);
  }

  #newState(info: SymbolInfo, index: number, options: MemoryMarketOptions, start: number): State {
    const state: State = {
      info,
      random: seededRandom((options.seed ?? 1) * 1000 + index),
      trades: [],
      price: 100_00 * (index + 1),
      nextTradeAt: start + 3 + index * 7,
      nextDepthAt: Math.floor(start / 100) * 100 + 100,
      updateId: 1000,
      depthFrom: 1001,
      bids: new Map(),
      asks: new Map(),
      changed: { bids: new Map(), asks: new Map() },
      books: new Map(),
      quote: undefined,
      quotes: new Map(),
      firstTradeId: 500 + index * 1000,
      takerOrderId: 1,
      aggregateId: 0,
    };
    for (let i = 1; i <= 50; i++) {
      state.bids.set(state.price - i, "1.00000000");
      state.asks.set(state.price + i, "1.00000000");
    }
    return state;
  }

  /** Everything that happens at one virtual time. */
  #happen(time: number): void {
    for (const state of this.#states.values()) {
      // A diff tells what changed before its time; what happens at it comes with the next.
      if (state.nextDepthAt === time) this.#diff(state, time);
      if (state.nextTradeAt === time) this.#match(state, time);
    }
  }

  #match(state: State, time: number): void {
    const { symbol } = state.info;
    const fills = 1 + Math.floor(state.random() * 3);
    const isBuyerMaker = state.random() < 0.5;
    state.price += Math.floor(state.random() * 3) - 1;
    const known = this.#queue.filter((each) => each.type === "trade" && each.symbol === symbol).length;
    for (let i = 0; i < fills; i++) {
      // The third fill is one tick on: an aggregate of its own.
      if (i === 0 || i === 2) state.aggregateId++;
      this.#queue.push({
        type: "trade",
        symbol,
        tradeId: state.firstTradeId + state.trades.length + known + i,
        price: priceText(state.price + (i === 2 ? 1 : 0)),
        quantity: formatUnits(BigInt(1 + Math.floor(state.random() * 500)) * 1000n, SCALE),
        time: epochMs(time),
        isBuyerMaker,
        takerOrderId: state.takerOrderId,
        aggregateId: state.aggregateId,
      });
    }
    state.takerOrderId++;
    const side = isBuyerMaker ? "bids" : "asks";
    const price = state.price + (isBuyerMaker ? -1 : 1) * (1 + Math.floor(state.random() * 40));
    const quantity = state.random() < 0.2
      ? NONE
      : formatUnits(BigInt(1 + Math.floor(state.random() * 900)) * 100_000n, SCALE);
    this.#level(state, side, price, quantity);
    this.#quoted(state, time);
    state.nextTradeAt = time + this.#every;
  }

  #level(state: State, side: "bids" | "asks", price: number, quantity: string): void {
    const other = side === "bids" ? "asks" : "bids";
    state.updateId++;
    if (quantity === NONE) state[side].delete(price);
    else state[side].set(price, quantity);
    state.changed[side].set(price, quantity);
    // A level that would cross takes the other side's away.
    for (const each of state[other].keys()) {
      if (side === "bids" ? each > price : each < price) continue;
      state[other].delete(each);
      state.changed[other].set(each, NONE);
    }
  }

  #quoted(state: State, time: number): void {
    const best = (side: Side, better: (a: number, b: number) => number) => {
      let found: number | undefined;
      for (const price of side.keys()) found = found === undefined ? price : better(found, price);
      return found === undefined ? undefined : [priceText(found), side.get(found)!] as const;
    };
    const [bid, ask] = [best(state.bids, Math.max), best(state.asks, Math.min)];
    if (bid === undefined || ask === undefined) return;
    const { quote } = state;
    const same = quote?.bid === bid[0] && quote.bidQuantity === bid[1] && quote.ask === ask[0] &&
      quote.askQuantity === ask[1];
    if (same) return;
    state.quote = {
      type: "bookTicker",
      symbol: state.info.symbol,
      updateId: state.updateId,
      time: epochMs(time),
      bid: bid[0],
      bidQuantity: bid[1],
      ask: ask[0],
      askQuantity: ask[1],
    };
    state.quotes.set(state.updateId, state.quote);
    this.#queue.push(state.quote);
  }

  #diff(state: State, time: number): void {
    state.nextDepthAt = time + 100;
    if (state.updateId < state.depthFrom) return;
    const event: ExchangeDepth = {
      type: "depth",
      symbol: state.info.symbol,
      firstUpdateId: state.depthFrom,
      finalUpdateId: state.updateId,
      time: epochMs(time),
      bids: cut(state.changed.bids, new Map(), 0, Infinity).bids,
      asks: cut(new Map(), state.changed.asks, 0, Infinity).asks,
    };
    state.depthFrom = state.updateId + 1;
    state.changed = { bids: new Map(), asks: new Map() };
    state.books.set(state.updateId, cut(state.bids, state.asks, state.updateId, Infinity));
    this.#queue.push(event);
  }
}

function lowerBound(trades: readonly ExchangeTrade[], time: number): number {
  let low = 0;
  let high = trades.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (trades[middle]!.time < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

function cut(bids: Side, asks: Side, lastUpdateId: number, limit: number): BookAt {
  const sorted = (side: Side, sign: number) =>
    [...side.keys()].sort((a, b) => sign * (a - b)).slice(0, limit)
      .map((price): [string, string] => [priceText(price), side.get(price)!]);
  return { lastUpdateId, bids: sorted(bids, -1), asks: sorted(asks, 1) };
}

function priceText(ticks: number): string {
  return `${(ticks / 100).toFixed(2)}000000`;
}

function candleOf(
  symbol: string,
  open: number,
  width: number,
  trades: readonly ExchangeTrade[],
  before: string,
  now: number,
): Candle {
  const sum = (of: (trade: ExchangeTrade) => bigint) =>
    formatUnits(trades.reduce((total, trade) => total + of(trade), 0n), SCALE);
  const quantity = (trade: ExchangeTrade) => unitsAt(trade.quantity, SCALE)!;
  const quote = (trade: ExchangeTrade) => unitsAt(trade.price, SCALE)! * quantity(trade) / 10n ** 8n;
  const bought = (of: (trade: ExchangeTrade) => bigint) => (trade: ExchangeTrade) =>
    trade.isBuyerMaker ? 0n : of(trade);
  const prices = trades.map((trade) => trade.price).sort((a, b) =>
    Number(unitsAt(a, SCALE)! - unitsAt(b, SCALE)!)
  );
  return {
    symbol,
    openTime: epochMs(open),
    closeTime: epochMs(open + width - 1),
    open: trades[0]?.price ?? before,
    high: prices[prices.length - 1] ?? before,
    low: prices[0] ?? before,
    close: trades[trades.length - 1]?.price ?? before,
    volume: sum(quantity),
    quoteVolume: sum(quote),
    takerBuyVolume: sum(bought(quantity)),
    takerBuyQuoteVolume: sum(bought(quote)),
    trades: trades.length,
    firstTradeId: trades[0]?.tradeId ?? -1,
    lastTradeId: trades[trades.length - 1]?.tradeId ?? -1,
    closed: now >= open + width,
  };
}
