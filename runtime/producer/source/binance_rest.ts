import type { EpochMs } from "../../market/epoch.ts";
import {
  closedKlineVersion,
  type KlineRow,
  rowVersion,
  type StatsRow,
  type TradeRow,
} from "../../market/table.ts";
import type { DepthSnapshot } from "./market_source.ts";
import {
  decodeLevels,
  isCount,
  isDecimal,
  isId,
  isIdOrNone,
  isObject,
  isSignedDecimal,
  isSymbol,
  isTime,
  shown,
} from "./fields.ts";

/** The good rows of a REST answer and what was wrong with the others. */
export type DecodedRows<T> = { rows: T[]; problems: string[] };

/** One symbol of exchangeInfo. */
export type SymbolAssets = { symbol: string; baseAsset: string; quoteAsset: string };

/** What exchangeInfo tells: symbols that trade, and the request weight a minute (null when not told). */
export type ExchangeInfo = DecodedRows<SymbolAssets> & { weightPerMinute: number | null };

/** JSON text to a value; undefined when it is none. Total, as all decoders here. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `GET exchangeInfo`. Symbols that do not trade now are left out. */
export function decodeExchangeInfo(body: unknown): ExchangeInfo {
  const symbols = isObject(body) ? body.symbols : undefined;
  const list = decodeList(symbols, "symbols", (item): SymbolAssets | string | null => {
    if (!isObject(item)) return `Symbol is ${shown(item)}`;
    if (!isSymbol(item.symbol)) return `symbol is ${shown(item.symbol)}`;
    if (typeof item.baseAsset !== "string") return `baseAsset of ${item.symbol} is ${shown(item.baseAsset)}`;
    if (typeof item.quoteAsset !== "string") {
      return `quoteAsset of ${item.symbol} is ${shown(item.quoteAsset)}`;
    }
    if (item.status !== "TRADING") return null;
    return { symbol: item.symbol, baseAsset: item.baseAsset, quoteAsset: item.quoteAsset };
  });
  let weightPerMinute: number | null = null;
  const limits = isObject(body) && Array.isArray(body.rateLimits) ? body.rateLimits : [];
  for (const limit of limits) {
    if (
      isObject(limit) && limit.rateLimitType === "REQUEST_WEIGHT" && limit.interval === "MINUTE" &&
      isCount(limit.intervalNum) && limit.intervalNum > 0 && isCount(limit.limit)
    ) weightPerMinute = Math.floor(limit.limit / limit.intervalNum);
  }
  return { ...list, weightPerMinute };
}

/** `GET depth` of one symbol; a text says what was wrong. */
export function decodeSnapshot(symbol: string, body: unknown): DepthSnapshot | string {
  if (!isObject(body)) return `Snapshot is ${shown(body)}`;
  if (!isId(body.lastUpdateId)) return `lastUpdateId is ${shown(body.lastUpdateId)}`;
  const bids = decodeLevels(body.bids);
  if (bids === undefined) return `bids is ${shown(body.bids)}`;
  const asks = decodeLevels(body.asks);
  if (asks === undefined) return `asks is ${shown(body.asks)}`;
  return { symbol, lastUpdateId: body.lastUpdateId, bids, asks };
}

/** `GET trades` and `GET historicalTrades`, ascending by id. */
export function decodeTrades(symbol: string, body: unknown): DecodedRows<TradeRow> {
  const decoded = decodeList(body, "trades", (item): TradeRow | string => {
    if (!isObject(item)) return `Trade is ${shown(item)}`;
    const { id, price, qty, time, isBuyerMaker } = item;
    if (!isId(id)) return `id is ${shown(id)}`;
    if (!isDecimal(price)) return `price of ${id} is ${shown(price)}`;
    if (!isDecimal(qty)) return `qty of ${id} is ${shown(qty)}`;
    if (!isTime(time)) return `time of ${id} is ${shown(time)}`;
    if (typeof isBuyerMaker !== "boolean") return `isBuyerMaker of ${id} is ${shown(isBuyerMaker)}`;
    return {
      symbol,
      trade_id: id,
      price,
      quantity: qty,
      trade_time: time,
      is_buyer_maker: isBuyerMaker,
      backfill: true,
    };
  });
  decoded.rows.sort((a, b) => a.trade_id - b.trade_id);
  return decoded;
}

