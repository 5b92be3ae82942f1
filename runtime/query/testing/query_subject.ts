import type { MarketStore } from "../../consumer/store/market_store.ts";
import type { Change } from "../../consumer/transform/transform.ts";
import type { EpochMs } from "../../market/epoch.ts";
import type { Origin } from "../../market/origin.ts";
import type { TableName, TableRows } from "../../market/table.ts";
import type { MarketQuery } from "../market_query.ts";

/** A whole minute. */
export const T0 = 1_723_161_240_000 as EpochMs;

/** The origin that subjects' stores are made with. */
export const ORIGIN: Origin = { kind: "exchange", id: "test", label: "a test" };

/** A kind of store with its query: what the contract suite of `MarketQuery` runs over. */
export type QuerySubject = {
  name: string;
  /** Why it cannot run here; empty when it can. */
  skipped: string;
  /** Money is read digit for digit; else to 15 significant digits (I9). */
  exactDecimals: boolean;
  /** An empty store and its reader. */
  make(): Promise<{ store: MarketStore; query: MarketQuery } & AsyncDisposable>;
  /** Makes and removes what all its tests share. */
  begin?(): Promise<void>;
  end?(): Promise<void>;
};

/** A row as a change of its table; times may be plain numbers. */
export function upsert<T extends TableName>(
  table: T,
  row: {
    [Column in keyof TableRows[T]]: TableRows[T][Column] extends EpochMs ? number : TableRows[T][Column];
  },
  offset = 0,
): Change {
  const { version, trade_time } = row as unknown as { version?: number; trade_time?: number };
  return {
    table,
    kind: "upsert",
    row: row as unknown as Change["row"],
    version: version ?? trade_time! * 1000,
    topic: `binance.public.${table}`,
    partition: 1,
    offset,
  };
}

/** A trade of 2 at 100; its offset is its id. */
export function trade(id: number, time: number, symbol = "BTCUSDT"): Change {
  return upsert("recent_trades", {
    symbol,
    trade_id: id,
    price: "100.00000000",
    quantity: "2.00000000",
    trade_time: time,
    is_buyer_maker: id % 2 === 0,
    backfill: false,
  }, id);
}

/** Statistics of a market by quote asset, last price and quote volume. */
export function stats(symbol: string, quote: string | null, last: string, quoteVolume: string): Change {
  return upsert("crypto_24h_stats", {
    symbol,
    price_change_percent: "-1.5",
    last_price: last,
    high_price: "1",
    low_price: "1",
    volume: "1",
    quote_volume: quoteVolume,
    trade_count: 1,
    last_trade_id: 1,
    quote_asset: quote,
    updated_at: T0,
    version: T0 * 1000,
  });
}
