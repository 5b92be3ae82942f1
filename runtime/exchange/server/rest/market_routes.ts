import type { Candle, ExchangeTrade } from "../../market.ts";
import type { AggTrade } from "../stream/agg_trade.ts";
import { queryAggTrades } from "../stream/agg_trade_query.ts";
import { levelsJson, type TimeUnit } from "../stream/payload.ts";
import { ApiError } from "./api_error.ts";
import { rateLimits, symbolJson } from "./exchange_info.ts";
import type { Parameters } from "./parameters.ts";
import type { Route, RouteContext } from "./route.ts";
import { averagePrice, quoteQuantity } from "./statistics.ts";

function tradeJson(trade: ExchangeTrade, unit: TimeUnit): string {
  return `{"id":${trade.tradeId},"price":"${trade.price}","qty":"${trade.quantity}",` +
    `"quoteQty":"${quoteQuantity(trade.price, trade.quantity)}","time":${trade.time * unit},` +
    `"isBuyerMaker":${trade.isBuyerMaker},"isBestMatch":true}`;
}

function aggTradeJson(trade: AggTrade, unit: TimeUnit): string {
  return `{"a":${trade.aggTradeId},"p":"${trade.price}","q":"${trade.quantity}","f":${trade.firstTradeId},` +
    `"l":${trade.lastTradeId},"T":${trade.time * unit},"m":${trade.isBuyerMaker},"M":true}`;
}

function candleJson(candle: Candle, unit: TimeUnit): string {
  const close = unit === 1 ? candle.closeTime : candle.closeTime * 1000 + 999;
  return `[${candle.openTime * unit},"${candle.open}","${candle.high}","${candle.low}","${candle.close}",` +
    `"${candle.volume}",${close},"${candle.quoteVolume}",${candle.trades},"${candle.takerBuyVolume}",` +
    `"${candle.takerBuyQuoteVolume}","0"]`;
}

/** depth's weight by limit. */
export function depthWeight(limit: number): number {
  return limit <= 100 ? 5 : limit <= 500 ? 25 : limit <= 1000 ? 50 : 250;
}

function klines(parameters: Parameters, { market, known }: RouteContext, unit: TimeUnit) {
  const symbol = parameters.symbol(known);
  const interval = parameters.interval();
  parameters.timeZone();
  const range = {
    from: parameters.time("startTime"),
    to: parameters.time("endTime"),
    limit: parameters.limit(500, 1000),
  };
  const candles = market.candles(symbol, interval, range);
  return { body: `[${candles.map((each) => candleJson(each, unit)).join(",")}]`, weight: 2 };
}

function refuseOtherStatus(parameters: Parameters): void {
  if (parameters.excludesTrading()) {
    throw new ApiError(-1220, "The symbol's status does not match the requested symbolStatus.");
  }
}

/** Routes of single symbols and of the exchange itself. Bodies field by field in the order of rest-api.md. */
export const MARKET_ROUTES: Record<string, Route> = {
  "/api/v3/ping": { parameters: [], weight: 1, answer: () => ({ body: "{}", weight: 1 }) },

  "/api/v3/time": {
    parameters: [],
    weight: 1,
    answer: (_, context, unit) => ({ body: `{"serverTime":${context.now() * unit}}`, weight: 1 }),
  },

  "/api/v3/exchangeInfo": {
    parameters: ["symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus"],
    weight: 20,
    answer(parameters, context, unit) {
      const asked = parameters.symbols(context.known);
      const permissions = parameters.text("permissions");
      const sets = parameters.text("showPermissionSets") !== "false";
      const none = parameters.excludesTrading() ||
        (permissions !== undefined && !/^"?SPOT"?$|"SPOT"/.test(permissions));
      if (
        asked !== undefined && (permissions !== undefined || parameters.text("symbolStatus") !== undefined)
      ) {
        throw new ApiError(-1128, "Combination of optional parameters invalid.");
      }
      const names = asked === undefined ? undefined : "one" in asked ? [asked.one] : asked.many;
      const symbols = none
        ? []
        : context.market.symbols.filter((each) => names === undefined || names.includes(each.symbol));
      const body = JSON.stringify({
        timezone: "UTC",
        serverTime: context.now() * unit,
        rateLimits: rateLimits(context.weightPerMinute),
        exchangeFilters: [],
        symbols: symbols.map((each) => symbolJson(each, sets)),
      });
      return { body, weight: 20 };
    },
  },

  "/api/v3/depth": {
    parameters: ["symbol", "limit", "symbolStatus"],
    weight: 5,
    answer(parameters, { market, known }) {
      const symbol = parameters.symbol(known);
      const limit = parameters.limit(100, 5000);
      refuseOtherStatus(parameters);
      const book = market.book(symbol, limit) ?? { lastUpdateId: 0, bids: [], asks: [] };
      return {
        body: `{"lastUpdateId":${book.lastUpdateId},"bids":${levelsJson(book.bids)},"asks":${
          levelsJson(book.asks)
        }}`,
        weight: depthWeight(limit),
      };
    },
  },

  "/api/v3/trades": {
    parameters: ["symbol", "limit"],
    weight: 25,
    answer(parameters, { market, known }, unit) {
      const trades = market.trades(parameters.symbol(known), { limit: parameters.limit(500, 1000) });
      return { body: `[${trades.map((each) => tradeJson(each, unit)).join(",")}]`, weight: 25 };
    },
  },

  "/api/v3/historicalTrades": {
    parameters: ["symbol", "limit", "fromId"],
    weight: 25,
    answer(parameters, { market, known }, unit) {
      const symbol = parameters.symbol(known);
      const limit = parameters.limit(500, 1000);
      const trades = market.trades(symbol, { fromId: parameters.whole("fromId"), limit });
      return { body: `[${trades.map((each) => tradeJson(each, unit)).join(",")}]`, weight: 25 };
    },
  },

  "/api/v3/aggTrades": {
    parameters: ["symbol", "fromId", "startTime", "endTime", "limit"],
    weight: 4,
    answer(parameters, context, unit) {
      const symbol = parameters.symbol(context.known);
      const query = {
        fromId: parameters.whole("fromId"),
        from: parameters.time("startTime"),
        to: parameters.time("endTime"),
        limit: parameters.limit(500, 1000),
      };
      if (query.fromId !== undefined && (query.from !== undefined || query.to !== undefined)) {
        throw new ApiError(-1128, "Combination of optional parameters invalid.");
      }
      const trades = queryAggTrades(context.market, symbol, query);
      return { body: `[${trades.map((each) => aggTradeJson(each, unit)).join(",")}]`, weight: 4 };
    },
  },

  "/api/v3/klines": {
    parameters: ["symbol", "interval", "startTime", "endTime", "timeZone", "limit"],
    weight: 2,
    answer: klines,
  },

  "/api/v3/uiKlines": {
    parameters: ["symbol", "interval", "startTime", "endTime", "timeZone", "limit"],
    weight: 2,
    answer: klines,
  },

  "/api/v3/avgPrice": {
    parameters: ["symbol"],
    weight: 2,
    answer(parameters, { market, known }, unit) {
      const average = averagePrice(market, parameters.symbol(known));
      const price = average?.price ?? "0.00000000";
      return {
        body: `{"mins":5,"price":"${price}","closeTime":${(average?.lastTradeTime ?? 0) * unit}}`,
        weight: 2,
      };
    },
  },
};
