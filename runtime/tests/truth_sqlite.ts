import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { TestExchange, TestPipeline } from "./pipeline_process.ts";
import {
  booksSettledIn,
  type CompareOptions,
  compareStored,
  type Comparison,
  drainedInto,
  followedIn,
  type StoredBook,
  type StoredCandle,
  type StoredGap,
  type StoredTrade,
  type StoredTruth,
} from "./truth.ts";

export { type Comparison, nextTradeIds } from "./truth.ts";

/** The pipeline's store, opened read-only beside its writer. */
export function openStore(pipeline: TestPipeline): DatabaseSync {
  const db = new DatabaseSync(join(pipeline.dataDir, "store", "market.sqlite"), { readOnly: true });
  db.exec("PRAGMA busy_timeout = 5000");
  return db;
}

/** {@linkcode drainedInto} the pipeline's SQLite file. */
export async function drained(
  exchange: TestExchange,
  pipeline: TestPipeline,
  symbols: string[],
  timeoutMs?: number,
): Promise<void> {
  await using store = new SqliteTruth(pipeline);
  await drainedInto(exchange, store, symbols, timeoutMs);
}

/** {@linkcode booksSettledIn} the pipeline's SQLite file. */
export async function booksSettled(
  exchange: TestExchange,
  pipeline: TestPipeline,
  symbols: string[],
  timeoutMs?: number,
): Promise<void> {
  await using store = new SqliteTruth(pipeline);
  await booksSettledIn(exchange, store, symbols, timeoutMs);
}

/** {@linkcode followedIn} the pipeline's SQLite file. */
export async function followedSymbols(pipeline: TestPipeline, count: number): Promise<string[]> {
  await using store = new SqliteTruth(pipeline);
  return await followedIn(store, count);
}

/** {@linkcode compareStored} for the pipeline's SQLite file: to the last digit. */
export async function compareWithTruth(
  exchange: TestExchange,
  pipeline: TestPipeline,
  symbols: string[],
  options: CompareOptions,
): Promise<Comparison> {
  await using store = new SqliteTruth(pipeline);
  return await compareStored(exchange, store, symbols, options);
}

/** The SQLite store's tables as the comparison reads them. */
class SqliteTruth implements StoredTruth {
  readonly #db: DatabaseSync;
  readonly #pipeline: TestPipeline;

  constructor(pipeline: TestPipeline) {
    this.#pipeline = pipeline;
    this.#db = openStore(pipeline);
  }

  async tradeRange(symbol: string) {
    const row = this.#db.prepare(
      "SELECT min(trade_id) AS first, max(trade_id) AS last FROM recent_trades WHERE symbol = ?",
    ).get(symbol) as { first: number | null; last: number };
    return row.first === null ? undefined : { first: row.first, last: row.last };
  }

  async trades(symbol: string, first: number, last: number): Promise<StoredTrade[]> {
    return this.#db.prepare(
      "SELECT trade_id, price, quantity, trade_time, is_buyer_maker FROM recent_trades WHERE symbol = ? AND trade_id BETWEEN ? AND ? ORDER BY trade_id",
    ).all(symbol, first, last)
      .map((row) => ({ ...row, is_buyer_maker: row.is_buyer_maker === 1 }) as StoredTrade);
  }

  async candles(symbol: string, from: number): Promise<Map<number, StoredCandle>> {
    const rows = this.#db.prepare("SELECT * FROM klines WHERE symbol = ? AND open_time >= ?")
      .all(symbol, from);
    return new Map(rows.map((row) => [
      row.open_time as number,
      { ...row, closed: row.closed === 1, backfill: row.backfill === 1 } as unknown as StoredCandle,
    ]));
  }

  async newestBook(symbol: string): Promise<StoredBook | undefined> {
    const row = this.#db.prepare("SELECT * FROM order_book WHERE symbol = ? ORDER BY version DESC LIMIT 1")
      .get(symbol);
    return row && { ...row, trusted: row.trusted === 1 } as unknown as StoredBook;
  }

  async trustedSymbols(): Promise<string[]> {
    return this.#db.prepare("SELECT DISTINCT symbol FROM order_book WHERE trusted = 1 ORDER BY symbol").all()
      .map((row) => row.symbol as string);
  }

  async gaps(symbol?: string): Promise<StoredGap[]> {
    return this.#db.prepare("SELECT * FROM completeness WHERE ?1 IS NULL OR symbol = ?1")
      .all(symbol ?? null) as unknown as StoredGap[];
  }

  explain(): string {
    return this.#pipeline.process.tail;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#db.close();
  }
}
