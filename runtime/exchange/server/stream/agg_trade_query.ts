import { epochMs } from "../../../market/epoch.ts";
import type { ExchangeMarket, ExchangeTrade } from "../../market.ts";
import { type AggTrade, foldAggregate } from "./agg_trade.ts";

const PAGE = 1000;

/** As the route asks: `fromId` alone, or a span of time; without any the most recent. */
export type AggTradeQuery = { fromId?: number; from?: number; to?: number; limit: number };

/**
 * A symbol's past aggregates in ascending order, under the ids that the market gives them. Reads what it answers and
 * little more, however long the market has run (I10).
 */
export function queryAggTrades(market: ExchangeMarket, symbol: string, query: AggTradeQuery): AggTrade[] {
  const { to, limit } = query;
  const start = firstId(market, symbol, query);
  const found: AggTrade[] = [];
  if (start === undefined) return found;
  let group: ExchangeTrade[] = [];
  let trades = market.trades(symbol, { fromAggregateId: start, limit: PAGE });
  while (true) {
    for (const trade of trades) {
      if (group.length > 0 && group[0]!.aggregateId !== trade.aggregateId) {
        found.push(foldAggregate(group));
        group = [];
        if (found.length === limit) return found;
      }
      // All trades of an aggregate share their time: it is within the span as a whole or not at all.
      if (to !== undefined && trade.time > to) return found;
      group.push(trade);
    }
    if (trades.length < PAGE) break;
    trades = market.trades(symbol, { fromId: trades[trades.length - 1]!.tradeId + 1, limit: PAGE });
  }
  if (group.length > 0) found.push(foldAggregate(group));
  return found;
}

/** The aggregate to begin with; undefined when there is none. */
function firstId(market: ExchangeMarket, symbol: string, query: AggTradeQuery): number | undefined {
  const { fromId, from, to, limit } = query;
  if (fromId !== undefined) return Math.max(1, fromId);
  if (from !== undefined) return market.trades(symbol, { from: epochMs(from), limit: 1 })[0]?.aggregateId;
  const [last] = market.trades(symbol, { ...to === undefined ? {} : { to: epochMs(to) }, limit: 1 });
  return last === undefined ? undefined : Math.max(1, last.aggregateId! - limit + 1);
}
