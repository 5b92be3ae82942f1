import { unitsAt } from "../../../market/decimal.ts";
import type { SymbolInfo } from "../../market.ts";

/** The limits that exchangeInfo tells. */
export function rateLimits(weightPerMinute: number): unknown[] {
  return [
    { rateLimitType: "REQUEST_WEIGHT", interval: "MINUTE", intervalNum: 1, limit: weightPerMinute },
    { rateLimitType: "ORDERS", interval: "SECOND", intervalNum: 10, limit: 100 },
    { rateLimitType: "ORDERS", interval: "DAY", intervalNum: 1, limit: 200_000 },
    { rateLimitType: "RAW_REQUESTS", interval: "MINUTE", intervalNum: 5, limit: 61_000 },
  ];
}

/** A symbol as exchangeInfo tells it, field by field in the order of rest-api.md. */
export function symbolJson(info: SymbolInfo, permissionSets: boolean): unknown {
  return {
    symbol: info.symbol,
    status: "TRADING",
    baseAsset: info.baseAsset,
    baseAssetPrecision: 8,
    quoteAsset: info.quoteAsset,
    quotePrecision: 8,
    quoteAssetPrecision: 8,
    baseCommissionPrecision: 8,
    quoteCommissionPrecision: 8,
    orderTypes: [
      "LIMIT",
      "LIMIT_MAKER",
      "MARKET",
      "STOP_LOSS",
      "STOP_LOSS_LIMIT",
      "TAKE_PROFIT",
      "TAKE_PROFIT_LIMIT",
    ],
    icebergAllowed: true,
    ocoAllowed: true,
    otoAllowed: true,
    opoAllowed: true,
    quoteOrderQtyMarketAllowed: true,
    allowTrailingStop: true,
    cancelReplaceAllowed: true,
    amendAllowed: true,
    pegInstructionsAllowed: true,
    isSpotTradingAllowed: true,
    isMarginTradingAllowed: false,
    filters: filters(info),
    permissions: [],
    permissionSets: permissionSets ? [["SPOT"]] : [],
    defaultSelfTradePreventionMode: "EXPIRE_MAKER",
    allowedSelfTradePreventionModes: ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"],
  };
}

function filters(info: SymbolInfo): unknown[] {
  return [
    {
      filterType: "PRICE_FILTER",
      minPrice: info.tickSize,
      // Far above any price, and on the tick's grid.
      maxPrice: (unitsAt(info.tickSize, 8) ?? 1n) >= 10n ** 8n ? "922327000.00000000" : "922327.00000000",
      tickSize: info.tickSize,
    },
    { filterType: "LOT_SIZE", minQty: info.minQty, maxQty: info.maxQty, stepSize: info.stepSize },
    { filterType: "ICEBERG_PARTS", limit: 10 },
    { filterType: "MARKET_LOT_SIZE", minQty: "0.00000000", maxQty: info.maxQty, stepSize: "0.00000000" },
    {
      filterType: "TRAILING_DELTA",
      minTrailingAboveDelta: 10,
      maxTrailingAboveDelta: 2000,
      minTrailingBelowDelta: 10,
      maxTrailingBelowDelta: 2000,
    },
    {
      filterType: "PERCENT_PRICE_BY_SIDE",
      bidMultiplierUp: "5",
      bidMultiplierDown: "0.2",
      askMultiplierUp: "5",
      askMultiplierDown: "0.2",
      avgPriceMins: 5,
    },
    {
      filterType: "NOTIONAL",
      minNotional: info.minNotional,
      applyMinToMarket: true,
      maxNotional: "9000000.00000000",
      applyMaxToMarket: false,
      avgPriceMins: 5,
    },
    { filterType: "MAX_NUM_ORDERS", maxNumOrders: 200 },
    { filterType: "MAX_NUM_ALGO_ORDERS", maxNumAlgoOrders: 5 },
  ];
}
