import type { EpochMs } from "../market/epoch.ts";
import { addExact, addProduct, exactValue } from "./exact_sum.ts";
import { Extremes } from "./extremes.ts";
import { DECIMALS, type FixedText, ratioText, sumText } from "./fixed_text.ts";
import type { ExchangeBookTicker, TickerWindow } from "./market.ts";
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
 * trades with openTime <= time <= closeTime. What leaves a window is read back from the spool once.
 */
export class TickerSeries {
  readonly #symbol: string;
  readonly #trades: TradeSpool;
  readonly #price: FixedText;
  readonly #quantity: FixedText;
  readonly #priceScale: number;
  readonly #quantityScale: number;
  readonly #total = new Float64Array(SUM_CELLS);
  readonly #left = WINDOWS.map(() => new Float64Array(SUM_CELLS));
  /** Index of each window's first trade. */
  readonly #first = WINDOWS.map(() => 0);
  readonly #highs = new Extremes(1);
  readonly #lows = new Extremes(-1);

  constructor(
    parts: {
      symbol: string;
      trades: TradeSpool;
      price: FixedText;
      quantity: FixedText;
      priceScale: number;
      quantityScale: number;
    },
  ) {
    this.#symbol = parts.symbol;
    this.#trades = parts.trades;
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
    WINDOWS.forEach((_, window) => this.#advance(window, now));
    const oldest = this.#first[WINDOWS.length - 1]!;
    this.#highs.drop(oldest);
    this.#lows.drop(oldest);
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
    const openPrice = empty ? lastPrice : trades.priceOf(first);
    const left = this.#left[window]!;
    const volume = exactValue(this.#total, 0) - exactValue(left, 0);
    const quote = exactValue(this.#total, 2) - exactValue(left, 2);
    const change = BigInt(lastPrice - openPrice);
    const quoteScale = this.#priceScale + this.#quantityScale;
    return {
      symbol: this.#symbol,
      openTime: now - WINDOW_MS[name] as EpochMs,
      closeTime: now as EpochMs,
      open: this.#price.of(openPrice),
      high: this.#price.of(empty ? lastPrice : this.#highs.from(first)),
      low: this.#price.of(empty ? lastPrice : this.#lows.from(first)),
      last: this.#price.of(lastPrice),
      lastQuantity: this.#quantity.of(trades.quantityOf(last)),
      previousClose: this.#price.of(trades.priceOf(Math.max(0, first - 1))),
      volume: sumText(volume, this.#quantityScale),
      quoteVolume: sumText(quote, quoteScale),
      weightedAverage: volume === 0n
        ? "0.00000000"
        : ratioText(quote, volume * 10n ** BigInt(this.#priceScale), DECIMALS),
      change: sumText(change, this.#priceScale),
      changePercent: openPrice === 0 ? "0.000" : ratioText(change * 100n, BigInt(openPrice), 3),
      firstTradeId: empty ? -1 : trades.idOf(first),
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
    for (const left of this.#left) out.numbers(left);
    this.#highs.save(out);
    this.#lows.save(out);
  }

  restore(state: StateReader): void {
    this.#total.set(state.numbers());
    state.numbers().forEach((first, window) => this.#first[window] = first);
    for (const left of this.#left) left.set(state.numbers());
    this.#highs.restore(state);
    this.#lows.restore(state);
  }

  #advance(window: number, now: number): void {
    const trades = this.#trades;
    const from = now - WINDOW_MS[WINDOWS[window]!];
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
