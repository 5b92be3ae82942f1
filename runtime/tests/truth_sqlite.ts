import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { BookAt, Candle, ExchangeTrade } from "../exchange/market.ts";
import type { TestExchange, TestPipeline } from "./pipeline_process.ts";
import { until } from "./pipeline_process.ts";

/** What a comparison of the store with the exchange's truth found. Empty `differences` is equality. */
export type Comparison = {
  trades: number;
  candles: number;
  books: number;
  /** First trade id per symbol that the store was bound to have. */
  differences: string[];
};

type StoredTrade = {
  trade_id: number;
  price: string;
  quantity: string;
  trade_time: number;
  is_buyer_maker: number;
};

/** The pipeline's store, opened read-only beside its writer. */
export function openStore(pipeline: TestPipeline): DatabaseSync {
  const db = new DatabaseSync(join(pipeline.dataDir, "store", "market.sqlite"), { readOnly: true });
  db.exec("PRAGMA busy_timeout = 5000");
  return db;
}

/**
 * Waits until everything that the frozen exchange told is in the store: the last trade of every symbol, and nothing on
 * the way. Says what is missing when it takes too long.
 */
export async function drained(
  exchange: TestExchange,
  pipeline: TestPipeline,
  symbols: string[],
  timeoutMs = 120_000,
): Promise<void> {
  const db = openStore(pipeline);
  try {
    const last = db.prepare("SELECT max(trade_id) AS id, count(*) AS n FROM recent_trades WHERE symbol = ?");
    const open = db.prepare("SELECT count(*) AS n FROM completeness WHERE state = 'open'");
    for (const symbol of symbols) {
      const truth = await exchange.get<{ last: number } | null>(
        `/admin/truth/range?symbol=${encodeURIComponent(symbol)}`,
      );
      if (truth === null) continue;
      await until(
        `trade ${truth.last} of ${symbol} in the store`,
        timeoutMs,
        () => (last.get(symbol) as { id: number }).id >= truth.last || undefined,
        () => `the store has ${JSON.stringify(last.get(symbol))}\n${pipeline.process.tail}`,
      );
    }
    const closed = db.prepare(
      "SELECT 1 AS one FROM klines WHERE symbol = ? AND open_time = ? AND closed = 1",
    );
    const { now } = await exchange.get<{ now: number }>("/admin/state");
    const lastClosed = Math.floor(now / 60_000) * 60_000 - 60_000;
    for (const symbol of symbols) {
      await until(
        `the closed candle ${lastClosed} of ${symbol}`,
        timeoutMs,
        () => closed.get(symbol, lastClosed) !== undefined || undefined,
        () => {
          const rows = db.prepare(
            "SELECT open_time, closed, backfill, number_of_trades FROM klines WHERE symbol = ? ORDER BY open_time DESC LIMIT 3",
          ).all(symbol);
          const gaps = db.prepare("SELECT * FROM completeness WHERE symbol = ? AND kind = 'kline'").all(
            symbol,
          );
          return `now ${now}, stored ${JSON.stringify(rows)}, gaps ${
            JSON.stringify(gaps)
          }\n${pipeline.process.tail}`;
        },
      );
    }
    await until(
      "gaps to be refilled",
      timeoutMs,
      () => (open.get() as { n: number }).n === 0 || undefined,
      () => {
        const rows = db.prepare("SELECT * FROM completeness WHERE state = 'open' LIMIT 10").all();
        return `${JSON.stringify(rows)}\n${pipeline.process.tail}`;
      },
    );
  } finally {
    db.close();
  }
}

