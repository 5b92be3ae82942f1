import assert from "node:assert/strict";
import { unitsAt } from "../../market/decimal.ts";
import type { EpochMs } from "../../market/epoch.ts";
import {
  type BookAt,
  type Candle,
  type ExchangeBookTicker,
  type ExchangeEvent,
  type ExchangeMarket,
  type ExchangeTrade,
  type Interval,
  INTERVALS,
} from "../market.ts";
import { INTERVAL_MS, openTimeOf } from "../candle_grid.ts";

/** A book as a client of the market rebuilds it. */
type Rebuilt = { updateId: number; bids: Map<string, string>; asks: Map<string, string> };

/** Takes events until `count` of them came or the market ended; portions of a random size. */
export function take(market: ExchangeMarket, count: number, portion: () => number): ExchangeEvent[] {
  const events: ExchangeEvent[] = [];
  for (let next = market.nextTime(); next !== undefined && events.length < count; next = market.nextTime()) {
    events.push(...market.advance(next + 5 as EpochMs, portion()));
  }
  return events;
}

const units = (text: string): bigint => unitsAt(text, 8)!;

/** What holds for every market: the invariants of Binance's wire, checked event by event by a client of its own. */
export class Client {
  readonly #market: ExchangeMarket;
  readonly #books = new Map<string, Rebuilt>();
  readonly #lastTrade = new Map<string, number>();
  readonly #best = new Map<string, ExchangeBookTicker[]>();
  #time = 0;
  /** Books compared with a bookTicker of the same update id, or the last before it. */
  compared = 0;
  /** Events that follow on nothing, allowed only for what a recording itself lacks. */
  tradeGaps = 0;

  constructor(market: ExchangeMarket) {
    this.#market = market;
    for (const { symbol } of market.symbols) {
      const book = market.book(symbol, 5000)!;
      this.#books.set(symbol, {
        updateId: book.lastUpdateId,
        bids: new Map(book.bids),
        asks: new Map(book.asks),
      });
      const last = market.truth.tradeRange(symbol)?.last;
      if (last !== undefined) this.#lastTrade.set(symbol, last);
      const best = market.bookTicker(symbol);
      this.#best.set(symbol, best === undefined ? [] : [best]);
    }
  }

  take(events: readonly ExchangeEvent[]): void {
    for (const event of events) {
      assert.ok(event.time >= this.#time, `virtual-time order: ${event.time} after ${this.#time}`);
      this.#time = event.time;
      assert.ok(event.time <= this.#market.now);
      if (event.type === "trade") this.#trade(event);
      else if (event.type === "bookTicker") this.#bookTicker(event);
      else {
        const book = this.#books.get(event.symbol)!;
        assert.equal(event.firstUpdateId, book.updateId + 1, "U == previous u + 1");
        assert.ok(event.finalUpdateId >= event.firstUpdateId);
        set(book.bids, event.bids);
        set(book.asks, event.asks);
        book.updateId = event.finalUpdateId;
        this.#compareBest(event.symbol, book);
      }
    }
  }

  /** At the end: what the market says about the past is what it told. */
  async finish(): Promise<void> {
    for (const { symbol } of this.#market.symbols) {
      const book = this.#books.get(symbol)!;
      const truth = this.#market.truth.bookAt(symbol, book.updateId);
      assert.deepEqual(truth, sorted(book), `book of ${symbol} at ${book.updateId}`);
      assert.equal(this.#market.truth.bookAt(symbol, book.updateId + 1_000_000), undefined);
      const best = this.#market.bookTicker(symbol);
      if (best !== undefined) {
        assert.deepEqual(this.#market.truth.bookTickerAt(symbol, best.updateId), best);
      }
    }
  }

  #trade(trade: ExchangeTrade): void {
    const last = this.#lastTrade.get(trade.symbol);
    if (last !== undefined && trade.tradeId !== last + 1) this.tradeGaps++;
    assert.ok(last === undefined || trade.tradeId > last, "trade ids increase");
    this.#lastTrade.set(trade.symbol, trade.tradeId);
    assert.match(trade.price, /^\d+\.\d{8}$/);
    assert.match(trade.quantity, /^\d+\.\d{8}$/);
    assert.ok(units(trade.price) > 0n && units(trade.quantity) > 0n);
  }

  #bookTicker(best: ExchangeBookTicker): void {
    assert.ok(units(best.bid) < units(best.ask), `${best.symbol} crosses at ${best.updateId}`);
    const list = this.#best.get(best.symbol)!;
    assert.ok(list.length === 0 || best.updateId >= list.at(-1)!.updateId);
    list.push(best);
  }

  #compareBest(symbol: string, book: Rebuilt): void {
    const bid = extreme(book.bids, 1);
    const ask = extreme(book.asks, -1);
    assert.ok(units(bid) < units(ask), `the book of ${symbol} crosses at ${book.updateId}`);
    const list = this.#best.get(symbol)!;
    const latest = list.findLastIndex((best) => best.updateId <= book.updateId);
    const best = list[latest];
    if (best === undefined) return;
    list.splice(0, latest);
    assert.deepEqual(
      [best.bid, best.bidQuantity, best.ask, best.askQuantity],
      [bid, book.bids.get(bid), ask, book.asks.get(ask)],
      `best of ${symbol} at ${book.updateId}, told at ${best.updateId}`,
    );
    this.compared++;
  }
}

