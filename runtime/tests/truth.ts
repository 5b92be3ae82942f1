import type { BookAt, Candle, ExchangeTrade } from "../exchange/market.ts";
import { type TestExchange, until } from "./pipeline_process.ts";

/** Money as a store gives it: exact text, or a double that must agree to 15 significant digits (I9). */
export type StoredMoney = string | number;

/** A trade as it is stored. */
export type StoredTrade = {
  trade_id: number;
  price: StoredMoney;
  quantity: StoredMoney;
  trade_time: number;
  is_buyer_maker: boolean;
};

/** A candle as it is stored; what a store does not keep is left out and not compared. */
export type StoredCandle = {
  open_price: StoredMoney;
  high_price: StoredMoney;
  low_price: StoredMoney;
  close_price: StoredMoney;
  volume: StoredMoney;
  quote_volume?: StoredMoney;
  number_of_trades: number;
  first_trade_id?: number;
  last_trade_id?: number;
  close_time?: number;
  closed: boolean;
  backfill: boolean;
};

/** The newest book of a symbol as it is stored. */
export type StoredBook = {
  bids: string;
  asks: string;
  depth: number;
  last_update_id: number;
  trusted: boolean;
};

/** A range of ids in the completeness ledger. */
export type StoredGap = { symbol: string; kind: string; first_id: number; last_id: number; state: string };

/**
 * A store as the comparison reads it: by its driver and its tables, never by the query side, which is compared with it
 * elsewhere. Adapters: `truth_sqlite.ts`, `truth_cassandra.ts`.
 */
export interface StoredTruth extends AsyncDisposable {
  /** The least and the greatest id of a symbol's trades; undefined when there is none. */
  tradeRange(symbol: string): Promise<{ first: number; last: number } | undefined>;
  /** Every row with an id in [first, last], ascending. */
  trades(symbol: string, first: number, last: number): Promise<StoredTrade[]>;
  /** By open time, from a time on. */
  candles(symbol: string, from: number): Promise<Map<number, StoredCandle>>;
  newestBook(symbol: string): Promise<StoredBook | undefined>;
  /** Symbols with a trusted book, ascending. */
  trustedSymbols(): Promise<string[]>;
  /** The completeness ledger, of one symbol or of all. */
  gaps(symbol?: string): Promise<StoredGap[]>;
  /** What may explain a wait that took too long, such as the pipeline's last lines. */
  explain(): string;
}

/** What a comparison of the store with the exchange's truth found. Empty `differences` is equality. */
export type Comparison = {
  trades: number;
  candles: number;
  books: number;
  /** Trades that are not stored and that the ledger lists as lost; 0 unless `listedGaps` was allowed. */
  listed: number;
  /** The first 20 differences, in words. */
  differences: string[];
};

/** What {@linkcode compareStored} compares. */
export type CompareOptions = {
  /** The first trade id per symbol that the store was bound to have; else the first that it has. */
  firstIds: Map<string, number>;
  /** Exchange's time from which on candles are compared. */
  from: number;
  /** Books must be trusted and at the exchange's last update id; default true. */
  finalBooks?: boolean;
  /** A missing trade is no difference where the ledger lists it as lost (I3); default false: none may be missing. */
  listedGaps?: boolean;
};

/**
 * Waits until everything that the frozen exchange told is in the store: the last trade and the last closed candle of
 * every symbol, and no gap open on the way. Says what is missing when it takes too long.
 */
export async function drainedInto(
  exchange: TestExchange,
  store: StoredTruth,
  symbols: string[],
  timeoutMs = 120_000,
): Promise<void> {
  for (const symbol of symbols) {
    const truth = await exchange.get<{ last: number } | null>(
      `/admin/truth/range?symbol=${encodeURIComponent(symbol)}`,
    );
    if (truth === null) continue;
    await until(
      `trade ${truth.last} of ${symbol} in the store`,
      timeoutMs,
      async () => (await store.tradeRange(symbol) ?? { last: -1 }).last >= truth.last || undefined,
      async () => `the store has ${JSON.stringify(await store.tradeRange(symbol))}\n${store.explain()}`,
    );
  }
  const { now } = await exchange.get<{ now: number }>("/admin/state");
  const lastClosed = Math.floor(now / 60_000) * 60_000 - 60_000;
  for (const symbol of symbols) {
    await until(
      `the closed candle ${lastClosed} of ${symbol}`,
      timeoutMs,
      async () => (await store.candles(symbol, lastClosed)).get(lastClosed)?.closed || undefined,
      async () => {
        const rows = [...await store.candles(symbol, lastClosed - 120_000)];
        const gaps = (await store.gaps(symbol)).filter(({ kind }) => kind === "kline");
        return `now ${now}, stored ${JSON.stringify(rows)}, gaps ${JSON.stringify(gaps)}\n${store.explain()}`;
      },
    );
  }
  const open = async () => (await store.gaps()).filter(({ state }) => state === "open");
  await until(
    "gaps to be refilled",
    timeoutMs,
    async () => (await open()).length === 0 || undefined,
    async () => `${JSON.stringify((await open()).slice(0, 10))}\n${store.explain()}`,
  );
}