/** `GET klines` of 1m, ascending. A candle counts as closed when its close time is before `now`, the server's time. */
export function decodeKlines(symbol: string, body: unknown, now: EpochMs): DecodedRows<KlineRow> {
  const decoded = decodeList(body, "klines", (item): KlineRow | string => {
    if (!Array.isArray(item)) return `Candle is ${shown(item)}`;
    const [t, o, h, l, c, v, T, q, n] = item as unknown[];
    if (!isTime(t) || t % 60_000 !== 0) return `Open time is ${shown(t)}`;
    if (!isTime(T) || T !== t + 59_999) return `Close time of ${t} is ${shown(T)}`;
    if (!isDecimal(o) || !isDecimal(h) || !isDecimal(l) || !isDecimal(c)) {
      return `Prices of ${t} are ${shown([o, h, l, c])}`;
    }
    if (!isDecimal(v) || !isDecimal(q)) return `Volumes of ${t} are ${shown([v, q])}`;
    if (!isCount(n)) return `Trades of ${t} are ${shown(n)}`;
    const closed = T < now;
    return {
      symbol,
      open_time: t,
      close_time: T,
      open_price: o,
      high_price: h,
      low_price: l,
      close_price: c,
      volume: v,
      quote_volume: q,
      number_of_trades: n,
      // REST does not tell them.
      first_trade_id: -1,
      last_trade_id: -1,
      closed,
      backfill: true,
      version: closed ? closedKlineVersion(T) : rowVersion(now),
    };
  });
  decoded.rows.sort((a, b) => a.open_time - b.open_time);
  return decoded;
}

/** `GET ticker/24hr` of all symbols. Symbols that never traded (no times) are left out. */
export function decodeTickers24h(body: unknown): DecodedRows<StatsRow> {
  return decodeList(body, "tickers", (item): StatsRow | string | null => {
    if (!isObject(item)) return `Ticker is ${shown(item)}`;
    if (!isSymbol(item.symbol)) return `symbol is ${shown(item.symbol)}`;
    if (item.closeTime === 0) return null;
    const wrong = (field: string) => `${field} of ${item.symbol} is ${shown(item[field])}`;
    for (const field of ["lastPrice", "highPrice", "lowPrice", "volume", "quoteVolume"]) {
      if (!isDecimal(item[field])) return wrong(field);
    }
    if (!isSignedDecimal(item.priceChangePercent)) return wrong("priceChangePercent");
    if (!isTime(item.closeTime)) return wrong("closeTime");
    if (!isIdOrNone(item.lastId)) return wrong("lastId");
    if (!isId(item.count)) return wrong("count");
    return {
      symbol: item.symbol,
      price_change_percent: item.priceChangePercent,
      last_price: item.lastPrice as string,
      high_price: item.highPrice as string,
      low_price: item.lowPrice as string,
      volume: item.volume as string,
      quote_volume: item.quoteVolume as string,
      trade_count: item.count,
      last_trade_id: item.lastId,
      quote_asset: null,
      updated_at: item.closeTime,
      version: rowVersion(item.closeTime),
    };
  });
}

/** Binance's error body `{"code":-1121,"msg":"Invalid symbol."}`; null when it is something else. */
export function decodeRefusal(text: string): { code: number; message: string } | null {
  const body = parseJson(text);
  if (!isObject(body) || typeof body.code !== "number" || typeof body.msg !== "string") return null;
  return { code: body.code, message: body.msg.slice(0, 200) };
}

function decodeList<T>(
  body: unknown,
  what: string,
  decode: (item: unknown) => T | string | null,
): DecodedRows<T> {
  if (!Array.isArray(body)) return { rows: [], problems: [`List of ${what} is ${shown(body)}`] };
  const decoded: DecodedRows<T> = { rows: [], problems: [] };
  for (const item of body) {
    const row = decode(item);
    if (typeof row === "string") decoded.problems.push(row);
    else if (row !== null) decoded.rows.push(row);
  }
  return decoded;
}
