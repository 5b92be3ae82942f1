import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { CandlewireError, errorText } from "../error.ts";
import type { Origin } from "../market/origin.ts";
import type { BookRow, CompletenessRow, KlineRow, PriceRow, StatsRow, TradeRow } from "../market/table.ts";
import { flattenBook, parseSide } from "./book_levels.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import type {
  Book,
  DeadLetter,
  MarketQuery,
  Page,
  RangeQuery,
  StoredAlert,
  Ticker,
  TradeLineage,
  WindowLength,
  WindowRow,
} from "./market_query.ts";
import { checkLimit, LISTED_VALUE, pageOf } from "./page.ts";
import { rankTickers } from "./rank_tickers.ts";
import { UsdtConverter } from "./usdt.ts";

type Row = Record<string, unknown>;

/**
 * {@linkcode MarketQuery} on the consumer's SQLite file, opened read-only at the first question. While the consumer has
 * not made the file yet, questions reject with `query.unavailable` (`retry`). Readers see the last committed state and
 * never wait for the writer (WAL).
 */
export class SqliteMarketQuery implements MarketQuery {
  readonly #path: string;
  #db: DatabaseSync | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async origin(): Promise<Origin> {
    const [row] = this.#all("SELECT value FROM meta WHERE name = 'origin'");
    return JSON.parse(row!.value as string) as Origin;
  }

  async tickers(options: Parameters<MarketQuery["tickers"]>[0]): Promise<Page<Ticker>> {
    const limit = checkLimit(options.limit);
    const rows = this.#all("SELECT * FROM crypto_24h_stats") as unknown as StatsRow[];
    const usdt = new UsdtConverter(new Map(rows.map(({ symbol, last_price }) => [symbol, last_price])));
    const tickers = rows.map((row): Ticker => ({
      ...row,
      quote_volume_usdt: usdt.convert(row.quote_volume, row.quote_asset),
    }));
    return rankTickers(tickers, { ...options, limit });
  }

  async prices(query: RangeQuery): Promise<Page<PriceRow>> {
    return this.#range<PriceRow>(
      "prices",
      "SELECT * FROM latest_prices WHERE symbol = ?",
      "updated_at",
      query,
      [
        query.symbol,
      ],
    );
  }

  async klines(query: RangeQuery): Promise<Page<KlineRow>> {
    const page = this.#range<KlineRow>(
      "klines",
      "SELECT * FROM klines WHERE symbol = ?",
      "open_time",
      query,
      [
        query.symbol,
      ],
    );
    return {
      ...page,
      rows: page.rows.map((row) => ({
        ...row,
        closed: Boolean(row.closed),
        backfill: Boolean(row.backfill),
      })),
    };
  }

  async aggregates(query: RangeQuery & { window: WindowLength }): Promise<Page<WindowRow>> {
    const page = this.#range<Row>(
      `aggregates:${query.window}`,
      "SELECT * FROM windows WHERE symbol = ? AND window = ?",
      "open_time",
      query,
      [query.symbol, query.window],
    );
    return {
      ...page,
      rows: page.rows.map(({ realised_variance, ...row }) => ({
        ...row,
        realised_volatility: realised_variance === null ? null : Math.sqrt(realised_variance as number),
      })) as unknown as WindowRow[],
    };
  }

  /** Trades go by id, so that trades of one millisecond have an order; the index by minute bounds the ids. */
  async trades(query: RangeQuery): Promise<Page<TradeRow>> {
    const { symbol, from, to, order = "desc" } = query;
    const limit = checkLimit(query.limit);
    const kind = `trades:${order}`;
    const after = decodeCursor(kind, ["number"], query.cursor)?.[0];
    const where = ["symbol = ?"];
    const values: SQLInputValue[] = [symbol];
    const add = (sql: string, value: SQLInputValue | undefined) => {
      if (value === undefined) return;
      where.push(sql);
      values.push(value);
    };
    const bound = this.#idRange(symbol, from, to);
    if (bound === undefined) return { rows: [], next: null };
    add("trade_id >= ?", bound.first);
    add("trade_id <= ?", bound.last);
    add("trade_time >= ?", from);
    add("trade_time < ?", to);
    add(order === "asc" ? "trade_id > ?" : "trade_id < ?", after);
    const rows = this.#all(
      `SELECT symbol, trade_id, price, quantity, trade_time, is_buyer_maker, backfill FROM recent_trades
       WHERE ${where.join(" AND ")} ORDER BY trade_id ${order} LIMIT ?`,
      ...values,
      limit + 1,
    ).map((row) => ({
      ...row,
      is_buyer_maker: row.is_buyer_maker === 1,
      backfill: row.backfill === 1,
    })) as unknown as TradeRow[];
    return pageOf(rows, limit, (row) => encodeCursor(kind, [row.trade_id]));
  }

  /** Ids that trades in [from, to) lie within; undefined when there are none. */
  #idRange(symbol: string, from?: number, to?: number): { first?: number; last?: number } | undefined {
    if (from === undefined && to === undefined) return {};
    const [row] = this.#all(
      `SELECT min(first_id) AS first, max(last_id) AS last FROM trade_index
       WHERE symbol = ? AND minute > ? AND minute < ?`,
      symbol,
      from === undefined ? Number.MIN_SAFE_INTEGER : from - 60_000,
      to ?? Number.MAX_SAFE_INTEGER,
    ) as { first: number | null; last: number | null }[];
    return row === undefined || row.first === null ? undefined : { first: row.first, last: row.last! };
  }

  async book(symbol: string): Promise<Book | undefined> {
    const [found] = this.#all(
      "SELECT * FROM order_book WHERE symbol = ? ORDER BY updated_at DESC LIMIT 1",
      symbol,
    );
    if (found === undefined) return undefined;
    const row = { ...found, trusted: found.trusted === 1 } as unknown as BookRow & Omit<Book, "levels">;
    const bids = parseSide(row.bids);
    const asks = parseSide(row.asks);
    const levels = typeof bids === "string" || typeof asks === "string" ? [] : flattenBook(bids, asks);
    return { ...row, levels };
  }

  async completeness(
    options: { symbol?: string; limit: number; cursor?: string },
  ): Promise<Page<CompletenessRow>> {
    const limit = checkLimit(options.limit);
    const after = decodeCursor("completeness", ["string", "string", "number"], options.cursor);
    const rows = this.#all(
      `SELECT * FROM completeness WHERE (?1 IS NULL OR symbol = ?1) AND (symbol, kind, first_id) > (?2, ?3, ?4)
       ORDER BY symbol, kind, first_id LIMIT ?5`,
      options.symbol ?? null,
      after?.[0] ?? "",
      after?.[1] ?? "",
      after?.[2] ?? 0,
      limit + 1,
    ) as unknown as CompletenessRow[];
    return pageOf(rows, limit, (row) => encodeCursor("completeness", [row.symbol, row.kind, row.first_id]));
  }

  async lineage(symbol: string, tradeId: number): Promise<TradeLineage | undefined> {
    const [stored] = this.#all(
      "SELECT 1 FROM recent_trades WHERE symbol = ? AND trade_id = ?",
      symbol,
      tradeId,
    );
    if (stored === undefined) return undefined;
    // Runs may overlap after a redelivery; the shortest tells most.
    const [run] = this.#all(
      `SELECT symbol, ?2 AS trade_id, topic, partition, first_offset, last_offset, stored_at FROM (
         SELECT * FROM lineage WHERE symbol = ?1 AND first_trade_id <= ?2 ORDER BY first_trade_id DESC LIMIT 64)
       WHERE last_trade_id >= ?2 ORDER BY last_trade_id - first_trade_id, first_trade_id DESC LIMIT 1`,
      symbol,
      tradeId,
    );
    return run as unknown as TradeLineage | undefined;
  }

  async deadLetters(
    options: Parameters<MarketQuery["deadLetters"]>[0],
  ): Promise<Page<DeadLetter>> {
    const limit = checkLimit(options.limit);
    const after = decodeCursor("dead-letters", ["number"], options.cursor)?.[0];
    const rows = this.#all(
      `SELECT sequence, id, topic, partition, "offset", code, message, key, substr(value, 1, ${LISTED_VALUE}) AS value,
         first_failed_at, last_failed_at, attempts
       FROM dead_letters WHERE sequence < ?1 AND (?2 IS NULL OR code = ?2) AND (?3 IS NULL OR topic = ?3)
       ORDER BY sequence DESC LIMIT ?4`,
      after ?? Number.MAX_SAFE_INTEGER,
      options.code ?? null,
      options.topic ?? null,
      limit + 1,
    );
    return pageOf(rows, limit, (row) => encodeCursor("dead-letters", [row.sequence as number]), dropSequence);
  }

  async deadLetter(id: string): Promise<DeadLetter | undefined> {
    const [row] = this.#all(
      `SELECT id, topic, partition, "offset", code, message, key, value, first_failed_at, last_failed_at, attempts
       FROM dead_letters WHERE id = ?`,
      id,
    );
    return row as unknown as DeadLetter | undefined;
  }

  async alerts(options: Parameters<MarketQuery["alerts"]>[0]): Promise<Page<StoredAlert>> {
    const limit = checkLimit(options.limit);
    const after = decodeCursor("alerts", ["number"], options.cursor)?.[0];
    const rows = this.#all(
      `SELECT * FROM alerts WHERE sequence < ? AND (? = 0 OR delivered = 0) ORDER BY sequence DESC LIMIT ?`,
      after ?? Number.MAX_SAFE_INTEGER,
      options.undeliveredOnly ? 1 : 0,
      limit + 1,
    );
    return pageOf(
      rows,
      limit,
      (row) => encodeCursor("alerts", [row.sequence as number]),
      ({ sequence: _, ...row }) =>
        ({
          ...row,
          evidence: JSON.parse(row.evidence as string),
          delivered: row.delivered === 1,
        }) as unknown as StoredAlert,
    );
  }

  async counts(): Promise<Record<string, number>> {
    const counted = this.#all(
      `SELECT table_name AS name, row_count AS rows FROM row_counts
       UNION ALL SELECT 'dead_letters', count(*) FROM dead_letters
       UNION ALL SELECT 'alerts', count(*) FROM alerts
       UNION ALL SELECT 'dirty_minutes', count(*) FROM dirty_minutes`,
    ) as { name: string; rows: number }[];
    return Object.fromEntries(counted.map(({ name, rows }) => [name, rows]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#db?.close();
    this.#db = undefined;
  }

  /** Rows of one symbol by a time column of their key. */
  #range<R>(kind: string, select: string, time: string, query: RangeQuery, values: SQLInputValue[]): Page<R> {
    const { order = "desc" } = query;
    const limit = checkLimit(query.limit);
    const name = `${kind}:${order}`;
    const after = decodeCursor(name, ["number"], query.cursor)?.[0];
    let from: number = query.from ?? Number.MIN_SAFE_INTEGER;
    let to: number = query.to ?? Number.MAX_SAFE_INTEGER;
    if (after !== undefined && order === "asc") from = Math.max(from, Number(after) + 1);
    if (after !== undefined && order === "desc") to = Math.min(to, Number(after));
    const rows = this.#all(
      `${select} AND ${time} >= ? AND ${time} < ? ORDER BY ${time} ${
        order === "asc" ? "ASC" : "DESC"
      } LIMIT ?`,
      ...values,
      from,
      to,
      limit + 1,
    );
    return pageOf(rows, limit, (row) => encodeCursor(name, [row[time] as number])) as unknown as Page<R>;
  }

  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    try {
      this.#db ??= new DatabaseSync(this.#path, { readOnly: true, timeout: 1000 });
      return this.#db.prepare(sql).all(...values) as Row[];
    } catch (error) {
      // The file may be new, moved away or not there yet: open it again at the next question.
      this.#db?.close();
      this.#db = undefined;
      throw new CandlewireError("query.unavailable", `Read the store ${this.#path}: ${errorText(error)}`, {
        retry: "retry",
        hint: "Wait until the consumer has started, or look at its log",
        cause: error,
      });
    }
  }
}

function dropSequence({ sequence: _, ...row }: Row): DeadLetter {
  return row as unknown as DeadLetter;
}
