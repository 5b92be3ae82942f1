import { formatUnits, unitsAt } from "../../../market/decimal.ts";
import { type EpochMs, epochMs } from "../../../market/epoch.ts";
import type { Candle, ExchangeMarket } from "../../market.ts";

/** Statistics over whole candles: what `ticker` with any window and `ticker/tradingDay` tell. */
export type WindowStatistics = {
  symbol: string;
  open: string;
  high: string;
  low: string;
  last: string;
  volume: string;
  quoteVolume: string;
  weightedAverage: string;
  change: string;
  changePercent: string;
  openTime: EpochMs;
  closeTime: EpochMs;
  firstTradeId: number;
  lastTradeId: number;
  trades: number;
};

const SCALE = 8;
const ONE = 10n ** 8n;
const ZERO = "0.00000000";

function units(text: string): bigint {
  return unitsAt(text, SCALE) ?? 0n;
}

/** Quotient of two numbers of the same scale with `decimals` digits, rounded half away from zero. */
export function divide(numerator: bigint, denominator: bigint, decimals: number): string {
  if (denominator === 0n) return formatUnits(0n, decimals);
  const negative = (numerator < 0n) !== (denominator < 0n);
  const a = numerator < 0n ? -numerator : numerator;
  const b = denominator < 0n ? -denominator : denominator;
  const quotient = (2n * a * 10n ** BigInt(decimals) + b) / (2n * b);
  return formatUnits(negative ? -quotient : quotient, decimals);
}

/** Price × quantity with eight decimals, cut off as Binance does. [measured on recorded trades] */
export function quoteQuantity(price: string, quantity: string): string {
  return formatUnits((units(price) * units(quantity)) / ONE, SCALE);
}

/** Sums candles, oldest first, into one window. Candles without trades count for nothing but their time. */
export function foldCandles(
  symbol: string,
  candles: readonly Candle[],
  window: { openTime: EpochMs; closeTime: EpochMs },
): WindowStatistics {
  const traded = candles.filter((candle) => candle.trades > 0);
  const first = traded[0];
  const last = traded[traded.length - 1];
  if (first === undefined || last === undefined) {
    return {
      symbol,
      open: ZERO,
      high: ZERO,
      low: ZERO,
      last: ZERO,
      volume: ZERO,
      quoteVolume: ZERO,
      weightedAverage: ZERO,
      change: ZERO,
      changePercent: "0.000",
      ...window,
      firstTradeId: -1,
      lastTradeId: -1,
      trades: 0,
    };
  }
  let high = units(first.high);
  let low = units(first.low);
  let volume = 0n;
  let quoteVolume = 0n;
  let trades = 0;
  for (const candle of traded) {
    if (units(candle.high) > high) high = units(candle.high);
    if (units(candle.low) < low) low = units(candle.low);
    volume += units(candle.volume);
    quoteVolume += units(candle.quoteVolume);
    trades += candle.trades;
  }
  const open = units(first.open);
  const change = units(last.close) - open;
  return {
    symbol,
    open: first.open,
    high: formatUnits(high, SCALE),
    low: formatUnits(low, SCALE),
    last: last.close,
    volume: formatUnits(volume, SCALE),
    quoteVolume: formatUnits(quoteVolume, SCALE),
    weightedAverage: divide(quoteVolume, volume, SCALE),
    change: formatUnits(change, SCALE),
    changePercent: divide(change * 100n, open, 3),
    ...window,
    firstTradeId: first.firstTradeId,
    lastTradeId: last.lastTradeId,
    trades,
  };
}

/** The average price of the last five minutes, or the last price when nothing traded in them. */
export function averagePrice(
  market: ExchangeMarket,
  symbol: string,
): { price: string; lastTradeTime: EpochMs } | undefined {
  const last = market.trades(symbol, { limit: 1 })[0];
  if (last === undefined) return undefined;
  const minute = Math.floor(market.now / 60_000) * 60_000;
  const candles = market.candles(symbol, "1m", { from: epochMs(minute - 240_000), limit: 5 });
  let volume = 0n;
  let quoteVolume = 0n;
  for (const candle of candles) {
    volume += units(candle.volume);
    quoteVolume += units(candle.quoteVolume);
  }
  return {
    price: volume === 0n ? last.price : divide(quoteVolume, volume, SCALE),
    lastTradeTime: last.time,
  };
}
