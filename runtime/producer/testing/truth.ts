import assert from "node:assert/strict";
import type { ExchangeMarket } from "../../exchange/market.ts";
import { epochMs } from "../../market/epoch.ts";
import type { BookRow, CompletenessRow, KlineRow, TradeRow } from "../../market/table.ts";
import { until } from "./market_exchange.ts";

/** Reads the rows that the producer wrote. */
export type Stored = <Row>(
  table: "recent_trades" | "klines" | "order_book" | "completeness",
) => Promise<Row[]>;

/**
 * Waits until what is stored has caught up with the exchange, then compares every digit: trades (I3), closed
 * candles, books (I4), and no range left open.
 */
export async function equalsTruth(market: ExchangeMarket, stored: Stored): Promise<void> {
  const symbols = market.symbols.map((info) => info.symbol);
  const caughtUp = async () => {
    const trades = await stored<TradeRow>("recent_trades");
    const last = new Map<string, number>();
    for (const row of trades) last.set(row.symbol, Math.max(last.get(row.symbol) ?? 0, row.trade_id));
    const gaps = await stored<CompletenessRow>("completeness");
    const books = await stored<BookRow>("order_book");
    return {
      trades: symbols.filter((symbol) => last.get(symbol) !== market.truth.tradeRange(symbol)?.last),
      open: gaps.filter((row) => row.state === "open"),
      books: symbols.filter((symbol) =>
        !books.some((row) => row.symbol === symbol && row.trusted && bookIsNow(market, row))
      ),
    };
  };
  await until("the stored rows to catch up with the exchange", async () => {
    const { trades, open, books } = await caughtUp();
    return trades.length + open.length + books.length === 0;
  }, caughtUp);
  const trades = Map.groupBy(await stored<TradeRow>("recent_trades"), (row) => row.symbol);
  for (const symbol of symbols) {
    const rows = (trades.get(symbol) ?? []).sort((a, b) => a.trade_id - b.trade_id);
    const truth = market.trades(symbol, { fromId: rows[0]!.trade_id, limit: Infinity });
    assert.equal(rows.length, truth.length, `trades of ${symbol}`);
    for (const [i, trade] of truth.entries()) {
      const { trade_id, price, quantity, trade_time, is_buyer_maker } = rows[i]!;
      assert.deepEqual(
        { trade_id, price, quantity, trade_time, is_buyer_maker },
        {
          trade_id: trade.tradeId,
          price: trade.price,
          quantity: trade.quantity,
          trade_time: trade.time,
          is_buyer_maker: trade.isBuyerMaker,
        },
      );
    }
  }
  for (const row of await stored<KlineRow>("klines")) {
    if (!row.closed) continue;
    const candle = market.candles(row.symbol, "1m", { from: row.open_time, to: row.open_time, limit: 1 })[0]!;
    assert.deepEqual(
      [row.open_price, row.high_price, row.low_price, row.close_price, row.volume, row.quote_volume].map(
        Number,
      ),
      [candle.open, candle.high, candle.low, candle.close, candle.volume, candle.quoteVolume].map(Number),
      `candle of ${row.symbol} at ${new Date(row.open_time).toISOString()}`,
    );
    assert.equal(row.number_of_trades, candle.trades);
  }
}

/** True when the row is the exchange's book of now, to the stored depth. */
function bookIsNow(market: ExchangeMarket, row: BookRow): boolean {
  const truth = market.truth.bookAt(row.symbol, row.last_update_id) ?? market.book(row.symbol, row.depth);
  const latest = market.book(row.symbol, row.depth);
  if (truth === undefined || latest === undefined) return false;
  const sides = { bids: truth.bids.slice(0, row.depth), asks: truth.asks.slice(0, row.depth) };
  assert.deepEqual(
    { bids: JSON.parse(row.bids), asks: JSON.parse(row.asks) },
    sides,
    `book of ${row.symbol}`,
  );
  return true;
}

/** Closed candles of a symbol between two stored ones that are not stored. */
export function missingCandles(rows: KlineRow[], symbol: string): number[] {
  const times = rows.filter((row) => row.symbol === symbol && row.closed).map((row) => row.open_time)
    .sort((a, b) => a - b);
  const missing: number[] = [];
  for (let time: number = times[0] ?? 0; time < (times.at(-1) ?? 0); time += 60_000) {
    if (!times.includes(epochMs(time))) missing.push(time);
  }
  return missing;
}
