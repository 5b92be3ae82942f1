import { formatUnits, unitsAt } from "../../../market/decimal.ts";
import { type EpochMs, epochMs } from "../../../market/epoch.ts";
import type { ExchangeMarket, ExchangeTrade } from "../../market.ts";

/** Trades of one taker order at one price. Ids are contiguous per symbol, from 1. */
export type AggTrade = {
  symbol: string;
  aggTradeId: number;
  price: string;
  quantity: string;
  firstTradeId: number;
  lastTradeId: number;
  time: EpochMs;
  isBuyerMaker: boolean;
};

/** One aggregate of all its trades. */
export function foldAggregate(trades: readonly ExchangeTrade[]): AggTrade {
  const first = trades[0]!;
  let units = 0n;
  for (const trade of trades) units += unitsAt(trade.quantity, 8) ?? 0n;
  return {
    symbol: first.symbol,
    aggTradeId: first.aggregateId!,
    price: first.price,
    quantity: trades.length === 1 ? first.quantity : formatUnits(units, 8),
    firstTradeId: first.tradeId,
    lastTradeId: trades[trades.length - 1]!.tradeId,
    time: epochMs(first.time),
    isBuyerMaker: first.isBuyerMaker,
  };
}

/** Cuts one symbol's trades into aggregates as they come, from the market's present on. */
export class AggTrades {
  #open: ExchangeTrade[] = [];
  /** True while what is open has not grown since the beginning: it may have been told before anyone listened. */
  #old = true;

  constructor(market: ExchangeMarket, symbol: string) {
    const [last] = market.trades(symbol, { limit: 1 });
    if (last === undefined) return;
    // A recording's turn may end within an aggregate; what follows must join it under its id.
    this.#open = market.trades(symbol, { fromAggregateId: last.aggregateId!, limit: Infinity });
  }

  /** Takes one trade as it happens; the aggregate it ends, if any. */
  push(trade: ExchangeTrade): AggTrade | undefined {
    const last = this.#open[this.#open.length - 1];
    if (last !== undefined && trade.tradeId <= last.tradeId) return undefined;
    const ended = last !== undefined && last.aggregateId !== trade.aggregateId ? this.close() : undefined;
    this.#open.push(trade);
    this.#old = false;
    return ended;
  }

  /** Ends the open aggregate: its time has passed, nothing can join it any more. */
  close(): AggTrade | undefined {
    const open = this.#open;
    if (open.length === 0) return undefined;
    this.#open = [];
    return this.#old ? undefined : foldAggregate(open);
  }
}
