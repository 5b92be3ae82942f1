import { epochMs } from "../../market/epoch.ts";
import type {
  BookRow,
  CompletenessRow,
  KlineRow,
  PriceRow,
  StatsRow,
  TableBatch,
  TradeRow,
} from "../../market/table.ts";

/** A time all rows of a test lie near. */
export const AT = epochMs(Date.UTC(2026, 0, 15, 12, 0, 0));

/** Whole rows from the few fields a test cares about. */
export const rows = {
  trade: (id: number, with_: Partial<TradeRow> = {}): TradeRow => ({
    symbol: "BTCUSDT",
    trade_id: id,
    price: "61837.63000000",
    quantity: "0.02000000",
    trade_time: epochMs(AT + id),
    is_buyer_maker: true,
    backfill: false,
    ...with_,
  }),
  price: (time: number, with_: Partial<PriceRow> = {}): PriceRow => ({
    symbol: "BTCUSDT",
    price: "61837.63000000",
    updated_at: epochMs(AT + time),
    last_trade_id: 1,
    version: (AT + time) * 1_000,
    ...with_,
  }),
  stats: (time: number, with_: Partial<StatsRow> = {}): StatsRow => ({
    symbol: "BTCUSDT",
    price_change_percent: "-0.621",
    last_price: "1.5",
    high_price: "2",
    low_price: "1",
    volume: "12345678901234.12345678",
    quote_volume: "5.00",
    trade_count: 9,
    last_trade_id: 9,
    quote_asset: "USDT",
    updated_at: epochMs(AT + time),
    version: (AT + time) * 1_000,
    ...with_,
  }),
  kline: (minute: number, version: number, with_: Partial<KlineRow> = {}): KlineRow => ({
    symbol: "BTCUSDT",
    open_time: epochMs(AT + minute * 60_000),
    close_time: epochMs(AT + minute * 60_000 + 59_999),
    open_price: "1.10",
    high_price: "2.20",
    low_price: "1.00",
    close_price: "1.50",
    volume: "7.00",
    quote_volume: "9.00",
    number_of_trades: 3,
    first_trade_id: 1,
    last_trade_id: 3,
    closed: false,
    backfill: false,
    version,
    ...with_,
  }),
  book: (updateId: number, with_: Partial<BookRow> = {}): BookRow => ({
    symbol: "BTCUSDT",
    bids: '[["9.0","1"]]',
    asks: '[["11.0","1"]]',
    depth: 100,
    last_update_id: updateId,
    trusted: true,
    updated_at: AT,
    version: AT * 1_000,
    ...with_,
  }),
  gap: (first: number, last: number, with_: Partial<CompletenessRow> = {}): CompletenessRow => ({
    symbol: "BTCUSDT",
    kind: "trade",
    first_id: first,
    last_id: last,
    cause: "disconnect",
    state: "open",
    detected_at: AT,
    updated_at: AT,
    version: AT * 1_000,
    ...with_,
  }),
};

/** One row of each table. */
export function oneOfEach(): TableBatch {
  return {
    crypto_24h_stats: [rows.stats(1)],
    latest_prices: [rows.price(1)],
    klines: [rows.kline(0, 5)],
    order_book: [rows.book(5)],
    recent_trades: [rows.trade(1)],
    completeness: [rows.gap(2, 3)],
  };
}
