import { type EpochMs, epochMs } from "../../../market/epoch.ts";
import type { ExchangeMarket, TickerWindow } from "../../market.ts";
import type { TimeUnit } from "../stream/payload.ts";
import { ApiError } from "./api_error.ts";
import type { Parameters } from "./parameters.ts";
import type { Route, RouteAnswer, RouteContext } from "./route.ts";
import { foldCandles, type WindowStatistics } from "./statistics.ts";

const ZERO = "0.00000000";

/** A symbol without any trade, as the full-market ticker lists it: zeros, ids -1. */
function emptyTicker(symbol: string, now: EpochMs): TickerWindow {
  return {
    symbol,
    openTime: epochMs(now - 86_400_000),
    closeTime: now,
    open: ZERO,
    high: ZERO,
    low: ZERO,
    last: ZERO,
    lastQuantity: ZERO,
    previousClose: ZERO,
    volume: ZERO,
    quoteVolume: ZERO,
    weightedAverage: ZERO,
    change: ZERO,
    changePercent: "0.000",
    firstTradeId: -1,
    lastTradeId: -1,
    trades: 0,
    bid: ZERO,
    bidQuantity: ZERO,
    ask: ZERO,
    askQuantity: ZERO,
  };
}

function ticker24(market: ExchangeMarket, symbol: string, unit: TimeUnit, mini: boolean): unknown {
  const t = market.ticker(symbol, "24h") ?? emptyTicker(symbol, market.now);
  const ends = {
    openTime: t.openTime * unit,
    closeTime: t.closeTime * unit,
    firstId: t.firstTradeId,
    lastId: t.lastTradeId,
    count: t.trades,
  };
  const volumes = { volume: t.volume, quoteVolume: t.quoteVolume };
  if (mini) {
    return {
      symbol,
      openPrice: t.open,
      highPrice: t.high,
      lowPrice: t.low,
      lastPrice: t.last,
      ...volumes,
      ...ends,
    };
  }
  return {
    symbol,
    priceChange: t.change,
    priceChangePercent: t.changePercent,
    weightedAvgPrice: t.weightedAverage,
    prevClosePrice: t.previousClose,
    lastPrice: t.last,
    lastQty: t.lastQuantity,
    bidPrice: t.bid,
    bidQty: t.bidQuantity,
    askPrice: t.ask,
    askQty: t.askQuantity,
    openPrice: t.open,
    highPrice: t.high,
    lowPrice: t.low,
    ...volumes,
    ...ends,
  };
}

function windowJson(s: WindowStatistics, unit: TimeUnit, mini: boolean): unknown {
  const changes = mini ? {} : {
    priceChange: s.change,
    priceChangePercent: s.changePercent,
    weightedAvgPrice: s.weightedAverage,
  };
  return {
    symbol: s.symbol,
    ...changes,
    openPrice: s.open,
    highPrice: s.high,
    lowPrice: s.low,
    lastPrice: s.last,
    volume: s.volume,
    quoteVolume: s.quoteVolume,
    openTime: s.openTime * unit,
    closeTime: s.closeTime * unit,
    firstId: s.firstTradeId,
    lastId: s.lastTradeId,
    count: s.trades,
  };
}

/** One object for `symbol`, an array for `symbols` and for none. Weights: for one, for a list, for all. */
function each(
  parameters: Parameters,
  context: RouteContext,
  weights: { one: number; many: (count: number) => number; all: number | undefined },
  json: (symbol: string) => unknown,
): RouteAnswer {
  const asked = parameters.symbols(context.known);
  const excluded = parameters.excludesTrading();
  if (asked !== undefined && "one" in asked) {
    if (excluded) throw new ApiError(-1220, "The symbol's status does not match the requested symbolStatus.");
    return { body: JSON.stringify(json(asked.one)), weight: weights.one };
  }
  if (asked === undefined && weights.all === undefined) {
    throw new ApiError(-1102, "Param 'symbol' or 'symbols' must be sent, but both were empty/null!");
  }
  const names = asked?.many ?? context.market.symbols.map((info) => info.symbol);
  if (weights.all === undefined && names.length > 100) {
    throw new ApiError(-1101, "Too many parameters sent for this endpoint.");
  }
  return {
    body: JSON.stringify(excluded ? [] : names.map(json)),
    weight: asked === undefined ? weights.all! : weights.many(names.length),
  };
}

