import type { EpochMs } from "../market/epoch.ts";
import { CLOSE, COUNT, FIRST, OPEN, QUOTE, VOLUME } from "./candle_cells.ts";
import { M } from "./candle_grid.ts";
import type { CandleSeries } from "./candle_series.ts";
import { addExact, addProduct, addSum, exactValue } from "./exact_sum.ts";
import { Extremes } from "./extremes.ts";
import { DECIMALS, type FixedText, ratioText, sumText } from "./fixed_text.ts";
import type { ExchangeBookTicker, TickerWindow } from "./market.ts";
import type { Releasable } from "./spool_retention.ts";
import type { TradeSpool } from "./spool_trades.ts";
import type { StateReader, StateWriter } from "./state_bytes.ts";

const HOUR_MS = 3_600_000;
/** Length of each window in ms; the longest last. */
export const WINDOW_MS = { "1h": HOUR_MS, "4h": 4 * HOUR_MS, "24h": 24 * HOUR_MS } as const;
const WINDOWS = ["1h", "4h", "24h"] as const;

// Sums of all trades so far, and of those that left each window: volume and quote volume, two cells each.
const SUM_CELLS = 4;

/**
 * Rolling statistics of one symbol over the last 1, 4 and 24 hours, exact to the millisecond: a window holds the
 * trades with openTime <= time <= closeTime. What leaves a window is read back from the spool once. A window that
 * begins before the oldest kept trade goes on from whole minutes, as Binance's own do: it begins up to 59,999 ms late
 * then, and says so in its openTime.
 */
export class TickerSeries {
  readonly #symbol: string;
  readonly #trades: TradeSpool;
  readonly #candles: CandleSeries;
  readonly #price: FixedText;
  readonly #quantity: FixedText;
  readonly #priceScale: number;
  readonly #quantityScale: number;
  readonly #total = new Float64Array(SUM_CELLS);
  readonly #left = WINDOWS.map(() => new Float64Array(SUM_CELLS));
  /** Index of each window's first trade. */
  readonly #first = WINDOWS.map(() => 0);
  /** Where that trade is no longer kept: the minute that begins with it. */
  readonly #minute = WINDOWS.map(() => 0);
  /** Trades before this time have left, though perhaps too early by less than a minute. */
  readonly #late = WINDOWS.map(() => 0);
  readonly #highs = new Extremes(1);
  readonly #lows = new Extremes(-1);

  constructor(
    parts: {
      symbol: string;
      trades: TradeSpool;
      candles: CandleSeries;
      price: FixedText;
      quantity: FixedText;
      priceScale: number;
      quantityScale: number;
    },
  ) {
    this.#symbol = parts.symbol;
    this.#trades = parts.trades;
    this.#candles = parts.candles;
    this.#price = parts.price;
    this.#quantity = parts.quantity;
    this.#priceScale = parts.priceScale;
    this.#quantityScale = parts.quantityScale;
  }

