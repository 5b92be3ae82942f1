import assert from "node:assert/strict";
import { epochMs } from "../../../market/epoch.ts";
import type { ExchangeTrade } from "../../market.ts";
import { MemoryMarket } from "../tests/memory_market.ts";
import { type AggTrade, AggTrades } from "./agg_trade.ts";
import { queryAggTrades } from "./agg_trade_query.ts";

const START = 1_700_000_000_000;
const symbol = "BTCUSDT";

/** What makes an aggregate: one taker order at one price, and so one time and side. */
const belongs = (last: ExchangeTrade, next: ExchangeTrade) =>
  last.price === next.price && last.isBuyerMaker === next.isBuyerMaker && last.time === next.time &&
  last.takerOrderId === next.takerOrderId;

/** All aggregates of a market, cut the plain way. */
function plainly(market: MemoryMarket): { first: number; last: number; time: number }[] {
  const groups: ExchangeTrade[][] = [];
  for (const trade of market.trades(symbol, { fromId: 0, limit: Infinity })) {
    const group = groups[groups.length - 1];
    if (group !== undefined && belongs(group[group.length - 1]!, trade)) group.push(trade);
    else groups.push([trade]);
  }
  return groups.map((each) => ({
    first: each[0]!.tradeId,
    last: each[each.length - 1]!.tradeId,
    time: each[0]!.time,
  }));
}

const ends = (trades: AggTrade[]) =>
  trades.map((each) => [each.aggTradeId, each.firstTradeId, each.lastTradeId]);

Deno.test("aggregates of the past are the plain ones, by id, by time and the latest", async () => {
  await using market = new MemoryMarket({ tradeEveryMs: 10 });
  market.advance(epochMs(START + 20_000), Infinity);
  const plain = plainly(market);
  assert.ok(plain.length > 2000);
  const expected = (from: number, to: number) =>
    plain.slice(from, to).map((e, i) => [from + i + 1, e.first, e.last]);
  const query = (asked: Parameters<typeof queryAggTrades>[2]) => queryAggTrades(market, symbol, asked);
  assert.deepEqual(ends(query({ limit: 500 })), expected(plain.length - 500, plain.length));
  assert.deepEqual(ends(query({ fromId: 700, limit: 1000 })), expected(699, 1699));
  assert.deepEqual(ends(query({ fromId: plain.length + 5, limit: 10 })), []);
  const from = plain[900]!.time;
  const to = plain[1200]!.time;
  const firstFrom = plain.findIndex((each) => each.time >= from);
  const afterTo = plain.findIndex((each) => each.time > to);
  assert.deepEqual(ends(query({ from, to, limit: 1000 })), expected(firstFrom, afterTo));
  assert.deepEqual(ends(query({ from, limit: 3 })), expected(firstFrom, firstFrom + 3));
  assert.deepEqual(ends(query({ to, limit: 7 })), expected(afterTo - 7, afterTo));
});

Deno.test("aggregates as they happen have the ids of the past's", async () => {
  await using market = new MemoryMarket({ tradeEveryMs: 10 });
  market.advance(epochMs(START + 3000), Infinity);
  const live = new AggTrades(market, symbol);
  const known = queryAggTrades(market, symbol, { limit: 1 })[0]!.aggTradeId;
  const told: AggTrade[] = [];
  const take = (each: AggTrade | undefined) => each !== undefined && told.push(each);
  take(live.close());
  for (let time = START + 3050; time < START + 6000; time += 50) {
    for (const event of market.advance(epochMs(time), Infinity)) {
      if (event.type === "trade" && event.symbol === symbol) take(live.push(event));
    }
    take(live.close());
  }
  const past = queryAggTrades(market, symbol, { fromId: known + 1, limit: 10_000 });
  assert.deepEqual(told, past);
});