const WINDOW_UNITS: Record<string, { ms: number; most: number }> = {
  m: { ms: 60_000, most: 59 },
  h: { ms: 3_600_000, most: 23 },
  d: { ms: 86_400_000, most: 7 },
};

/** `windowSize` in milliseconds; undefined when it is none of the served ones. */
export function parseWindowSize(text: string): number | undefined {
  const match = /^([1-9]\d?)([mhd])$/.exec(text);
  if (match === null) return undefined;
  const unit = WINDOW_UNITS[match[2]!]!;
  const count = Number(match[1]);
  return count <= unit.most ? count * unit.ms : undefined;
}

const perSymbol = { one: 4, many: (count: number) => Math.min(200, 4 * count), all: undefined };
const cheap = { one: 2, many: () => 4, all: 4 };

/** Routes of one, several or all symbols. */
export const TICKER_ROUTES: Record<string, Route> = {
  "/api/v3/ticker/24hr": {
    parameters: ["symbol", "symbols", "type", "symbolStatus"],
    weight: 2,
    answer(parameters, context, unit) {
      const mini = parameters.mini();
      const many = (count: number) => count <= 20 ? 2 : count <= 100 ? 40 : 80;
      return each(
        parameters,
        context,
        { one: 2, many, all: 80 },
        (symbol) => ticker24(context.market, symbol, unit, mini),
      );
    },
  },

  "/api/v3/ticker/price": {
    parameters: ["symbol", "symbols", "symbolStatus"],
    weight: 2,
    answer: (parameters, context) =>
      each(parameters, context, cheap, (symbol) => ({
        symbol,
        price: context.market.trades(symbol, { limit: 1 })[0]?.price ?? ZERO,
      })),
  },

  "/api/v3/ticker/bookTicker": {
    parameters: ["symbol", "symbols", "symbolStatus"],
    weight: 2,
    answer: (parameters, context) =>
      each(parameters, context, cheap, (symbol) => {
        const best = context.market.bookTicker(symbol);
        return {
          symbol,
          bidPrice: best?.bid ?? ZERO,
          bidQty: best?.bidQuantity ?? ZERO,
          askPrice: best?.ask ?? ZERO,
          askQty: best?.askQuantity ?? ZERO,
        };
      }),
  },

  "/api/v3/ticker/tradingDay": {
    parameters: ["symbol", "symbols", "timeZone", "type", "symbolStatus"],
    weight: 4,
    answer(parameters, context, unit) {
      const mini = parameters.mini();
      parameters.timeZone();
      const { market } = context;
      const day = epochMs(Math.floor(market.now / 86_400_000) * 86_400_000);
      const window = { openTime: day, closeTime: epochMs(day + 86_399_999) };
      return each(parameters, context, perSymbol, (symbol) => {
        const candles = market.candles(symbol, "1d", { from: day, limit: 1 });
        return windowJson(foldCandles(symbol, candles, window), unit, mini);
      });
    },
  },

  "/api/v3/ticker": {
    parameters: ["symbol", "symbols", "windowSize", "type", "symbolStatus"],
    weight: 4,
    answer(parameters, context, unit) {
      const mini = parameters.mini();
      const size = parameters.text("windowSize") ?? "1d";
      const ms = parseWindowSize(size);
      if (ms === undefined) throw new ApiError(-1130, "Data sent for parameter 'windowSize' is not valid.");
      const { market } = context;
      const from = epochMs(Math.floor((market.now - ms) / 60_000) * 60_000);
      const window = { openTime: from, closeTime: market.now };
      return each(parameters, context, perSymbol, (symbol) => {
        const candles = market.candles(symbol, "1m", { from, to: market.now, limit: ms / 60_000 + 2 });
        return windowJson(foldCandles(symbol, candles, window), unit, mini);
      });
    },
  },
};
