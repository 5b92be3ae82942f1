import type { CassandraLogin, CassandraSecrets } from "../cassandra/login.ts";
import { CandlewireError } from "../error.ts";
import type { EpochMs } from "../market/epoch.ts";
import type { Origin } from "../market/origin.ts";
import type { CompletenessRow, KlineRow, PriceRow, StatsRow, TradeRow } from "../market/table.ts";
import { flattenBook, parseSide, topOfBook } from "./book_levels.ts";
import { CassandraAlerts } from "./cassandra_alerts.ts";
import { CassandraCounts } from "./cassandra_counts.ts";
import { floorOf, type Kept } from "./cassandra_floor.ts";
import { readLetter, readLetters } from "./cassandra_letters.ts";
import { type MarkedRow, readMarked } from "./cassandra_marked.ts";
import { CassandraReader, type CassandraRow, numberOf } from "./cassandra_reader.ts";
import { readLineage, readTrades } from "./cassandra_trades.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { decimalText } from "./decimal_text.ts";
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
import { checkLimit, pageOf } from "./page.ts";
import { rankTickers } from "./rank_tickers.ts";
import { UsdtConverter } from "./usdt.ts";

const MINUTE_MS = 60_000;

/** Options of {@linkcode CassandraMarketQuery}. */
export type CassandraQueryOptions = {
  /** The consumers' retention, as far as rows expire by it: reads begin behind what has expired. */
  retention?: Kept;
  /** Our clock, epoch ms. */
  now?: () => number;
};

/** The times that a page may show, and the cursor of the next one. */
type Slice = { from: number; to: number; order: "asc" | "desc"; limit: number; cursor: string };

/**
 * {@linkcode MarketQuery} on the keyspace that the consumers fill, connected at the first question, read at
 * `cassandra.consistency.read`. While Cassandra is away, or the keyspace is not made yet, questions reject with
 * `query.unavailable` (`retry`), and answer again by themselves when it is there. Money is exact text where a side table
 * keeps it (statistics, volumes of candles and windows, books), else the shortest text of the stored double (I9).
 * `counts()` is approximate, see {@linkcode CassandraCounts}.
 */
export class CassandraMarketQuery implements MarketQuery {
  readonly #reader: CassandraReader;
  readonly #alerts: CassandraAlerts;
  readonly #counts: CassandraCounts;
  readonly #floor: (table: keyof Kept) => number;
  #stats: Promise<StatsRow[]> | undefined;

  constructor(
    login: CassandraLogin,
    secrets: CassandraSecrets = {},
    options: CassandraQueryOptions = {},
  ) {
    const { retention = {}, now = Date.now } = options;
    this.#floor = (table) => floorOf(retention, table, now());
    this.#reader = new CassandraReader(login, secrets);
    this.#alerts = new CassandraAlerts(this.#reader);
    this.#counts = new CassandraCounts(this.#reader, this.#floor);
  }

