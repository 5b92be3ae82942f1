import { CandlewireError } from "../error.ts";
import type { Origin } from "../market/origin.ts";
import type { CompletenessRow, KlineRow, PriceRow, TradeRow } from "../market/table.ts";
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
} from "../query/market_query.ts";

/** Rows that a {@linkcode MemoryMarketQuery} answers from. */
export type MemoryRows = {
  tickers: Ticker[];
  prices: PriceRow[];
  klines: KlineRow[];
  trades: TradeRow[];
  books: Book[];
  windows: WindowRow[];
  completeness: CompletenessRow[];
  lineage: TradeLineage[];
  deadLetters: DeadLetter[];
  alerts: StoredAlert[];
};

/** The memory adapter of {@linkcode MarketQuery}, for tests. Cursors are offsets into the filtered rows. */
export class MemoryMarketQuery implements MarketQuery {
  readonly rows: MemoryRows = {
    tickers: [],
    prices: [],
    klines: [],
    trades: [],
    books: [],
    windows: [],
    completeness: [],
    lineage: [],
    deadLetters: [],
    alerts: [],
  };
  /** Thrown by every read while set. */
  failure: unknown;
  #origin: Origin;

  constructor(origin: Origin) {
    this.#origin = origin;
  }

  async origin(): Promise<Origin> {
    this.#check();
    return this.#origin;
  }

  async tickers(
    options: { limit: number; orderBy: keyof Ticker & string; cursor?: string },
  ): Promise<Page<Ticker>> {
    const { orderBy } = options;
    const rows = [...this.rows.tickers].sort((a, b) =>
      orderBy === "symbol"
        ? (a.symbol < b.symbol ? -1 : 1)
        : Number(b[orderBy] ?? -1) - Number(a[orderBy] ?? -1)
    );
    return this.#page(rows, options);
  }

  async prices(query: RangeQuery): Promise<Page<PriceRow>> {
    return this.#range(this.rows.prices, query, (row) => row.updated_at);
  }

  async klines(query: RangeQuery): Promise<Page<KlineRow>> {
    return this.#range(this.rows.klines, query, (row) => row.open_time);
  }

  async trades(query: RangeQuery): Promise<Page<TradeRow>> {
    return this.#range(this.rows.trades, query, (row) => row.trade_time);
  }

  async book(symbol: string): Promise<Book | undefined> {
    this.#check();
    return this.rows.books.find((book) => book.symbol === symbol);
  }

  async aggregates(query: RangeQuery & { window: WindowLength }): Promise<Page<WindowRow>> {
    const rows = this.rows.windows.filter((row) => row.window === query.window);
    return this.#range(rows, query, (row) => row.open_time);
  }

  async completeness(
    options: { symbol?: string; limit: number; cursor?: string },
  ): Promise<Page<CompletenessRow>> {
    const { symbol } = options;
    return this.#page(
      this.rows.completeness.filter((row) => symbol === undefined || row.symbol === symbol),
      options,
    );
  }

  async lineage(symbol: string, tradeId: number): Promise<TradeLineage | undefined> {
    this.#check();
    return this.rows.lineage.find((row) => row.symbol === symbol && row.trade_id === tradeId);
  }

  async deadLetters(
    options: { limit: number; cursor?: string; code?: string; topic?: string },
  ): Promise<Page<DeadLetter>> {
    const { code, topic } = options;
    const rows = this.rows.deadLetters.filter((row) =>
      (code === undefined || row.code === code) && (topic === undefined || row.topic === topic)
    );
    return this.#page(rows, options);
  }

  async deadLetter(id: string): Promise<DeadLetter | undefined> {
    this.#check();
    return this.rows.deadLetters.find((row) => row.id === id);
  }

  async alerts(
    options: { limit: number; cursor?: string; undeliveredOnly?: boolean },
  ): Promise<Page<StoredAlert>> {
    const rows = this.rows.alerts.filter((row) => !(options.undeliveredOnly && row.delivered));
    return this.#page([...rows].sort((a, b) => b.raised_at - a.raised_at), options);
  }

  async counts(): Promise<Record<string, number>> {
    this.#check();
    return { recent_trades: this.rows.trades.length, klines: this.rows.klines.length };
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #range<Row extends { symbol: string }>(
    rows: Row[],
    query: RangeQuery,
    time: (row: Row) => number,
  ): Page<Row> {
    const { symbol, from = -Infinity, to = Infinity, order } = query;
    const found = rows.filter((row) => row.symbol === symbol && time(row) >= from && time(row) < to)
      .sort((a, b) => time(a) - time(b));
    return this.#page(order === "desc" ? found.reverse() : found, query);
  }

  #page<Row>(rows: Row[], options: { limit: number; cursor?: string }): Page<Row> {
    this.#check();
    const { cursor = "0", limit } = options;
    if (!/^\d{1,9}$/.test(cursor)) {
      throw new CandlewireError("query.bad_cursor", `Read the cursor: "${cursor}" is none of ours`, {
        hint: "Use `next` of the page before",
      });
    }
    const end = Number(cursor) + limit;
    return { rows: rows.slice(Number(cursor), end), next: end < rows.length ? String(end) : null };
  }

  #check(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}
