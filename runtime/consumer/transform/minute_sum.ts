import { parseDecimal } from "../../market/decimal.ts";
import type { EpochMs } from "../../market/epoch.ts";
import type { TradeRow } from "../../market/table.ts";
import { DecimalSum, quotient } from "../../query/decimal_product.ts";
import type { WindowLength } from "../../query/market_query.ts";
import type { StoredWindow } from "../store/market_store.ts";

/**
 * The windows of one minute of a symbol, to which trades are added in id order: adding them in parts gives to the last digit
 * what adding them at once does.
 */
export class MinuteSum {
  readonly #symbol: string;
  readonly #minute: EpochMs;
  readonly #seconds = new Map<EpochMs, SecondSum>();
  #lastId = -1;
  #trades = 0;

  constructor(symbol: string, minute: EpochMs) {
    this.#symbol = symbol;
    this.#minute = minute;
  }

  /** The greatest id added; −1 before the first. */
  get lastId(): number {
    return this.#lastId;
  }

  /** How many trades were added. */
  get trades(): number {
    return this.#trades;
  }

  /** Adds trades of the minute, in id order and above {@linkcode MinuteSum.lastId}. */
  add(trades: readonly TradeRow[]): void {
    for (const trade of trades) {
      const second = Math.floor(trade.trade_time / 1000) * 1000 as EpochMs;
      let sum = this.#seconds.get(second);
      if (sum === undefined) this.#seconds.set(second, sum = new SecondSum(this.#symbol, second));
      sum.add(trade);
      this.#lastId = trade.trade_id;
    }
    this.#trades += trades.length;
  }

  /** The windows as of now; a minute without a trade has one with a count of 0 and no second. */
  windows(): { seconds: StoredWindow[]; minute: StoredWindow } {
    const ordered = [...this.#seconds.values()].sort((a, b) => a.second - b.second);
    const seconds = ordered.map((sum) => sum.window());
    const minute = sumWindows(this.#symbol, "1m", this.#minute, seconds);
    if (seconds.length > 0) {
      const closes = new SquaredReturns();
      for (const { close } of ordered) closes.add(close);
      minute.realised_variance = closes.sum;
    }
    return { seconds, minute };
  }
}

class SecondSum {
  readonly second: EpochMs;
  /** The price of the greatest id. */
  close = "";
  readonly #symbol: string;
  readonly #volume = new DecimalSum();
  readonly #quoteVolume = new DecimalSum(16);
  readonly #returns = new SquaredReturns();
  #count = 0;
  #firstId = -1;
  #lastId = -1;
  #window: StoredWindow | undefined;

  constructor(symbol: string, second: EpochMs) {
    this.#symbol = symbol;
    this.second = second;
  }

  add({ trade_id, price, quantity }: TradeRow): void {
    const p = parseDecimal(price)!;
    const q = parseDecimal(quantity)!;
    this.#volume.add(q.units, q.scale);
    this.#quoteVolume.add(p.units * q.units, p.scale + q.scale);
    this.#returns.add(price);
    if (this.#count++ === 0) this.#firstId = trade_id;
    this.#lastId = trade_id;
    this.close = price;
    this.#window = undefined;
  }

  window(): StoredWindow {
    return this.#window ??= {
      symbol: this.#symbol,
      window: "1s",
      open_time: this.second,
      trade_count: this.#count,
      ...money(this.#volume, this.#quoteVolume),
      realised_variance: this.#returns.sum,
      first_trade_id: this.#firstId,
      last_trade_id: this.#lastId,
    };
  }
}

/** A longer window from the shorter ones within it, in time order. */
export function sumWindows(
  symbol: string,
  window: WindowLength,
  open_time: EpochMs,
  parts: StoredWindow[],
): StoredWindow {
  const volume = new DecimalSum();
  const quoteVolume = new DecimalSum(16);
  let trade_count = 0;
  let realised_variance: number | null = null;
  let first_trade_id = -1;
  let last_trade_id = -1;
  for (const part of parts) {
    const v = parseDecimal(part.volume)!;
    const q = parseDecimal(part.quote_volume)!;
    volume.add(v.units, v.scale);
    quoteVolume.add(q.units, q.scale);
    trade_count += part.trade_count;
    realised_variance = (realised_variance ?? 0) + (part.realised_variance ?? 0);
    if (first_trade_id < 0 || part.first_trade_id < first_trade_id) first_trade_id = part.first_trade_id;
    if (part.last_trade_id > last_trade_id) last_trade_id = part.last_trade_id;
  }
  return {
    symbol,
    window,
    open_time,
    trade_count,
    ...money(volume, quoteVolume),
    realised_variance,
    first_trade_id,
    last_trade_id,
  };
}

function money(volume: DecimalSum, quoteVolume: DecimalSum) {
  return {
    volume: volume.toString(),
    quote_volume: quoteVolume.toString(),
    vwap: volume.value.units === 0n ? null : quotient(quoteVolume.value, volume.value),
  };
}

/** A statistic, so a float: the sum of (ln pᵢ − ln pᵢ₋₁)², in the order of adding. */
class SquaredReturns {
  sum = 0;
  #last = NaN;

  add(price: string): void {
    const log = Math.log(Number(price));
    const step = log - this.#last;
    if (Number.isFinite(step)) this.sum += step * step;
    this.#last = log;
  }
}