/** Every candle of every interval and every ticker against sums over the trades themselves. */
export function checkDerived(market: ExchangeMarket): void {
  for (const { symbol } of market.symbols) {
    const range = market.truth.tradeRange(symbol)!;
    const trades = market.trades(symbol, { fromId: range.first, limit: Infinity });
    assert.equal(trades.length, range.count);
    assert.equal(range.count + market.truth.missingTradeIds(symbol).length, range.last - range.first + 1);
    for (const interval of INTERVALS) checkCandles(market, symbol, interval, trades);
    checkTickers(market, symbol, trades);
  }
}

/**
 * Moves to the ms at which a trade is exactly an hour old, and the one after: it is in the window, then out of it.
 * Does nothing when the market is not an hour old.
 */
export function checkWindowEdge(market: ExchangeMarket): void {
  const { symbol } = market.symbols[0]!;
  const [trade] = market.trades(symbol, { from: market.now - 3_599_000 as EpochMs, limit: 1 });
  if (trade === undefined || market.truth.tradeRange(symbol)!.first === trade.tradeId) return;
  for (const target of [trade.time + 3_600_000, trade.time + 3_600_001]) {
    while (market.now < target) market.advance(target as EpochMs, 100_000);
    assert.equal(market.now, target);
    const first = market.ticker(symbol, "1h")!.firstTradeId;
    assert.equal(first > trade.tradeId, target > trade.time + 3_600_000);
    const { first: oldest } = market.truth.tradeRange(symbol)!;
    checkTickers(market, symbol, market.trades(symbol, { fromId: oldest, limit: Infinity }));
  }
}

function checkCandles(
  market: ExchangeMarket,
  symbol: string,
  interval: Interval,
  trades: ExchangeTrade[],
): void {
  const first = openTimeOf(interval, trades[0]!.time);
  // Seconds of a whole day are too many to ask for; the last 400 of them will do.
  const from = interval === "1s" ? openTimeOf("1s", market.now) - 400_000 : first;
  const candles = market.candles(symbol, interval, { from: from as EpochMs, limit: Infinity });
  let index = trades.findIndex((trade) => trade.time >= Math.max(from, first));
  if (index < 0) index = trades.length;
  let close = trades[Math.max(0, index - 1)]!.price;
  let open = Math.max(from, first);
  for (const candle of candles) {
    assert.equal(candle.openTime, open);
    assert.equal(candle.closeTime, open + INTERVAL_MS[interval] - 1);
    assert.equal(candle.closed, candle.closeTime < market.now);
    let end = index;
    while (end < trades.length && trades[end]!.time <= candle.closeTime) end++;
    const within = trades.slice(index, end);
    const expected = { ...expectedCandle(within, close), ...times(candle), symbol };
    assert.deepEqual(candle, expected, `${symbol} ${interval}`);
    close = candle.close;
    index = end;
    open += INTERVAL_MS[interval];
  }
  assert.equal(index, trades.length, `${interval} candles hold every trade`);
  assert.deepEqual(market.candle(symbol, interval), candles.at(-1));
  assert.deepEqual(market.candles(symbol, interval, { limit: 3 }), candles.slice(-3));
  const to = candles.at(-2)?.openTime;
  if (to !== undefined) {
    assert.deepEqual(market.candles(symbol, interval, { to, limit: 2 }), candles.slice(0, -1).slice(-2));
  }
}

const times = ({ openTime, closeTime, closed }: Candle) => ({ openTime, closeTime, closed });