/** Waits until the stored books are at the exchange's last update ids: books are written at a cadence. */
export async function booksSettledIn(
  exchange: TestExchange,
  store: StoredTruth,
  symbols: string[],
  timeoutMs = 60_000,
): Promise<void> {
  for (const symbol of symbols) {
    const truth = await exchange.get<{ lastUpdateId: number }>(
      `/admin/truth/book?symbol=${encodeURIComponent(symbol)}&updateId=told&limit=1`,
    );
    await until(`the trusted book of ${symbol} at ${truth.lastUpdateId}`, timeoutMs, async () => {
      const row = await store.newestBook(symbol);
      return row?.trusted && row.last_update_id === truth.lastUpdateId || undefined;
    }, async () => `${JSON.stringify(await store.newestBook(symbol))}\n${store.explain()}`);
  }
}

/** Waits until the store has so many trades more than now, by the greatest ids: a marker of progress. */
export async function storedMoreIn(
  store: StoredTruth,
  symbols: readonly string[],
  options: { count: number; timeoutMs: number; explain: () => string | Promise<string> },
): Promise<void> {
  const { count, timeoutMs, explain } = options;
  const read = async () => {
    let total = 0;
    for (const symbol of symbols) total += (await store.tradeRange(symbol))?.last ?? 0;
    return total;
  };
  const goal = await read() + count;
  let now = 0;
  await until(
    `${count} more stored trades`,
    timeoutMs,
    async () => (now = await read()) >= goal || undefined,
    async () => `${now} of ${goal}\n${await explain()}`,
  );
}

/** Symbols whose books the store has and trusts, once there are `count` of them. */
export async function followedIn(store: StoredTruth, count: number): Promise<string[]> {
  return await until(`${count} trusted books`, 60_000, async () => {
    const symbols = await store.trustedSymbols();
    return symbols.length >= count ? symbols : undefined;
  }, () => store.explain());
}

/**
 * Compares the store with the exchange's truth, as exactly as it keeps money: every trade from the first that the store
 * has (I3, I9), every closed candle of the run (`from` on), and the book of every symbol at the update id that the store
 * has (I4).
 */
export async function compareStored(
  exchange: TestExchange,
  store: StoredTruth,
  symbols: string[],
  options: CompareOptions,
): Promise<Comparison> {
  const found: Comparison = { trades: 0, candles: 0, books: 0, listed: 0, differences: [] };
  const differ = (text: string) => {
    if (found.differences.length < 20) found.differences.push(text);
  };
  for (const symbol of symbols) {
    const compared = await compareTrades(exchange, store, symbol, options, differ);
    found.trades += compared.trades;
    found.listed += compared.listed;
    found.candles += await compareCandles(exchange, store, symbol, options.from, differ);
    found.books += await compareBook(exchange, store, symbol, options.finalBooks ?? true, differ);
  }
  return found;
}

/**
 * As {@linkcode compareStored}, again until nothing differs, a minute long: where several writes are under way at once, one that a
 * slow server did not take is repeated when those behind it, with the last trade, are stored already.
 */
