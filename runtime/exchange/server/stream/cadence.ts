import type { Candle, ExchangeDepth, ExchangeMarket } from "../../market.ts";
import { averagePrice } from "../rest/statistics.ts";
import type { Hub } from "./hub.ts";
import {
  avgPricePayload,
  depthPayload,
  klinePayload,
  miniTickerPayload,
  partialDepthPayload,
  tickerPayload,
  type TimeUnit,
  windowPayload,
} from "./payload.ts";
import { cadenceMs } from "./stream_name.ts";
import type { Topic } from "./topic.ts";

type Changes = { trades: number; quotes: number };

/**
 * Streams with a cadence, on the grid of virtual time. A boundary's frames are made when everything before it has
 * happened and nothing at it has: a candle's last frame holds all its trades and leaves at its close time + 1.
 */
export class Cadence {
  readonly #hub: Hub;
  readonly #market: ExchangeMarket;
  readonly #changes = new Map<string, Changes>();

  constructor(hub: Hub, market: ExchangeMarket) {
    this.#hub = hub;
    this.#market = market;
    for (const { symbol } of market.symbols) this.#changes.set(symbol, { trades: 0, quotes: 0 });
  }

  noteTrade(symbol: string): void {
    this.#changes.get(symbol)!.trades++;
  }

  noteQuote(symbol: string): void {
    this.#changes.get(symbol)!.quotes++;
  }

  noteDepth(depth: ExchangeDepth): void {
    this.#changes.get(depth.symbol)!.quotes++;
    this.#hub.bySymbol.get(depth.symbol)?.slowDepth?.gather(depth);
  }