  async origin(): Promise<Origin> {
    const [row] = await this.#reader.rows(
      `SELECT kind, id, label FROM ${this.#reader.table("origin")} WHERE name = 'origin'`,
      [],
    );
    if (row === undefined) {
      throw new CandlewireError("query.unavailable", "Read the store's origin: it has none yet", {
        retry: "retry",
        hint: "Wait until the consumer has started, or look at its log",
      });
    }
    return { kind: row.kind as Origin["kind"], id: row.id as string, label: row.label as string };
  }

  async tickers(options: Parameters<MarketQuery["tickers"]>[0]): Promise<Page<Ticker>> {
    const limit = checkLimit(options.limit);
    // Who asks while all markets are being read shares the answer.
    this.#stats ??= this.#readStats().finally(() => this.#stats = undefined);
    const rows = await this.#stats;
    const usdt = new UsdtConverter(new Map(rows.map(({ symbol, last_price }) => [symbol, last_price])));
    const tickers = rows.map((row): Ticker => ({
      ...row,
      quote_volume_usdt: usdt.convert(row.quote_volume, row.quote_asset),
    }));
    return rankTickers(tickers, { ...options, limit });
  }

  /** One row a market. The marks repeat every column of crypto_24h_stats as exact text, so they alone are read. */
  async #readStats(): Promise<StatsRow[]> {
    const stats: StatsRow[] = [];
    const select =
      `SELECT symbol, price_change_percent_text, last_price_text, high_price_text, low_price_text, volume_text,
         quote_volume_text, trade_count, last_trade_id, quote_asset, updated_at, version
       FROM ${this.#reader.table("stats_marks")}`;
    for await (const rows of this.#reader.scan(select, [])) stats.push(...rows.map(statsOf));
    return stats;
  }

  async prices(query: RangeQuery): Promise<Page<PriceRow>> {
    const slice = sliceOf("prices", query, this.#floor("latest_prices"));
    const rows = await readMarked(this.#reader, {
      ...slice,
      table: "latest_prices",
      columns: ["price"],
      marks: "price_marks",
      markColumns: ["last_trade_id"],
      time: "updated_at",
      symbol: query.symbol,
      limit: slice.limit + 1,
    });
    return timePage(rows, slice, ({ row, marks, time, version }): PriceRow => ({
      symbol: query.symbol,
      price: decimalText(row.price as number),
      updated_at: time as EpochMs,
      last_trade_id: numberOf(marks?.last_trade_id) ?? 0,
      version,
    }));
  }

  async klines(query: RangeQuery): Promise<Page<KlineRow>> {
    const slice = sliceOf("klines", query, this.#floor("klines"));
    const rows = await readMarked(this.#reader, {
      ...slice,
      table: "klines",
      columns: ["open_price", "high_price", "low_price", "close_price", "volume", "number_of_trades"],
      marks: "kline_marks",
      markColumns: [
        "close_time",
        "volume_text",
        "quote_volume_text",
        "first_trade_id",
        "last_trade_id",
        "closed",
        "backfill",
      ],
      time: "open_time",
      symbol: query.symbol,
      limit: slice.limit + 1,
    });
    return timePage(rows, slice, (row) => klineOf(query.symbol, row));
  }

  trades(query: RangeQuery): Promise<Page<TradeRow>> {
    return readTrades(this.#reader, query, { floor: this.#floor("recent_trades") });
  }

  async book(symbol: string): Promise<Book | undefined> {
    const [found] = await readMarked(this.#reader, {
      table: "order_book",
      columns: ["bids", "asks"],
      marks: "book_marks",
      markColumns: ["depth", "last_update_id", "trusted", "best_bid", "best_ask", "spread", "mid"],
      time: "updated_at",
      symbol,
      from: this.#floor("order_book"),
      to: Number.MAX_SAFE_INTEGER,
      order: "desc",
      limit: 1,
    });
    if (found === undefined) return undefined;
    const { row, marks, time, version } = found;
    const [bidsText, asksText] = [row.bids as string, row.asks as string];
    const bids = parseSide(bidsText);
    const asks = parseSide(asksText);
    const whole = typeof bids !== "string" && typeof asks !== "string";
    const top = marks === undefined ? topOfBook(whole ? bids : [], whole ? asks : []) : {
      best_bid: textOf(marks.best_bid),
      best_ask: textOf(marks.best_ask),
      spread: textOf(marks.spread),
      mid: textOf(marks.mid),
    };
    return {
      symbol,
      bids: bidsText,
      asks: asksText,
      depth: (marks?.depth as number | undefined) ?? (whole ? Math.max(bids.length, asks.length) : 0),
      last_update_id: numberOf(marks?.last_update_id) ?? 0,
      // I4: of a book whose marks are gone, nothing is known.
      trusted: marks?.trusted === true,
      updated_at: time as EpochMs,
      version,
      ...top,
      levels: whole ? flattenBook(bids, asks) : [],
    };
  }

  async aggregates(query: RangeQuery & { window: WindowLength }): Promise<Page<WindowRow>> {
    const floor = this.#floor(query.window === "1s" ? "windows_1s" : "windows");
    const slice = sliceOf(`aggregates:${query.window}`, query, floor);
    const rows = await this.#reader.rows(
      `SELECT open_time, trade_count, volume_text, quote_volume_text, vwap_text, realised_volatility, first_trade_id,
         last_trade_id
       FROM ${this.#reader.table("windows")}
       WHERE symbol = ? AND window = ? AND open_time >= ? AND open_time < ?
       ORDER BY open_time ${slice.order.toUpperCase()} LIMIT ?`,
      [query.symbol, query.window, slice.from, slice.to, slice.limit + 1],
    );
    return timePage(
      rows.map((row) => ({ row, time: numberOf(row.open_time)! })),
      slice,
      ({ row, time }): WindowRow => ({
        symbol: query.symbol,
        window: query.window,
        open_time: time as EpochMs,
        trade_count: row.trade_count as number,
        volume: row.volume_text as string,
        quote_volume: row.quote_volume_text as string,
        vwap: textOf(row.vwap_text),
        realised_volatility: (row.realised_volatility ?? null) as number | null,
        first_trade_id: numberOf(row.first_trade_id)!,
        last_trade_id: numberOf(row.last_trade_id)!,
      }),
    );
  }

  /** Gaps symbol by symbol, symbols in the order of their tokens, each symbol's by kind and first id. */
  async completeness(
    options: { symbol?: string; limit: number; cursor?: string },
  ): Promise<Page<CompletenessRow>> {
    const limit = checkLimit(options.limit);
    const after = decodeCursor("completeness", ["string", "string", "number"], options.cursor) as
      | [string, string, number]
      | undefined;
    const { symbol } = options;
    const select =
      `SELECT symbol, kind, first_id, last_id, cause, state, detected_at, updated_at, version FROM ${
        this.#reader.table("completeness")
      }`;
    const rows: CassandraRow[] = [];
    const read = async (where: string, values: unknown[]) => {
      rows.push(
        ...await this.#reader.rows(`${select}${where} LIMIT ?`, [...values, limit + 1 - rows.length]),
      );
    };
    if (after !== undefined) {
      if (symbol === undefined || symbol === after[0]) {
        await read(" WHERE symbol = ? AND (kind, first_id) > (?, ?)", after);
      }
      if (symbol === undefined && rows.length <= limit) {
        await read(" WHERE token(symbol) > token(?)", [after[0]]);
      }
    } else if (symbol !== undefined) await read(" WHERE symbol = ?", [symbol]);
    else await read("", []);
    const gaps = rows.map(gapOf);
    return pageOf(gaps, limit, (gap) => encodeCursor("completeness", [gap.symbol, gap.kind, gap.first_id]));
  }

  lineage(symbol: string, tradeId: number): Promise<TradeLineage | undefined> {
    return readLineage(this.#reader, symbol, tradeId);
  }

  deadLetters(options: Parameters<MarketQuery["deadLetters"]>[0]): Promise<Page<DeadLetter>> {
    return readLetters(this.#reader, options);
  }

  deadLetter(id: string): Promise<DeadLetter | undefined> {
    return readLetter(this.#reader, id);
  }

  alerts(options: Parameters<MarketQuery["alerts"]>[0]): Promise<Page<StoredAlert>> {
    return this.#alerts.page(options);
  }

  counts(): Promise<Record<string, number>> {
    return this.#counts.counts();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]();
  }
}

/** The times that a page may show: those asked for, after the cursor, that have not expired. */
function sliceOf(kind: string, query: RangeQuery, floor: number): Slice {
  const { order = "desc" } = query;
  const limit = checkLimit(query.limit);
  const cursor = `${kind}:${order}`;
  const after = decodeCursor(cursor, ["number"], query.cursor)?.[0] as number | undefined;
  let from: number = Math.max(query.from ?? floor, floor);
  let to: number = query.to ?? Number.MAX_SAFE_INTEGER;
  if (after !== undefined && order === "asc") from = Math.max(from, after + 1);
  if (after !== undefined && order === "desc") to = Math.min(to, after);
  return { from, to, order, limit, cursor };
}

function timePage<In extends { time: number }, Out>(
  rows: In[],
  slice: Slice,
  map: (row: In) => Out,
): Page<Out> {
  return pageOf(rows, slice.limit, ({ time }) => encodeCursor(slice.cursor, [time]), map);
}

function klineOf(symbol: string, { row, marks, time, version }: MarkedRow): KlineRow {
  return {
    symbol,
    open_time: time as EpochMs,
    close_time: (numberOf(marks?.close_time) ?? time + MINUTE_MS - 1) as EpochMs,
    open_price: decimalText(row.open_price as number),
    high_price: decimalText(row.high_price as number),
    low_price: decimalText(row.low_price as number),
    close_price: decimalText(row.close_price as number),
    volume: textOf(marks?.volume_text) ?? decimalText(row.volume as number),
    quote_volume: textOf(marks?.quote_volume_text) ?? "0",
    number_of_trades: row.number_of_trades as number,
    first_trade_id: numberOf(marks?.first_trade_id) ?? -1,
    last_trade_id: numberOf(marks?.last_trade_id) ?? -1,
    closed: marks?.closed === true,
    backfill: marks?.backfill === true,
    version,
  };
}

function statsOf(row: CassandraRow): StatsRow {
  return {
    symbol: row.symbol as string,
    price_change_percent: row.price_change_percent_text as string,
    last_price: row.last_price_text as string,
    high_price: row.high_price_text as string,
    low_price: row.low_price_text as string,
    volume: row.volume_text as string,
    quote_volume: row.quote_volume_text as string,
    trade_count: numberOf(row.trade_count)!,
    last_trade_id: numberOf(row.last_trade_id)!,
    quote_asset: textOf(row.quote_asset),
    updated_at: numberOf(row.updated_at) as EpochMs,
    version: numberOf(row.version)!,
  };
}

function gapOf(row: CassandraRow): CompletenessRow {
  return {
    symbol: row.symbol as string,
    kind: row.kind as CompletenessRow["kind"],
    first_id: numberOf(row.first_id)!,
    last_id: numberOf(row.last_id)!,
    cause: row.cause as string,
    state: row.state as CompletenessRow["state"],
    detected_at: numberOf(row.detected_at) as EpochMs,
    updated_at: numberOf(row.updated_at) as EpochMs,
    version: numberOf(row.version)!,
  };
}

function textOf(value: unknown): string | null {
  return (value ?? null) as string | null;
}