export async function compareSettled(
  exchange: TestExchange,
  store: StoredTruth,
  symbols: string[],
  options: CompareOptions,
): Promise<Comparison> {
  const deadline = performance.now() + 60_000;
  while (true) {
    const found = await compareStored(exchange, store, symbols, options);
    if (found.differences.length === 0 || performance.now() > deadline) return found;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
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

/** Text must be the same; a double must have the truth's first 15 significant digits (I9). */
export function sameMoney(stored: StoredMoney, truth: string): boolean {
  if (typeof stored === "string") return stored === truth;
  return stored.toPrecision(15) === Number(truth).toPrecision(15);
}

async function compareTrades(
  exchange: TestExchange,
  store: StoredTruth,
  symbol: string,
  options: CompareOptions,
  differ: (text: string) => void,
): Promise<{ trades: number; listed: number }> {
  const range = await store.tradeRange(symbol);
  const first = options.firstIds.get(symbol) ?? range?.first;
  if (first === undefined) {
    differ(`${symbol} has no trade`);
    return { trades: 0, listed: 0 };
  }
  const untold = new Set(
    await exchange.get<number[]>(`/admin/truth/missing?symbol=${encodeURIComponent(symbol)}`),
  );
  const lost = options.listedGaps
    ? (await store.gaps(symbol)).filter(({ kind, state }) => kind === "trade" && state === "lost")
    : [];
  const counted = { trades: 0, listed: 0 };
  let next = first;
  while (true) {
    const truth = await exchange.get<ExchangeTrade[]>(
      `/admin/truth/trades?symbol=${encodeURIComponent(symbol)}&fromId=${next}&limit=20000`,
    );
    if (truth.length === 0) break;
    const last = truth.at(-1)!.tradeId;
    const stored = new Map((await store.trades(symbol, next, last)).map((row) => [row.trade_id, row]));
    for (const trade of truth) {
      const row = stored.get(trade.tradeId);
      stored.delete(trade.tradeId);
      counted.trades++;
      if (row === undefined) {
        if (lost.some((gap) => gap.first_id <= trade.tradeId && trade.tradeId <= gap.last_id)) {
          counted.listed++;
        } else differ(`${symbol} trade ${trade.tradeId} is missing`);
      } else if (
        !sameMoney(row.price, trade.price) || !sameMoney(row.quantity, trade.quantity) ||
        row.trade_time !== trade.time || row.is_buyer_maker !== trade.isBuyerMaker
      ) {
        differ(
          `${symbol} trade ${trade.tradeId}: stored ${JSON.stringify(row)}, truth ${JSON.stringify(trade)}`,
        );
      }
    }
    for (const id of stored.keys()) {
      if (!untold.has(id)) differ(`${symbol} trade ${id} is stored and never happened`);
    }
    next = last + 1;
  }
  if (range !== undefined && range.last >= next) {
    const beyond = (await store.trades(symbol, next, range.last)).filter(({ trade_id }) =>
      !untold.has(trade_id)
    );
    for (const { trade_id } of beyond) differ(`${symbol} trade ${trade_id} is stored and never happened`);
  }
  return counted;
}

async function compareCandles(
  exchange: TestExchange,
  store: StoredTruth,
  symbol: string,
  from: number,
  differ: (text: string) => void,
): Promise<number> {
  const firstOpen = Math.ceil(from / 60_000) * 60_000;
  const truth = (await exchange.get<Candle[]>(
    `/admin/truth/candles?symbol=${encodeURIComponent(symbol)}&interval=1m&from=${firstOpen}`,
  )).filter((candle) => candle.closed);
  const stored = await store.candles(symbol, firstOpen);
  for (const candle of truth) {
    const row = stored.get(candle.openTime);
    if (row === undefined) {
      differ(`${symbol} candle ${candle.openTime} is missing`);
      continue;
    }
    const money = {
      open_price: candle.open,
      high_price: candle.high,
      low_price: candle.low,
      close_price: candle.close,
      volume: candle.volume,
      quote_volume: candle.quoteVolume,
    };
    const rest = {
      number_of_trades: candle.trades,
      close_time: candle.closeTime,
      closed: true,
      // REST's klines do not tell trade ids.
      ...row.backfill ? {} : { first_trade_id: candle.firstTradeId, last_trade_id: candle.lastTradeId },
    };
    for (const [column, value] of Object.entries({ ...money, ...rest })) {
      const found = row[column as keyof StoredCandle];
      if (found === undefined) continue;
      const same = column in money ? sameMoney(found as StoredMoney, value as string) : found === value;
      if (!same) differ(`${symbol} candle ${candle.openTime}: ${column} is ${found}, truth ${value}`);
    }
  }
  return truth.length;
}

async function compareBook(
  exchange: TestExchange,
  store: StoredTruth,
  symbol: string,
  final: boolean,
  differ: (text: string) => void,
): Promise<number> {
  const row = await store.newestBook(symbol);
  if (row === undefined) {
    differ(`${symbol} has no book`);
    return 0;
  }
  const at = encodeURIComponent(symbol);
  if (final) {
    const now = await exchange.get<BookAt>(`/admin/truth/book?symbol=${at}&updateId=told&limit=1`);
    if (!row.trusted) differ(`${symbol} book at ${row.last_update_id} is untrusted`);
    if (now.lastUpdateId !== row.last_update_id) {
      differ(`${symbol} book is at ${row.last_update_id}, the exchange at ${now.lastUpdateId}`);
      return 1;
    }
  } else if (!row.trusted) return 0;
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
