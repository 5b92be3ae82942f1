import { type EpochMs, epochMs } from "../market/epoch.ts";
import type { CompletenessRow, KlineRow, StatsRow, TableBatch, TradeRow } from "../market/table.ts";
import { Books, type BooksOptions } from "./books.ts";
import { GapLedger, type RefillRequest } from "./gap_ledger.ts";
import { MarketRows, type MarketRowsOptions } from "./market_rows.ts";
import type { MarketEvent } from "./source/market_source.ts";

/** Options of {@linkcode Intake}; meaning in `config.ts`. */
export type IntakeOptions = BooksOptions & MarketRowsOptions & {
  gapGraceMs: number;
  refillMaxTrades: number;
  refillMaxKlines: number;
};

const MINUTE_MS = 60_000;

const NOT_YET = "not yet connected";

/**
 * Turns market events into rows: trades and candles at once, books, statistics and prices at their cadence, and a
 * completeness row for whatever is missing. Pure but for its state: no clock, no I/O.
 */
export class Intake {
  readonly trades: GapLedger;
  readonly klines: GapLedger;
  readonly books: Books;
  readonly #market: MarketRows;
  readonly #symbols: ReadonlySet<string>;
  /** Connections that are down, by their symbols; the first frame of all is awaited, too. */
  readonly #down = new Set<string>([NOT_YET]);
  /** Newest event time seen, for the lag; undefined before the first event. */
  newestEventTime: EpochMs | undefined;
  /** Connections opened so far. */
  connects = 0;

  constructor(symbols: string[], options: IntakeOptions) {
    this.#symbols = new Set(symbols);
    this.trades = new GapLedger("trade", {
      graceMs: options.gapGraceMs,
      maxIds: options.refillMaxTrades,
      step: 1,
    });
    this.klines = new GapLedger("kline", {
      graceMs: options.gapGraceMs,
      maxIds: options.refillMaxKlines,
      step: MINUTE_MS,
    });
    this.books = new Books(symbols, options);
    this.#market = new MarketRows(symbols, options);
  }

  /** What was stored before this start: ids must go on from there, and open ranges are taken up again. */
  restore(
    stored: { trades: Map<string, number>; klines: Map<string, number>; gaps: CompletenessRow[] },
  ): void {
    for (const [symbol, id] of stored.trades) this.trades.start(symbol, id, "producer_down");
    for (const [symbol, time] of stored.klines) this.klines.start(symbol, time, "producer_down");
    for (const row of stored.gaps) {
      if (!this.#symbols.has(row.symbol)) continue;
      if (row.kind === "book") this.books.restore(row);
      else (row.kind === "trade" ? this.trades : this.klines).restore(row);
    }
  }

  /** True while all connections are up. */
  get connected(): boolean {
    return this.#down.size === 0;
  }

  /** Rows to write at once for these events. */
  take(events: MarketEvent[], now: EpochMs): TableBatch {
    const trades: TradeRow[] = [];
    const klines: KlineRow[] = [];
    for (const event of events) {
      switch (event.kind) {
        case "trade":
          this.#saw(event.eventTime);
          if (this.trades.seen(event.trade.symbol, event.trade.trade_id, now) === "duplicate") break;
          trades.push(event.trade);
          this.#market.trade(event.trade);
          break;
        case "depth":
          this.#saw(event.diff.eventTime);
          this.books.apply(event.diff, now);
          break;
        case "kline":
          this.#saw(event.eventTime);
          if (this.#kline(event.kline, now)) klines.push(event.kline);
          break;
        case "stats":
          this.#saw(event.eventTime);
          this.stats([event.stats], now);
          break;
        case "disconnected": {
          const symbols = event.symbols ?? null;
          this.#down.add(String(event.symbols));
          this.trades.broke(symbols, event.cause);
          this.klines.broke(symbols, event.cause);
          this.books.disconnect(symbols, event.cause, now);
          break;
        }
        case "connected":
          this.#down.delete(NOT_YET);
          this.#down.delete(String(event.symbols));
          this.books.connect(event.symbols ?? null);
          this.connects++;
          break;
        default:
          event satisfies never;
      }
    }
    return this.#batch({ recent_trades: trades, klines });
  }

  /** Past trades and candles, ascending, from before the stream begins. */
  history(trades: TradeRow[], klines: KlineRow[], now: EpochMs): TableBatch {
    const kept = trades.filter((row) => this.trades.seen(row.symbol, row.trade_id, now) !== "duplicate");
    for (const row of kept) {
      this.#market.trade(row);
      // What was traded until the stream begins.
      this.trades.broke([row.symbol], "start");
    }
    return this.#batch({
      recent_trades: kept,
      klines: klines.filter((row) => this.#kline(row, now)),
    });
  }

  /** Statistics, by stream or REST. They tell the last trade's id, also of a symbol that was quiet since a break. */
  stats(rows: Iterable<StatsRow>, now: EpochMs): void {
    for (const row of rows) {
      this.#market.stats(row);
      if (this.#symbols.has(row.symbol)) this.trades.expect(row.symbol, row.last_trade_id, now);
    }
  }

  /** The exchange's answer to a request of the trade ledger. */
  refilledTrades(request: RefillRequest, rows: TradeRow[], now: EpochMs): TableBatch {
    const fresh = this.trades.answered(request, rows.map((row) => row.trade_id), now);
    const kept = rows.filter((row) => fresh.has(row.trade_id));
    for (const row of kept) this.#market.trade(row);
    return this.#batch({ recent_trades: kept });
  }

  /** The exchange's answer to a request of the candle ledger. */
  refilledKlines(request: RefillRequest, rows: KlineRow[], now: EpochMs): TableBatch {
    const fresh = this.klines.answered(request, rows.map((row) => row.open_time), now);
    return this.#batch({ klines: rows.filter((row) => fresh.has(row.open_time)) });
  }

  /** Rows that a cadence has made due. `heldBack`: the stream is not being read. `all`: at the end. */
  tick(now: EpochMs, options: { heldBack?: boolean; all?: boolean } = {}): TableBatch {
    this.trades.sweep(now, options.heldBack);
    this.klines.sweep(now, options.heldBack);
    return this.#batch({
      ...this.#market.due(now, options.all),
      order_book: this.books.rows(now, options.all),
    });
  }

  /** False for a closed candle that is there already. */
  #kline(row: KlineRow, now: EpochMs): boolean {
    if (row.closed) return this.klines.seen(row.symbol, row.open_time, now) !== "duplicate";
    // A candle is open: the one before it must have been closed.
    this.klines.expect(row.symbol, row.open_time - MINUTE_MS, now);
    return true;
  }

  #batch(batch: TableBatch): TableBatch {
    const rows = [...this.trades.takeRows(), ...this.klines.takeRows(), ...this.books.takeRows()];
    return rows.length === 0 ? batch : { completeness: rows, ...batch };
  }

  #saw(time: EpochMs): void {
    if (this.newestEventTime === undefined || time > this.newestEventTime) {
      this.newestEventTime = epochMs(time);
    }
  }
}
