import assert from "node:assert/strict";
import type { KlineRow, PriceRow, TradeRow } from "../../../runtime/market/table.ts";
import { channelPath } from "../../src/datasource/query.ts";
import { parsePath, pathOf } from "./channel_spec.ts";
import { NewRows, wholeBook } from "./live_rows.ts";

Deno.test("a channel's path says all of its shape, and only what Grafana allows", () => {
  const base = channelPath("prices", "БИТ-USDT");
  for (
    const shape of [{ format: "timeseries" as const, limit: 5000, fields: [] }, {
      format: "table" as const,
      limit: 9,
      fields: ["time", "price_text"],
    }]
  ) {
    const path = pathOf(base, shape);
    assert.match(path, /^[A-Za-z0-9_\-/=.]+$/);
    const { limit: _, ...spec } = parsePath(path)!;
    assert.deepEqual(spec, {
      kind: "prices",
      symbol: "БИТ-USDT",
      format: shape.format,
      fields: shape.fields,
    });
  }
  assert.equal(pathOf(base, { format: "timeseries", limit: 9, fields: [] }), base);
  assert.equal(parsePath(pathOf("book/BTCUSDT", { format: "book", limit: 20, fields: [] }))!.limit, 20);
  assert.deepEqual(parsePath("pipeline/edges")?.symbol, "edges");
  for (
    const path of [
      "",
      "prices",
      "prices/all",
      "prices/btcusdt",
      "prices/A=2CB",
      "tickers/A",
      "prices/A/candles/5",
      "prices/A/table/0",
      "prices/=E0",
      "cql/A",
      "prices/A/table/5/../x",
    ]
  ) {
    assert.equal(parsePath(path), undefined, path);
  }
});

Deno.test("rows pass once, in whatever order they come", () => {
  const trades = (...ids: number[]) => ids.map((trade_id) => ({ trade_id }) as TradeRow);
  const refilled = (trade_id: number) => [{ trade_id, backfill: true } as TradeRow];
  const ids = (rows: TradeRow[]) => rows.map(({ trade_id }) => trade_id);
  const seen = new NewRows(10);
  assert.deepEqual(ids(seen.trades(trades(8, 9, 10, 11, 12), { state: true })), [11, 12]);
  assert.deepEqual(ids(seen.trades(trades(12, 13, 14))), [13, 14]);
  assert.deepEqual(ids(seen.trades(trades(7, 10))), [], "changes that a query has answered");
  assert.deepEqual(ids(seen.trades(refilled(10))), [], "a refilled one that came already");
  assert.deepEqual(ids(seen.trades(refilled(4))), [4], "a refilled trade comes late");
  assert.deepEqual(ids(seen.trades(trades(9, 10, 12, 15), { state: true })), [15], "the state after a gap");
  const prices = new NewRows(100);
  const price = (updated_at: number, version: number) => ({ updated_at, version }) as PriceRow;
  assert.equal(prices.prices([price(100, 1)]).length, 0);
  assert.equal(prices.prices([price(101, 5), price(101, 4), price(101, 6)]).length, 2);
  const klines = new NewRows(60);
  const kline = (open_time: number, version: number) => ({ open_time, version }) as KlineRow;
  assert.equal(klines.klines([kline(0, 1), kline(60, 2), kline(60, 2), kline(60, 3)]).length, 2);
});

Deno.test("a book of the event stream gets its levels", () => {
  const book = wholeBook({
    symbol: "A",
    bids: '[["10","1"],["9","2"]]',
    asks: '[["11","3"]]',
    depth: 2,
    last_update_id: 5,
    trusted: true,
    updated_at: 1 as never,
    version: 1,
  });
  assert.deepEqual(book.levels.map(({ side, level, price }) => [side, level, price]), [["bid", 1, "10"], [
    "bid",
    2,
    "9",
  ], ["ask", 1, "11"]]);
  assert.deepEqual([book.best_bid, book.best_ask, book.spread], ["10", "11", "1"]);
});
