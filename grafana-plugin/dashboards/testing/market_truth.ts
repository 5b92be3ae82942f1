import type { EpochMs } from "../../../runtime/market/epoch.ts";
import type { MarketStore } from "../../../runtime/consumer/store/market_store.ts";
import type { Change } from "../../../runtime/consumer/transform/transform.ts";
import { recomputeWindows } from "../../../runtime/consumer/transform/windows.ts";
import { T0, upsert } from "../../../runtime/query/testing/query_subject.ts";

const MINUTE = 60_000;

/** The dashboards' time range, with the hour that {@linkcode T0} is in; some rows lie before it. */
export const RANGE = { from: T0 - 70 * MINUTE, to: T0 + 10 * MINUTE };

/** A market of the truth: volumes as text, for the store takes text. */
export type Ticker = { symbol: string; quote: string; last: string; volume: string; quoteVolume: string };

/** More than ten markets in USDT, one in BTC whose quote volume is worth more than most, and one of tiny coins. */
export const TICKERS: Ticker[] = [
  { symbol: "BTCUSDT", quote: "USDT", last: "60000.10", volume: "900.5", quoteVolume: "54030090.05" },
  { symbol: "ETHUSDT", quote: "USDT", last: "2700.25", volume: "15000", quoteVolume: "40503750" },
  { symbol: "ETHBTC", quote: "BTC", last: "0.045", volume: "8000", quoteVolume: "360" },
  { symbol: "PEPEUSDT", quote: "USDT", last: "0.00001", volume: "990000000000", quoteVolume: "9900000" },
  { symbol: "币安人生USDT", quote: "USDT", last: "0.2", volume: "1000000", quoteVolume: "200000.123" },
  ...Array.from({ length: 9 }, (_, index) => ({
    symbol: `COIN${index}USDT`,
    quote: "USDT",
    last: "1",
    volume: String(100 + index),
    quoteVolume: String(1000 + 10 * index),
  })),
];

/** A candle of the truth, minutes after {@linkcode T0}. */
export type Candle = {
  minute: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
  trades: number;
};

/** Of ETHUSDT: one before the range, five in it. */
export const CANDLES: Candle[] = [-90, 0, 1, 2, 5, 9].map((minute, index) => ({
  minute,
  open: 2700 + index,
  high: 2710 + index,
  low: 2690 - index,
  close: 2705 + index,
  volume: 10.5 + index,
  trades: 7 * (index + 1),
}));

/** Prices of ETHUSDT, seconds after {@linkcode T0}; the first is before the range. */
export const PRICES = [-6000, 0, 15, 90, 599].map((second, index) => ({ second, price: 2700.5 + index }));

/** Trades of ETHUSDT, one a second, so that each is the close of its second. The third minute has a single trade. */
export const TRADES = [
  ...[2700, 2703, 2698, 2701].map((price, index) => ({ second: index, price })),
  ...[2701, 2650, 2702].map((price, index) => ({ second: 60 + 10 * index, price })),
  { second: 125, price: 2702 },
].map((trade, index) => ({ ...trade, id: 100 + index }));

/** The book of ETHUSDT, best first. */
export const BOOK = {
  bids: [["2700.10", "1.5"], ["2700.00", "2"], ["2699.50", "10"]],
  asks: [["2700.20", "0.5"], ["2700.90", "3"]],
};

/** Writes the truth as the consumer does, windows included. */
export async function fill(store: MarketStore): Promise<void> {
  const changes: Change[] = [
    ...TICKERS.map(tickerChange),
    ...CANDLES.map((candle) => candleChange("ETHUSDT", candle)),
    candleChange("BTCUSDT", { ...CANDLES[1]!, trades: 9999 }),
    ...PRICES.map(({ second, price }) =>
      upsert("latest_prices", {
        symbol: "ETHUSDT",
        price: price.toFixed(2),
        updated_at: T0 + second * 1000,
        last_trade_id: 1,
        version: (T0 + second * 1000) * 1000,
      })
    ),
    ...TRADES.map(({ id, second, price }) =>
      upsert("recent_trades", {
        symbol: "ETHUSDT",
        trade_id: id,
        price: price.toFixed(2),
        quantity: String(1 + id % 3),
        trade_time: T0 + second * 1000,
        is_buyer_maker: false,
        backfill: false,
      }, id)
    ),
  ];
  changes.push(upsert("order_book", {
    symbol: "ETHUSDT",
    bids: JSON.stringify(BOOK.bids),
    asks: JSON.stringify(BOOK.asks),
    depth: 100,
    last_update_id: 77,
    trusted: true,
    updated_at: T0,
    version: T0 * 1000,
  }));
  await store.write({ changes, positions: [], deadLetters: [], at: T0 });
  while ((await recomputeWindows(store, { maxMinutes: 100, maxTrades: 10_000 })).more);
  // The type allows a window that has neither: it must not be drawn as a zero.
  await store.writeWindows([{
    symbol: "ETHUSDT",
    window: "1m",
    open_time: T0 + 7 * MINUTE as EpochMs,
    trade_count: 1,
    volume: "0",
    quote_volume: "0",
    vwap: null,
    realised_variance: null,
    first_trade_id: 900,
    last_trade_id: 900,
  }], []);
}

/** Root of the summed squared log returns of consecutive prices of ETHUSDT between two seconds after {@linkcode T0}. */
export function realisedVolatility(minutes: number[]): number {
  let sum = 0;
  for (const minute of minutes) {
    const prices = TRADES.filter(({ second }) => Math.floor(second / 60) === minute).map(({ price }) =>
      price
    );
    for (const [index, price] of prices.entries()) {
      if (index > 0) sum += Math.log(price / prices[index - 1]!) ** 2;
    }
  }
  return Math.sqrt(sum);
}

/** Volume weighted average price of ETHUSDT in a minute after {@linkcode T0}. */
export function vwap(minute: number): number {
  const trades = TRADES.filter(({ second }) => Math.floor(second / 60) === minute);
  const volume = trades.reduce((total, { id }) => total + 1 + id % 3, 0);
  return trades.reduce((total, { id, price }) => total + price * (1 + id % 3), 0) / volume;
}

function tickerChange({ symbol, quote, last, volume, quoteVolume }: Ticker): Change {
  return upsert("crypto_24h_stats", {
    symbol,
    price_change_percent: "-1.5",
    last_price: last,
    high_price: "3",
    low_price: "1",
    volume,
    quote_volume: quoteVolume,
    trade_count: 5,
    last_trade_id: 5,
    quote_asset: quote,
    updated_at: T0,
    version: T0 * 1000,
  });
}

function candleChange(symbol: string, { minute, open, high, low, close, volume, trades }: Candle): Change {
  const openTime = T0 + minute * MINUTE;
  return upsert("klines", {
    symbol,
    open_time: openTime,
    close_time: openTime + 59_999,
    open_price: open.toFixed(2),
    high_price: high.toFixed(2),
    low_price: low.toFixed(2),
    close_price: close.toFixed(2),
    volume: String(volume),
    quote_volume: String(volume * 2700),
    number_of_trades: trades,
    first_trade_id: 1,
    last_trade_id: trades,
    closed: true,
    backfill: false,
    version: (openTime + 119_999) * 1000,
  });
}
