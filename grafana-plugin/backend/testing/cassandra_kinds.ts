import assert from "node:assert/strict";
import type { CassandraMarketStore } from "../../../runtime/consumer/store/cassandra.ts";
import type { Change } from "../../../runtime/consumer/transform/transform.ts";
import { T0, upsert } from "../../../runtime/query/testing/query_subject.ts";
import { type GoFrame, valuesOf } from "./go_client.ts";

const SYMBOL = "ETHUSDT";
const MINUTE = 60_000;
const PRICES = ["100.25", "100.5", "99.75"];
const CANDLE = {
  symbol: SYMBOL,
  open_price: "100.00000000",
  high_price: "101.50000000",
  low_price: "99.25000000",
  close_price: "100.75000000",
  volume: "12.50000000",
  quote_volume: "1256.25000000",
  first_trade_id: 1,
  last_trade_id: 7,
  backfill: false,
};
const WINDOW = {
  symbol: SYMBOL,
  window: "1m" as const,
  volume: "12.50000000",
  quote_volume: "1256.25000000",
  vwap: "100.50000000",
  realised_variance: 0.0004,
  first_trade_id: 1,
};

const BOOK: Change = {
  ...upsert("order_book", {
    symbol: SYMBOL,
    bids: '[["100.50000000","2.00000000"],["100.25000000","3.00000000"]]',
    asks: '[["101.00000000","1.50000000"]]',
    depth: 100,
    last_update_id: 77,
    trusted: true,
    updated_at: T0,
    version: T0 * 1000,
  }),
  enrichment: {
    best_bid: "100.50000000",
    best_ask: "101.00000000",
    spread: "0.50000000",
    mid: "100.75000000",
  },
};

/** Writes some rows of every kind but trades, as consumers do. */
export async function writeKinds(store: CassandraMarketStore): Promise<void> {
  await store.write({
    changes: [
      ...[["BTCUSDT", "900.5"], [SYMBOL, "500.25"], ["LTCUSDT", "1.125"]].map(([symbol, volume]) =>
        upsert("crypto_24h_stats", {
          symbol: symbol!,
          price_change_percent: "-1.5",
          last_price: "100.75000000",
          high_price: "101.5",
          low_price: "99.25",
          volume: "9.5",
          quote_volume: volume!,
          trade_count: 7,
          last_trade_id: 7,
          quote_asset: "USDT",
          updated_at: T0,
          version: T0 * 1000,
        })
      ),
      ...PRICES.map((price, at) =>
        upsert("latest_prices", {
          symbol: SYMBOL,
          price,
          updated_at: T0 + at * 1000,
          last_trade_id: at,
          version: (T0 + at * 1000) * 1000,
        })
      ),
      ...[0, 1].map((at) =>
        upsert("klines", {
          ...CANDLE,
          open_time: T0 + at * MINUTE,
          close_time: T0 + (at + 1) * MINUTE - 1,
          number_of_trades: 7 - at,
          closed: at === 0,
          version: (T0 + at * MINUTE) * 1000,
        })
      ),
      BOOK,
      upsert("completeness", {
        symbol: SYMBOL,
        kind: "trade",
        first_id: 3,
        last_id: 5,
        cause: "disconnect",
        state: "refilled",
        detected_at: T0,
        updated_at: T0 + 1000,
        version: (T0 + 1000) * 1000,
      }),
    ],
    positions: [],
    deadLetters: [{
      topic: "binance.public.klines",
      partition: 0,
      offset: 7,
      code: "transform.schema_mismatch",
      message: "Decode the row: column volume is missing",
      key: null,
      value: "{}",
    }],
    at: T0,
  });
  const windows = [0, 1].map((at) => ({
    ...WINDOW,
    open_time: T0 + at * MINUTE as typeof T0,
    trade_count: 7 - at,
    last_trade_id: 7,
  }));
  await store.writeWindows(windows, []);
  await store.raiseAlerts([{
    id: "alert-1",
    rule: "price-move",
    symbol: SYMBOL,
    message: "ETHUSDT -5 % within 10 minutes",
    raisedAt: T0,
    evidence: { from: "100", to: "95" },
  }]);
}