/** Waits until the stored books are at the exchange's last update ids: books are written at a cadence. */
export async function booksSettled(
  exchange: TestExchange,
  pipeline: TestPipeline,
  symbols: string[],
  timeoutMs = 60_000,
): Promise<void> {
  const db = openStore(pipeline);
  try {
    const newest = db.prepare(
      "SELECT last_update_id AS id, trusted FROM order_book WHERE symbol = ? ORDER BY version DESC LIMIT 1",
    );
    for (const symbol of symbols) {
      const truth = await exchange.get<{ lastUpdateId: number }>(
        `/admin/truth/book?symbol=${encodeURIComponent(symbol)}&updateId=told&limit=1`,
      );
      await until(`the trusted book of ${symbol} at ${truth.lastUpdateId}`, timeoutMs, () => {
        const row = newest.get(symbol) as { id: number; trusted: number } | undefined;
        return row?.trusted === 1 && row.id === truth.lastUpdateId || undefined;
      }, () => `${JSON.stringify(newest.get(symbol))}\n${pipeline.process.tail}`);
    }
  } finally {
    db.close();
  }
}

/** Symbols whose books the store has and trusts, once there are `count` of them. */
export async function followedSymbols(pipeline: TestPipeline, count: number): Promise<string[]> {
  const db = openStore(pipeline);
  try {
    return await until(`${count} trusted books`, 60_000, () => {
      const rows = db.prepare("SELECT DISTINCT symbol FROM order_book WHERE trusted = 1 ORDER BY symbol")
        .all();
      return rows.length >= count ? rows.map((row) => row.symbol as string) : undefined;
    }, () => pipeline.process.tail);
  } finally {
    db.close();
  }
}

/**
 * Compares the store with the exchange's truth, to the last digit: every trade from the first that the store has (I3,
 * I9), every closed candle of the run (`from` on), and the book of every symbol at the update id that the store has (I4).
 */
export async function compareWithTruth(
  exchange: TestExchange,
  pipeline: TestPipeline,
  symbols: string[],
  options: { firstIds: Map<string, number>; from: number; finalBooks?: boolean },
): Promise<Comparison> {
  const found: Comparison = { trades: 0, candles: 0, books: 0, differences: [] };
  const db = openStore(pipeline);
  const differ = (text: string) => {
    if (found.differences.length < 20) found.differences.push(text);
  };
  try {
    for (const symbol of symbols) {
      found.trades += await compareTrades(exchange, db, symbol, options.firstIds.get(symbol), differ);
      found.candles += await compareCandles(exchange, db, symbol, options.from, differ);
      found.books += await compareBook(exchange, db, symbol, options.finalBooks ?? true, differ);
    }
  } finally {
    db.close();
  }
  return found;
}

/** The ids from which on the store must be complete: what the exchange tells next, per symbol. */
export async function nextTradeIds(exchange: TestExchange, symbols: string[]): Promise<Map<string, number>> {
  const ids = new Map<string, number>();
  for (const symbol of symbols) {
    const range = await exchange.get<{ last: number } | null>(
      `/admin/truth/range?symbol=${encodeURIComponent(symbol)}`,
    );
    if (range !== null) ids.set(symbol, range.last + 1);
  }
  return ids;
}

async function compareTrades(
  exchange: TestExchange,
  db: DatabaseSync,
  symbol: string,
  firstId: number | undefined,
  differ: (text: string) => void,
): Promise<number> {
  const first = firstId ??
    (db.prepare("SELECT min(trade_id) AS id FROM recent_trades WHERE symbol = ?").get(symbol) as {
      id: number;
    }).id;
  const missing = new Set(
    await exchange.get<number[]>(`/admin/truth/missing?symbol=${encodeURIComponent(symbol)}`),
  );
  const page = db.prepare(
    "SELECT trade_id, price, quantity, trade_time, is_buyer_maker FROM recent_trades WHERE symbol = ? AND trade_id BETWEEN ? AND ? ORDER BY trade_id",
  );
  let count = 0;
  for (let next = first;;) {
    const truth = await exchange.get<ExchangeTrade[]>(
      `/admin/truth/trades?symbol=${encodeURIComponent(symbol)}&fromId=${next}&limit=20000`,
    );
    if (truth.length === 0) break;
    const last = truth.at(-1)!.tradeId;
    const stored = new Map((page.all(symbol, next, last) as StoredTrade[]).map((row) => [row.trade_id, row]));
    for (const trade of truth) {
      const row = stored.get(trade.tradeId);
      stored.delete(trade.tradeId);
      if (row === undefined) differ(`${symbol} trade ${trade.tradeId} is missing`);
      else if (
        row.price !== trade.price || row.quantity !== trade.quantity || row.trade_time !== trade.time ||
        (row.is_buyer_maker === 1) !== trade.isBuyerMaker
      ) {
        differ(
          `${symbol} trade ${trade.tradeId}: stored ${JSON.stringify(row)}, truth ${JSON.stringify(trade)}`,
        );
      }
      count++;
    }
    for (const id of stored.keys()) {
      if (!missing.has(id)) differ(`${symbol} trade ${id} is stored and never happened`);
    }
    next = last + 1;
  }
  return count;
}

