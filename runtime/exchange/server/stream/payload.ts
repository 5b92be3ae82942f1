import type { Candle, ExchangeBookTicker, ExchangeDepth, ExchangeTrade, TickerWindow } from "../../market.ts";
import type { AggTrade } from "./agg_trade.ts";
import type { StreamWindow } from "./stream_name.ts";

/**
 * The JSON of each stream, field by field in Binance's order (web-socket-streams.md). `eventTime` is virtual
 * milliseconds; `unit` is 1 for milliseconds, 1000 for microseconds. Text is built by hand: it is what the exchange
 * does most, and every value but the symbol is digits.
 */
export type TimeUnit = 1 | 1000;

const quoted = new Map<string, string>();

/** A symbol as JSON text; symbols may be any UTF-8. */
function json(symbol: string): string {
  let text = quoted.get(symbol);
  if (text === undefined) {
    text = JSON.stringify(symbol);
    if (quoted.size < 10_000) quoted.set(symbol, text);
  }
  return text;
}

/** Price levels as JSON. */
export function levelsJson(levels: readonly (readonly [string, string])[]): string {
  let text = "[";
  for (let i = 0; i < levels.length; i++) {
    const level = levels[i]!;
    text += `${i === 0 ? "" : ","}["${level[0]}","${level[1]}"]`;
  }
  return text + "]";
}

export function tradePayload(trade: ExchangeTrade, eventTime: number, unit: TimeUnit): string {
  return `{"e":"trade","E":${eventTime * unit},"s":${json(trade.symbol)},"t":${trade.tradeId},` +
    `"p":"${trade.price}","q":"${trade.quantity}","T":${
      trade.time * unit
    },"m":${trade.isBuyerMaker},"M":true}`;
}

export function aggTradePayload(trade: AggTrade, eventTime: number, unit: TimeUnit): string {
  return `{"e":"aggTrade","E":${eventTime * unit},"s":${json(trade.symbol)},"a":${trade.aggTradeId},` +
    `"p":"${trade.price}","q":"${trade.quantity}","f":${trade.firstTradeId},"l":${trade.lastTradeId},` +
    `"T":${trade.time * unit},"m":${trade.isBuyerMaker},"M":true}`;
}

export function bookTickerPayload(ticker: ExchangeBookTicker): string {
  return `{"u":${ticker.updateId},"s":${
    json(ticker.symbol)
  },"b":"${ticker.bid}","B":"${ticker.bidQuantity}",` +
    `"a":"${ticker.ask}","A":"${ticker.askQuantity}"}`;
}

export function depthPayload(
  depth: Omit<ExchangeDepth, "type" | "time">,
  eventTime: number,
  unit: TimeUnit,
): string {
  return `{"e":"depthUpdate","E":${eventTime * unit},"s":${json(depth.symbol)},"U":${depth.firstUpdateId},` +
    `"u":${depth.finalUpdateId},"b":${levelsJson(depth.bids)},"a":${levelsJson(depth.asks)}}`;
}

export function partialDepthPayload(
  book: { lastUpdateId: number; bids: [string, string][]; asks: [string, string][] },
): string {
  return `{"lastUpdateId":${book.lastUpdateId},"bids":${levelsJson(book.bids)},"asks":${
    levelsJson(book.asks)
  }}`;
}

export function klinePayload(
  candle: Candle,
  interval: string,
  closed: boolean,
  eventTime: number,
  unit: TimeUnit,
): string {
  const symbol = json(candle.symbol);
  const close = unit === 1 ? candle.closeTime : candle.closeTime * 1000 + 999;
  return `{"e":"kline","E":${eventTime * unit},"s":${symbol},"k":{"t":${
    candle.openTime * unit
  },"T":${close},` +
    `"s":${symbol},"i":"${interval}","f":${candle.firstTradeId},"L":${candle.lastTradeId},"o":"${candle.open}",` +
    `"c":"${candle.close}","h":"${candle.high}","l":"${candle.low}","v":"${candle.volume}","n":${candle.trades},` +
    `"x":${closed},"q":"${candle.quoteVolume}","V":"${candle.takerBuyVolume}",` +
    `"Q":"${candle.takerBuyQuoteVolume}","B":"0"}}`;
}

export function miniTickerPayload(ticker: TickerWindow, eventTime: number, unit: TimeUnit): string {
  return `{"e":"24hrMiniTicker","E":${eventTime * unit},"s":${json(ticker.symbol)},"c":"${ticker.last}",` +
    `"o":"${ticker.open}","h":"${ticker.high}","l":"${ticker.low}","v":"${ticker.volume}","q":"${ticker.quoteVolume}"}`;
}

export function tickerPayload(ticker: TickerWindow, eventTime: number, unit: TimeUnit): string {
  return `{"e":"24hrTicker","E":${eventTime * unit},"s":${json(ticker.symbol)},"p":"${ticker.change}",` +
    `"P":"${ticker.changePercent}","w":"${ticker.weightedAverage}","x":"${ticker.previousClose}",` +
    `"c":"${ticker.last}","Q":"${ticker.lastQuantity}","b":"${ticker.bid}","B":"${ticker.bidQuantity}",` +
    `"a":"${ticker.ask}","A":"${ticker.askQuantity}","o":"${ticker.open}","h":"${ticker.high}","l":"${ticker.low}",` +
    `"v":"${ticker.volume}","q":"${ticker.quoteVolume}","O":${ticker.openTime * unit},"C":${
      ticker.closeTime * unit
    },` +
    `"F":${ticker.firstTradeId},"L":${ticker.lastTradeId},"n":${ticker.trades}}`;
}

export function windowPayload(
  ticker: TickerWindow,
  window: StreamWindow,
  eventTime: number,
  unit: TimeUnit,
): string {
  return `{"e":"${window}Ticker","E":${eventTime * unit},"s":${json(ticker.symbol)},"p":"${ticker.change}",` +
    `"P":"${ticker.changePercent}","o":"${ticker.open}","h":"${ticker.high}","l":"${ticker.low}","c":"${ticker.last}",` +
    `"w":"${ticker.weightedAverage}","v":"${ticker.volume}","q":"${ticker.quoteVolume}","O":${
      ticker.openTime * unit
    },` +
    `"C":${
      ticker.closeTime * unit
    },"F":${ticker.firstTradeId},"L":${ticker.lastTradeId},"n":${ticker.trades}}`;
}

export function avgPricePayload(
  symbol: string,
  average: string,
  lastTradeTime: number,
  eventTime: number,
  unit: TimeUnit,
): string {
  return `{"e":"avgPrice","E":${eventTime * unit},"s":${json(symbol)},"i":"5m","w":"${average}",` +
    `"T":${lastTradeTime * unit}}`;
}

export function serverShutdownPayload(eventTime: number, unit: TimeUnit): string {
  return `{"e":"serverShutdown","E":${eventTime * unit}}`;
}

/** A payload as a combined stream wraps it. */
export function combine(stream: string, payload: string): string {
  return `{"stream":${JSON.stringify(stream)},"data":${payload}}`;
}