  /** A topic's first listener came: frames tell what happens from here on. */
  begin(topic: Topic): void {
    const { stream } = topic;
    if (stream.kind === "kline") topic.candle = this.#market.candle(stream.symbol, stream.interval);
    if (stream.kind === "allMiniTickers" || stream.kind === "allWindows") {
      for (const [symbol, changes] of this.#changes) topic.seenBySymbol.set(symbol, changes.trades);
    }
  }

  /** The next boundary after a virtual time; undefined when nobody listens to a stream with a cadence. */
  next(after: number): number | undefined {
    let grid: number | undefined;
    for (const topic of this.#hub.periodic) {
      const cadence = cadenceMs(topic.stream);
      if (grid === undefined || cadence < grid) grid = cadence;
    }
    return grid === undefined ? undefined : (Math.floor(after / grid) + 1) * grid;
  }

  /** Makes the frames of a boundary. `skewMs` is what the told clock is off. */
  run(boundary: number, skewMs: number): void {
    for (const topic of this.#hub.periodic) {
      if (boundary % cadenceMs(topic.stream) === 0) this.#frame(topic, boundary, boundary + skewMs);
    }
  }

  #frame(topic: Topic, boundary: number, eventTime: number): void {
    const { stream } = topic;
    switch (stream.kind) {
      case "kline":
        return this.#klines(topic, stream, boundary, eventTime);
      case "depth": {
        const { gathered } = topic;
        if (gathered === undefined) return;
        topic.gathered = undefined;
        const depth = {
          symbol: stream.symbol,
          firstUpdateId: gathered.first,
          finalUpdateId: gathered.last,
          bids: [...gathered.bids],
          asks: [...gathered.asks],
        };
        return this.#hub.publish(topic, (unit) => depthPayload(depth, eventTime, unit));
      }
      case "partialDepth": {
        if (!this.#changed(topic, stream.symbol, true)) return;
        const book = this.#market.book(stream.symbol, stream.levels);
        if (book !== undefined) this.#hub.publish(topic, () => partialDepthPayload(book));
        return;
      }
      case "ticker":
      case "miniTicker": {
        if (!this.#changed(topic, stream.symbol, stream.kind === "ticker")) return;
        const ticker = this.#market.ticker(stream.symbol, "24h");
        if (ticker === undefined) return;
        const payload = stream.kind === "ticker" ? tickerPayload : miniTickerPayload;
        return this.#hub.publish(topic, (unit) => payload(ticker, eventTime, unit));
      }
      case "window": {
        if (!this.#changed(topic, stream.symbol, false)) return;
        const ticker = this.#market.ticker(stream.symbol, stream.window === "1d" ? "24h" : stream.window);
        if (ticker === undefined) return;
        return this.#hub.publish(topic, (unit) => windowPayload(ticker, stream.window, eventTime, unit));
      }
      case "allMiniTickers":
        return this.#all(topic, "24h", (ticker, unit) => miniTickerPayload(ticker, eventTime, unit));
      case "allWindows": {
        const { window } = stream;
        return this.#all(
          topic,
          window === "1d" ? "24h" : window,
          (ticker, unit) => windowPayload(ticker, window, eventTime, unit),
        );
      }
      case "avgPrice": {
        if (!this.#changed(topic, stream.symbol, false)) return;
        const average = averagePrice(this.#market, stream.symbol);
        if (average === undefined) return;
        return this.#hub.publish(
          topic,
          (unit) => avgPricePayload(stream.symbol, average.price, average.lastTradeTime, eventTime, unit),
        );
      }
      case "trade":
      case "aggTrade":
      case "bookTicker":
        return;
      default:
        stream satisfies never;
    }
  }

  /** True when the symbol traded (or, when asked, was quoted) since the topic's last frame. */
  #changed(topic: Topic, symbol: string, quotesToo: boolean): boolean {
    const { trades, quotes } = this.#changes.get(symbol)!;
    const changed = topic.seenTrades !== trades || (quotesToo && topic.seenQuotes !== quotes);
    topic.seenTrades = trades;
    topic.seenQuotes = quotes;
    return changed;
  }

  #all(
    topic: Topic,
    window: "1h" | "4h" | "24h",
    payload: (ticker: NonNullable<ReturnType<ExchangeMarket["ticker"]>>, unit: TimeUnit) => string,
  ): void {
    const tickers: NonNullable<ReturnType<ExchangeMarket["ticker"]>>[] = [];
    for (const [symbol, { trades }] of this.#changes) {
      if (topic.seenBySymbol.get(symbol) === trades) continue;
      topic.seenBySymbol.set(symbol, trades);
      const ticker = this.#market.ticker(symbol, window);
      if (ticker !== undefined) tickers.push(ticker);
    }
    if (tickers.length === 0) return;
    this.#hub.publish(topic, (unit) => `[${tickers.map((ticker) => payload(ticker, unit)).join(",")}]`);
  }

  /** Every candle that closed before the boundary, once and as closed, then the open one if it traded. */
  #klines(
    topic: Topic,
    stream: Extract<Topic["stream"], { kind: "kline" }>,
    boundary: number,
    eventTime: number,
  ): void {
    const send = (candle: Candle, closed: boolean) =>
      this.#hub.publish(topic, (unit) => klinePayload(candle, stream.interval, closed, eventTime, unit));
    const changed = this.#changed(topic, stream.symbol, false);
    const known = topic.candle;
    if (known === undefined || boundary > known.closeTime) {
      const current = this.#market.candle(stream.symbol, stream.interval);
      const from = known?.openTime ?? current?.openTime;
      if (from === undefined) return;
      const candles = this.#market.candles(stream.symbol, stream.interval, { from, limit: 1000 });
      for (const candle of candles) {
        if (candle.closeTime < boundary) send(candle, true);
        else if (changed && candle.trades > 0) send(candle, false);
      }
      const last = candles[candles.length - 1];
      if (last === undefined) return;
      // After the last closed candle comes the one that opens at this boundary, which nothing has filled yet.
      const width = last.closeTime + 1 - last.openTime;
      topic.candle = last.closeTime < boundary
        ? {
          openTime: (last.closeTime + 1) as Candle["openTime"],
          closeTime: (last.closeTime + width) as Candle["closeTime"],
        }
        : last;
      return;
    }
    if (!changed) return;
    const candle = this.#market.candle(stream.symbol, stream.interval);
    if (candle !== undefined) send(candle, false);
  }
}
