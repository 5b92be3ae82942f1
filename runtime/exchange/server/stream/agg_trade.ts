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

/** True when `next` belongs to the aggregate that `last` ended. Recordings lack the taker order: time and side stand in. */
export function continuesAggregate(last: ExchangeTrade, next: ExchangeTrade): boolean {
  return last.price === next.price && last.isBuyerMaker === next.isBuyerMaker && last.time === next.time &&
    last.takerOrderId === next.takerOrderId;
}

const PAGE = 1000;
/** One remembered place for so many aggregates: a million trades cost some 60 kB. */
const STRIDE = 256;

/**
 * Cuts one symbol's trades into aggregates, as they come and for the past. Aggregate ids are their places in the
 * symbol's whole history, so the past is walked once, when somebody first asks; then only places are kept.
 */
export class AggTrades {
  readonly #market: ExchangeMarket;
  readonly #symbol: string;
  /** First trade id and time of every STRIDE-th aggregate. */
  readonly #places: { tradeId: number; time: number }[] = [];
  #closed = 0;
  #nextTradeId: number | undefined;
  #open: ExchangeTrade[] = [];

  constructor(market: ExchangeMarket, symbol: string) {
    this.#market = market;
    this.#symbol = symbol;
  }

  /** Takes every trade up to the market's present. Returns the aggregates that this closed since the last call. */
  catchUp(): AggTrade[] {
    const closed: AggTrade[] = [];
    for (;;) {
      const fromId = this.#nextTradeId ?? this.#market.truth.tradeRange(this.#symbol)?.first;
      if (fromId === undefined) return closed;
      const trades = this.#market.trades(this.#symbol, { fromId, limit: PAGE });
      for (const trade of trades) this.#take(trade, closed);
      if (trades.length < PAGE) return closed;
      closed.length = 0;
    }
  }

  /** Takes one trade as it happens; the aggregate it ends, if any. Trades already known are passed over. */
  push(trade: ExchangeTrade): AggTrade | undefined {
    if (this.#nextTradeId !== undefined && trade.tradeId < this.#nextTradeId) return undefined;
    const closed: AggTrade[] = [];
    this.#take(trade, closed);
    return closed[0];
  }

  /** Ends the open aggregate: its time has passed, nothing can join it any more. */
  close(): AggTrade | undefined {
    if (this.#open.length === 0) return undefined;
    const done = fold(this.#open, this.#closed + 1);
    this.#closed++;
    this.#open = [];
    return done;
  }

  /** Aggregates for REST. Without a bound the most recent. */
  query(query: { fromId?: number; from?: number; to?: number; limit: number }): AggTrade[] {
    this.catchUp();
    const total = this.#closed + (this.#open.length > 0 ? 1 : 0);
    let start = query.fromId ?? (query.from === undefined ? total - query.limit + 1 : 1);
    if (query.from === undefined && query.to !== undefined && query.fromId === undefined) {
      return this.#walk(this.#placeBefore(query.to) - query.limit, (each) => each.time <= query.to!)
        .slice(-query.limit);
    }
    if (query.from !== undefined && query.fromId === undefined) start = this.#placeBefore(query.from);
    const to = query.to ?? Infinity;
    const from = query.from ?? -Infinity;
    return this.#walk(
      Math.max(1, start),
      (each) => each.time <= to,
      (each) => each.aggTradeId >= start && each.time >= from,
      query.limit,
    );
  }

  /** The id of a remembered aggregate at or before a time. */
  #placeBefore(time: number): number {
    let low = 0;
    let high = this.#places.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#places[middle]!.time < time) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1) * STRIDE + 1;
  }

  /** Aggregates from the place of an id on, while `goesOn`, those that `wanted`, at most `limit`. */
  #walk(
    id: number,
    goesOn: (each: AggTrade) => boolean,
    wanted: (each: AggTrade) => boolean = () => true,
    limit = Infinity,
  ): AggTrade[] {
    const index = Math.min(Math.max(0, Math.floor((id - 1) / STRIDE)), this.#places.length - 1);
    const place = this.#places[index];
    const found: AggTrade[] = [];
    if (place === undefined) return found;
    let next = index * STRIDE + 1;
    let fromId = place.tradeId;
    let group: ExchangeTrade[] = [];
    const end = (): boolean => {
      if (group.length === 0) return true;
      const each = fold(group, next++);
      if (!goesOn(each)) return false;
      if (wanted(each)) found.push(each);
      return found.length < limit;
    };
    for (;;) {
      const trades = this.#market.trades(this.#symbol, { fromId, limit: PAGE });
      for (const trade of trades) {
        const last = group[group.length - 1];
        if (last !== undefined && !continuesAggregate(last, trade)) {
          if (!end()) return found;
          group = [];
        }
        group.push(trade);
        fromId = trade.tradeId + 1;
      }
      if (trades.length < PAGE) {
        end();
        return found;
      }
    }
  }

  #take(trade: ExchangeTrade, closed: AggTrade[]): void {
    const last = this.#open[this.#open.length - 1];
    if (last !== undefined && !continuesAggregate(last, trade)) closed.push(this.close()!);
    if (this.#open.length === 0 && this.#closed % STRIDE === 0) {
      this.#places.push({ tradeId: trade.tradeId, time: trade.time });
    }
    this.#open.push(trade);
    this.#nextTradeId = trade.tradeId + 1;
  }
}

function fold(trades: readonly ExchangeTrade[], aggTradeId: number): AggTrade {
  const first = trades[0]!;
  let units = 0n;
  for (const trade of trades) units += unitsAt(trade.quantity, 8) ?? 0n;
  return {
    symbol: first.symbol,
    aggTradeId,
    price: first.price,
    quantity: trades.length === 1 ? first.quantity : formatUnits(units, 8),
    firstTradeId: first.tradeId,
    lastTradeId: trades[trades.length - 1]!.tradeId,
    time: epochMs(first.time),
    isBuyerMaker: first.isBuyerMaker,
  };
}