/** Asks for every kind but trades and compares each frame with what {@linkcode writeKinds} wrote. */
export async function assertKinds(
  frames: (model: Record<string, unknown>) => Promise<GoFrame[]>,
): Promise<void> {
  const only = async (model: Record<string, unknown>): Promise<Record<string, unknown[]>> => {
    const found = await frames(model);
    assert.equal(found.length, 1, JSON.stringify(model));
    assert.equal(found[0]!.schema.meta.custom.source, "cassandra");
    const { fields } = found[0]!.schema;
    return Object.fromEntries(fields.map(({ name }) => [name, valuesOf(found[0]!, name)]));
  };
  const expect = (columns: Record<string, unknown[]>, expected: Record<string, unknown[]>) =>
    assert.deepEqual(
      Object.fromEntries(Object.keys(expected).map((name) => [name, columns[name]])),
      expected,
    );

  expect(await only({ kind: "tickers", limit: 2 }), {
    symbol: ["BTCUSDT", SYMBOL],
    quote_volume: [900.5, 500.25],
    quote_volume_usdt_text: ["900.5", "500.25"],
    last_price_text: ["100.75000000", "100.75000000"],
    price_change_percent: [-1.5, -1.5],
    trade_count: [7, 7],
    updated_at: [T0, T0],
  });
  expect(await only({ kind: "prices", symbols: [SYMBOL], limit: 2 }), {
    time: [T0 + 1000, T0 + 2000],
    price: [100.5, 99.75],
  });
  expect(await only({ kind: "prices", symbols: [SYMBOL], format: "table" }), {
    symbol: [SYMBOL, SYMBOL, SYMBOL],
    price_text: PRICES,
  });
  const times = [T0, T0 + MINUTE];
  expect(await only({ kind: "klines", symbols: [SYMBOL] }), {
    time: times,
    open: [100, 100],
    high: [101.5, 101.5],
    low: [99.25, 99.25],
    close: [100.75, 100.75],
    volume: [12.5, 12.5],
    number_of_trades: [7, 6],
    closed: [true, false],
    backfill: [false, false],
  });
  expect(await only({ kind: "klines", symbols: [SYMBOL], format: "table" }), {
    quote_volume_text: ["1256.25000000", "1256.25000000"],
    close_time: [T0 + MINUTE - 1, T0 + 2 * MINUTE - 1],
  });
  expect(await only({ kind: "aggregates", symbols: [SYMBOL], window: "1m", format: "table" }), {
    time: times,
    window: ["1m", "1m"],
    trade_count: [7, 6],
    vwap_text: ["100.50000000", "100.50000000"],
    realised_volatility: [0.02, 0.02],
    first_trade_id: [1, 1],
    last_trade_id: [7, 7],
  });
  expect(await only({ kind: "book", symbols: [SYMBOL], limit: 20 }), {
    side: ["bid", "bid", "ask"],
    level: [1, 2, 1],
    price_text: ["100.50000000", "100.25000000", "101.00000000"],
    quantity: [2, 3, 1.5],
    trusted: [true, true, true],
    last_update_id: [77, 77, 77],
  });
  expect(await only({ kind: "book", symbols: [SYMBOL], format: "table" }), {
    best_bid: [100.5],
    spread: [0.5],
    untrusted: [0],
    updated_at: [T0],
  });
  expect(await only({ kind: "completeness", symbols: [SYMBOL] }), {
    kind: ["trade"],
    first_id: [3],
    last_id: [5],
    cause: ["disconnect"],
    state: ["refilled"],
    detected_at: [T0],
    updated_at: [T0 + 1000],
  });
  expect(await only({ kind: "deadLetters" }), {
    topic: ["binance.public.klines"],
    offset: [7],
    code: ["transform.schema_mismatch"],
    message: ["Decode the row: column volume is missing"],
    value: ["{}"],
    attempts: [1],
  });
  expect(await only({ kind: "alerts" }), {
    time: [T0],
    rule: ["price-move"],
    symbol: [SYMBOL],
    text: ["ETHUSDT -5 % within 10 minutes"],
    evidence: ['{"from":"100","to":"95"}'],
  });
  expect(
    await only({
      kind: "cql",
      symbols: [SYMBOL],
      cql:
        "SELECT open_time, close_price, number_of_trades FROM klines WHERE symbol = $__symbol AND $__timeFilter(open_time)",
    }),
    { open_time: times, close_price: [100.75, 100.75], number_of_trades: [7, 6] },
  );
}