function expectedCandle(
  trades: ExchangeTrade[],
  before: string,
): Omit<Candle, "openTime" | "closeTime" | "closed"> {
  const symbol = trades[0]?.symbol;
  const buys = trades.filter((trade) => !trade.isBuyerMaker);
  const prices = trades.map((trade) => trade.price).sort((a, b) => units(a) < units(b) ? -1 : 1);
  const first = trades[0]?.tradeId ?? -1;
  const last = trades.at(-1)?.tradeId ?? -1;
  return {
    symbol: symbol ?? "",
    open: trades[0]?.price ?? before,
    high: prices.at(-1) ?? before,
    low: prices[0] ?? before,
    close: trades.at(-1)?.price ?? before,
    volume: volumeOf(trades),
    quoteVolume: quoteOf(trades),
    takerBuyVolume: volumeOf(buys),
    takerBuyQuoteVolume: quoteOf(buys),
    trades: trades.length,
    firstTradeId: first,
    lastTradeId: last,
  };
}

/** The tickers against the trades themselves; a window may begin `lateMs` late where it says so. */
export function checkTickers(
  market: ExchangeMarket,
  symbol: string,
  trades: ExchangeTrade[],
  lateMs = 0,
): void {
  for (const [window, hours] of [["1h", 1], ["4h", 4], ["24h", 24]] as const) {
    const ticker = market.ticker(symbol, window)!;
    assert.equal(ticker.closeTime, market.now);
    const late = ticker.openTime - (market.now - hours * 3_600_000);
    assert.ok(late >= 0 && late <= lateMs, `${window} begins ${late} ms late`);
    const index = trades.findIndex((trade) => trade.time >= ticker.openTime);
    const within = index < 0 ? [] : trades.slice(index);
    if (within.length === 0) {
      assert.deepEqual([ticker.trades, ticker.firstTradeId, ticker.volume], [0, -1, "0.00000000"]);
      continue;
    }
    const candle = expectedCandle(within, "");
    const { open, high, low, close, volume, quoteVolume, firstTradeId, lastTradeId } = candle;
    assert.deepEqual(
      [ticker.open, ticker.high, ticker.low, ticker.last, ticker.volume, ticker.quoteVolume],
      [open, high, low, close, volume, quoteVolume],
      `${symbol} ${window}`,
    );
    assert.deepEqual([ticker.firstTradeId, ticker.lastTradeId, ticker.trades], [
      firstTradeId,
      lastTradeId,
      within.length,
    ]);
    assert.equal(ticker.previousClose, trades[Math.max(0, index - 1)]!.price);
    assert.equal(units(ticker.change), units(close) - units(open));
    const exact = Number(units(close) - units(open)) / Number(units(open)) * 100;
    assert.ok(Math.abs(Number(ticker.changePercent) - exact) < 0.00051);
    const best = market.bookTicker(symbol);
    assert.deepEqual([ticker.bid, ticker.ask], [best?.bid, best?.ask]);
  }
}

function volumeOf(trades: ExchangeTrade[]): string {
  return text(trades.reduce((sum, trade) => sum + units(trade.quantity), 0n), 8);
}
/** Exact at sixteen decimals; the market writes eight, which hold it. */
function quoteOf(trades: ExchangeTrade[]): string {
  const sum = trades.reduce((sum, trade) => sum + units(trade.quantity) * units(trade.price), 0n);
  assert.equal(sum % 100_000_000n, 0n, "quote volumes fit eight decimals");
  return text(sum / 100_000_000n, 8);
}
function text(value: bigint, scale: number): string {
  const digits = value.toString().padStart(scale + 1, "0");
  return `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

function set(side: Map<string, string>, levels: [string, string][]): void {
  for (const [price, quantity] of levels) {
    if (units(quantity) === 0n) side.delete(price);
    else side.set(price, quantity);
  }
}
function extreme(side: Map<string, string>, sign: 1 | -1): string {
  let best: string | undefined;
  let bestValue = 0;
  for (const price of side.keys()) {
    const value = Number(price) * sign;
    if (best === undefined || value > bestValue) [best, bestValue] = [price, value];
  }
  assert.ok(best !== undefined, "a side is empty");
  return best;
}
function sorted(book: Rebuilt): BookAt {
  const order = (side: Map<string, string>, sign: 1 | -1) =>
    [...side].sort(([a], [b]) => units(a) < units(b) ? -sign : sign) as [string, string][];
  return { lastUpdateId: book.updateId, bids: order(book.bids, -1), asks: order(book.asks, 1) };
}