async function compareCandles(
  exchange: TestExchange,
  db: DatabaseSync,
  symbol: string,
  from: number,
  differ: (text: string) => void,
): Promise<number> {
  const firstOpen = Math.ceil(from / 60_000) * 60_000;
  const truth = (await exchange.get<Candle[]>(
    `/admin/truth/candles?symbol=${encodeURIComponent(symbol)}&interval=1m&from=${firstOpen}`,
  )).filter((candle) => candle.closed);
  const select = db.prepare("SELECT * FROM klines WHERE symbol = ? AND open_time = ?");
  for (const candle of truth) {
    const row = select.get(symbol, candle.openTime) as Record<string, unknown> | undefined;
    const expected = {
      open_price: candle.open,
      high_price: candle.high,
      low_price: candle.low,
      close_price: candle.close,
      volume: candle.volume,
      quote_volume: candle.quoteVolume,
      number_of_trades: candle.trades,
      first_trade_id: candle.firstTradeId,
      last_trade_id: candle.lastTradeId,
      close_time: candle.closeTime,
      closed: 1,
    };
    if (row === undefined) {
      differ(`${symbol} candle ${candle.openTime} is missing`);
      continue;
    }
    for (const [column, value] of Object.entries(expected)) {
      // REST's klines do not tell trade ids.
      if (row.backfill === 1 && column.endsWith("_trade_id")) continue;
      if (row[column] !== value) {
        differ(`${symbol} candle ${candle.openTime}: ${column} is ${row[column]}, truth ${value}`);
      }
    }
  }
  return truth.length;
}

async function compareBook(
  exchange: TestExchange,
  db: DatabaseSync,
  symbol: string,
  final: boolean,
  differ: (text: string) => void,
): Promise<number> {
  const row = db.prepare("SELECT * FROM order_book WHERE symbol = ? ORDER BY version DESC LIMIT 1").get(
    symbol,
  ) as
    | { bids: string; asks: string; last_update_id: number; trusted: number; depth: number }
    | undefined;
  if (row === undefined) {
    differ(`${symbol} has no book`);
    return 0;
  }
  const at = encodeURIComponent(symbol);
  if (final) {
    const now = await exchange.get<BookAt>(`/admin/truth/book?symbol=${at}&updateId=told&limit=1`);
    if (row.trusted !== 1) differ(`${symbol} book at ${row.last_update_id} is untrusted`);
    if (now.lastUpdateId !== row.last_update_id) {
      differ(`${symbol} book is at ${row.last_update_id}, the exchange at ${now.lastUpdateId}`);
      return 1;
    }
  } else if (row.trusted !== 1) return 0;
  const truth = await exchange.get<BookAt>(
    `/admin/truth/book?symbol=${at}&updateId=${row.last_update_id}&limit=${row.depth}`,
  );
  for (const side of ["bids", "asks"] as const) {
    if (row[side] !== JSON.stringify(truth[side])) {
      differ(
        `${symbol} ${side} at ${row.last_update_id}: stored ${row[side].slice(0, 120)}, truth ${
          JSON.stringify(truth[side]).slice(0, 120)
        }`,
      );
    }
  }
  return 1;
}
