import { createRoute } from "@hono/zod-openapi";
import { newRouter } from "./control_env.ts";
import { type ControlParts, readStore, stampedPage } from "./control_parts.ts";
import { aggregatesQuery, bookQuery, rangeQuery, tickersQuery } from "./parameter.ts";
import { json, problems, SIGNED_IN } from "./route_document.ts";
import {
  bookSchema,
  klineSchema,
  page,
  priceSchema,
  tickerSchema,
  tradeSchema,
  windowSchema,
} from "./schema.ts";

const failures = problems(400, 401, 403, 409, 429, 503, 504);
const common = { method: "get" as const, tags: ["market"], security: SIGNED_IN };

/** Stored market data: `/market/*`. */
export function marketRoutes(parts: ControlParts) {
  return newRouter()
    .openapi(
      createRoute({
        ...common,
        path: "/market/tickers",
        operationId: "listTickers",
        summary: "Rolling 24 h statistics of all markets, ranked",
        request: { query: tickersQuery },
        responses: { 200: json("A page of tickers", page("TickerPage", tickerSchema)), ...failures },
      }),
      async (c) => {
        const query = c.req.valid("query");
        return c.json(stampedPage(parts, c, await readStore(parts, (store) => store.tickers(query))), 200);
      },
    )
    .openapi(
      createRoute({
        ...common,
        path: "/market/prices",
        operationId: "listPrices",
        summary: "Price changes of a market",
        request: { query: rangeQuery },
        responses: { 200: json("A page of prices", page("PricePage", priceSchema)), ...failures },
      }),
      async (c) => {
        const query = c.req.valid("query");
        return c.json(stampedPage(parts, c, await readStore(parts, (store) => store.prices(query))), 200);
      },
    )
    .openapi(
      createRoute({
        ...common,
        path: "/market/klines",
        operationId: "listKlines",
        summary: "One-minute candles of a market",
        request: { query: rangeQuery },
        responses: { 200: json("A page of candles", page("KlinePage", klineSchema)), ...failures },
      }),
      async (c) => {
        const query = c.req.valid("query");
        return c.json(stampedPage(parts, c, await readStore(parts, (store) => store.klines(query))), 200);
      },
    )
    .openapi(
      createRoute({
        ...common,
        path: "/market/trades",
        operationId: "listTrades",
        summary: "Trades of a market",
        request: { query: rangeQuery },
        responses: { 200: json("A page of trades", page("TradePage", tradeSchema)), ...failures },
      }),
      async (c) => {
        const query = c.req.valid("query");
        return c.json(stampedPage(parts, c, await readStore(parts, (store) => store.trades(query))), 200);
      },
    )
    .openapi(
      createRoute({
        ...common,
        path: "/market/aggregates",
        operationId: "listAggregates",
        summary: "Windows of a market: count, volume, VWAP, realised volatility",
        request: { query: aggregatesQuery },
        responses: { 200: json("A page of windows", page("WindowPage", windowSchema)), ...failures },
      }),
      async (c) => {
        const query = c.req.valid("query");
        return c.json(stampedPage(parts, c, await readStore(parts, (store) => store.aggregates(query))), 200);
      },
    )
    .openapi(
      createRoute({
        ...common,
        path: "/market/order-book",
        operationId: "getOrderBook",
        summary: "The stored order book of a market; no row when there is none in the range",
        request: { query: bookQuery },
        responses: { 200: json("A page with at most one book", page("BookPage", bookSchema)), ...failures },
      }),
      async (c) => {
        const { symbol, from, to, limit } = c.req.valid("query");
        const book = await readStore(parts, (store) => store.book(symbol));
        const inRange = book !== undefined && (from === undefined || book.updated_at >= from) &&
          (to === undefined || book.updated_at < to);
        // `bids`, `asks` and `depth` stay as stored; the levels are what a reader draws.
        const rows = inRange
          ? [{
            ...book,
            levels: [...firstLevels(book.levels, "bid", limit), ...firstLevels(book.levels, "ask", limit)],
          }]
          : [];
        return c.json(stampedPage(parts, c, { rows, next: null }), 200);
      },
    );
}

function firstLevels<Level extends { side: string }>(levels: Level[], side: string, limit: number): Level[] {
  return levels.filter((level) => level.side === side).slice(0, limit);
}