  /** Takes the next trade, the spool's `index`-th. */
  add(index: number, price: number, quantity: number): void {
    addExact(this.#total, 0, quantity);
    addProduct(this.#total, 2, price, quantity);
    this.#highs.push(index, price);
    this.#lows.push(index, price);
  }

  /** Takes what left the windows out of them, so that the extremes do not grow unasked. */
  roll(now: number): void {
    // Minutes that leave must be closed.
    this.#candles.roll(now);
    WINDOWS.forEach((_, window) => this.#advance(window, now));
    const oldest = this.#first[WINDOWS.length - 1]!;
    this.#highs.drop(oldest);
    this.#lows.drop(oldest);
  }

  /** The symbol's trades, of which the oldest may go when the disk's share is used up. */
  get releasableTrades(): Releasable {
    const trades = this.#trades;
    const release = (before: number) => this.#release(before);
    return {
      get bytes() {
        return trades.bytes;
      },
      release() {
        return release(trades.nextRelease);
      },
    };
  }

  /** Statistics as of now; undefined before the first trade. */
  window(
    name: keyof typeof WINDOW_MS,
    now: number,
    best: ExchangeBookTicker | undefined,
  ): TickerWindow | undefined {
    const trades = this.#trades;
    if (trades.length === 0) return undefined;
    const window = WINDOWS.indexOf(name);
    this.#advance(window, now);
    const first = this.#first[window]!;
    const last = trades.length - 1;
    const empty = first > last;
    const lastPrice = trades.priceOf(last);
    const { openPrice, openId, previousPrice } = empty
      ? { openPrice: lastPrice, openId: -1, previousPrice: lastPrice }
      : this.#opening(window);
    const left = this.#left[window]!;
    const volume = exactValue(this.#total, 0) - exactValue(left, 0);
    const quote = exactValue(this.#total, 2) - exactValue(left, 2);
    const change = BigInt(lastPrice - openPrice);
    const quoteScale = this.#priceScale + this.#quantityScale;
    return {
      symbol: this.#symbol,
      openTime: Math.max(now - WINDOW_MS[name], this.#late[window]!) as EpochMs,
      closeTime: now as EpochMs,
      open: this.#price.of(openPrice),
      high: this.#price.of(empty ? lastPrice : this.#highs.from(first)),
      low: this.#price.of(empty ? lastPrice : this.#lows.from(first)),
      last: this.#price.of(lastPrice),
      lastQuantity: this.#quantity.of(trades.quantityOf(last)),
      previousClose: this.#price.of(previousPrice),
      volume: sumText(volume, this.#quantityScale),
      quoteVolume: sumText(quote, quoteScale),
      weightedAverage: volume === 0n
        ? "0.00000000"
        : ratioText(quote, volume * 10n ** BigInt(this.#priceScale), DECIMALS),
      change: sumText(change, this.#priceScale),
      changePercent: openPrice === 0 ? "0.000" : ratioText(change * 100n, BigInt(openPrice), 3),
      firstTradeId: openId,
      lastTradeId: empty ? -1 : trades.idOf(last),
      trades: empty ? 0 : last - first + 1,
      bid: best?.bid ?? "0.00000000",
      bidQuantity: best?.bidQuantity ?? "0.00000000",
      ask: best?.ask ?? "0.00000000",
      askQuantity: best?.askQuantity ?? "0.00000000",
    };
  }

  save(out: StateWriter): void {
    out.numbers(this.#total);
    out.numbers(this.#first);
    out.numbers(this.#minute);
    out.numbers(this.#late);
    for (const left of this.#left) out.numbers(left);
    this.#highs.save(out);
    this.#lows.save(out);
  }

  restore(state: StateReader): void {
    this.#total.set(state.numbers());
    state.numbers().forEach((first, window) => this.#first[window] = first);
    state.numbers().forEach((time, window) => this.#minute[window] = time);
    state.numbers().forEach((time, window) => this.#late[window] = time);
    for (const left of this.#left) left.set(state.numbers());
    this.#highs.restore(state);
    this.#lows.restore(state);
  }

  /** Lets trades before an index go; false when some of them are of the open minute. */
  #release(before: number): boolean {
    const trades = this.#trades;
    if (before >= trades.length || trades.timeOf(before - 1) >= this.#candles.openMinute) return false;
    WINDOWS.forEach((_, window) => {
      const first = this.#first[window]!;
      if (first < trades.first || first >= before) return;
      // From here on the window is known by whole minutes: one in the midst of which it begins leaves now.
      const minute = Math.floor(trades.timeOf(first) / M) * M;
      this.#minute[window] = minute;
      if (this.#candles.closedMinute(minute)?.[FIRST] === trades.idOf(first)) return;
      this.#leave(window, minute + M);
      this.#minute[window] = this.#late[window] = minute + M;
    });
    trades.release(before);
    return true;
  }

  /** The first trade of a window that has one: its price and id, and the price before it. */
  #opening(window: number): { openPrice: number; openId: number; previousPrice: number } {
    const trades = this.#trades;
    const first = this.#first[window]!;
    if (first >= trades.first) {
      return {
        openPrice: trades.priceOf(first),
        openId: trades.idOf(first),
        previousPrice: trades.priceOf(Math.max(trades.first, first - 1)),
      };
    }
    for (let time = this.#minute[window]!;; time += M) {
      const cells = this.#candles.closedMinute(time);
      if (cells === undefined) {
        throw new RangeError(`Read the minute ${time} of ${this.#symbol}: it is not kept`);
      }
      if (cells[COUNT] === 0) continue;
      const [openPrice, openId] = [cells[OPEN]!, cells[FIRST]!];
      const before = this.#candles.closedMinute(time - M);
      return { openPrice, openId, previousPrice: before === undefined ? openPrice : before[CLOSE]! };
    }
  }

  /** Takes whole minutes out of a window that begins before the oldest kept trade. */
  #leaveMinutes(window: number, from: number): void {
    const left = this.#left[window]!;
    while (this.#first[window]! < this.#trades.first && this.#minute[window]! < from) {
      const cells = this.#candles.closedMinute(this.#minute[window]!);
      if (cells === undefined) return;
      addSum(left, 0, cells, VOLUME);
      addSum(left, 2, cells, QUOTE);
      this.#first[window]! += cells[COUNT]!;
      this.#late[window] = this.#minute[window]! += M;
    }
  }

  #advance(window: number, now: number): void {
    const trades = this.#trades;
    const from = now - WINDOW_MS[WINDOWS[window]!];
    this.#leaveMinutes(window, from);
    if (this.#first[window]! >= trades.first) this.#leave(window, from);
  }

  /** Takes trades before a time out of a window that begins with a kept one. */
  #leave(window: number, from: number): void {
    const trades = this.#trades;
    const left = this.#left[window]!;
    let first = this.#first[window]!;
    // After a long pause all have left, which need not be read back.
    if (first < trades.length && trades.timeOf(trades.length - 1) < from) {
      left.set(this.#total);
      this.#first[window] = trades.length;
      return;
    }
    for (; first < trades.length && trades.timeOf(first) < from; first++) {
      const quantity = trades.quantityOf(first);
      addExact(left, 0, quantity);
      addProduct(left, 2, trades.priceOf(first), quantity);
    }
    this.#first[window] = first;
  }
}
