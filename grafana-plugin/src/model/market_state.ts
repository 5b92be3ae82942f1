import { TapeBuffer } from '../panels/tradetape/model.ts';
import type { TapeFilter } from '../panels/tradetape/tape_filter.ts';
import type { Book, KlineRow, LiveEvent, PriceRow, Ticker, TradeRow, WindowLength, WindowRow } from '../api/types';

/** What a market page shows of one symbol. */
export type MarketView = {
  /** Oldest first. */
  candles: readonly KlineRow[];
  windows: Record<WindowLength, readonly WindowRow[]>;
  /** Null: there is none; undefined: not read yet. */
  book: Book | null | undefined;
  price: { price: string; at: number } | undefined;
  ticker: Ticker | undefined;
};

/** Rows kept of each kind: everything is bounded, however long a page stays open (I10). */
const KEPT = { candles: 240, windows: 240, trades: 2000 };

/** The page's tape shows every trade. */
export const EVERY_TRADE: TapeFilter = { side: 'all', minSize: 0, sizeUnit: 'quantity', largeSize: 0 };

/**
 * The state of one market, from answers and live events in any order, repeated or not (I2): rows win by version, trades
 * count once by id. The view is made when asked for; what did not change keeps its identity, so that React skips it.
 */
export class MarketState {
  readonly symbol: string;
  readonly #candles = new Map<number, KlineRow>();
  readonly #windows: Record<WindowLength, Map<number, WindowRow>> = {
    '1s': new Map(),
    '1m': new Map(),
    '5m': new Map(),
    '1h': new Map(),
  };
  /** The trades; views of it draw by themselves. */
  readonly tape = new TapeBuffer({ capacity: KEPT.trades, filter: EVERY_TRADE, everyId: true });
  #lastTrade: TradeRow | undefined;
  #view: MarketView;
  readonly #stale = new Set<keyof MarketView>();
  #book: Book | null | undefined;
  #price: PriceRow | undefined;
  #ticker: Ticker | undefined;

  constructor(symbol: string) {
    this.symbol = symbol;
    this.#view = {
      candles: [],
      windows: { '1s': [], '1m': [], '5m': [], '1h': [] },
      book: undefined,
      price: undefined,
      ticker: undefined,
    };
  }

  /** Takes an event of one of the channels trades, klines, books, windows, prices, tickers. */
  apply({ channel, kind, data }: Pick<LiveEvent, 'channel' | 'kind' | 'data'>): void {
    const body = (data ?? {}) as { rows?: unknown[]; trades?: unknown[] };
    const rows = kind === 'snapshot' || channel === 'trades' ? (body.rows ?? body.trades ?? []) : [data];
    switch (channel) {
      case 'trades':
        return this.addTrades(rows as TradeRow[]);
      case 'klines':
        return this.addCandles(rows as KlineRow[]);
      case 'windows':
        return this.addWindows(rows as WindowRow[]);
      case 'books':
        return kind === 'snapshot' && rows.length === 0 ? this.setBook(null) : (rows as Book[]).forEach((row) => this.setBook(row));
      case 'prices':
        return (rows as PriceRow[]).forEach((row) => this.#setPrice(row));
      case 'tickers':
        return (rows as Ticker[]).filter((row) => row.symbol === this.symbol).forEach((row) => this.setTicker(row));
    }
  }

  addCandles(rows: readonly KlineRow[]): void {
    for (const row of rows) {
      const kept = this.#candles.get(row.open_time);
      if (kept === undefined || row.version === undefined || row.version >= kept.version) {
        this.#candles.set(row.open_time, row);
        this.#stale.add('candles');
      }
    }
    prune(this.#candles, KEPT.candles);
  }

  addWindows(rows: readonly WindowRow[]): void {
    for (const row of rows) {
      const kept = this.#windows[row.window];
      if (kept !== undefined) {
        kept.set(row.open_time, row);
        this.#stale.add('windows');
      }
    }
    Object.values(this.#windows).forEach((kept) => prune(kept, KEPT.windows));
  }

  addTrades(rows: readonly TradeRow[]): void {
    this.tape.addRows(rows);
    for (const row of rows) {
      if (this.#lastTrade === undefined || row.trade_id > this.#lastTrade.trade_id) {
        this.#lastTrade = row;
        this.#stale.add('price');
      }
    }
  }

  /** `null`: the store has no book of this symbol. */
  setBook(book: Book | null): void {
    // A change may be older than what is shown already; "none" is only true as long as nothing came.
    if (this.#book && (book === null || book.version < this.#book.version)) {
      return;
    }
    this.#book = book;
    this.#stale.add('book');
  }

  /** A live row has no volume in USDT: what was known of it stays. */
  setTicker(ticker: Ticker): void {
    if (this.#ticker !== undefined && ticker.version < this.#ticker.version) {
      return;
    }
    this.#ticker = { ...this.#ticker, ...ticker };
    this.#stale.add('ticker');
  }

  #setPrice(row: PriceRow): void {
    if (this.#price === undefined || row.version >= this.#price.version) {
      this.#price = row;
      this.#stale.add('price');
    }
  }

  /** What is there now. The same object until something changed. */
  view(): MarketView {
    if (this.#stale.size === 0) {
      return this.#view;
    }
    const next = { ...this.#view };
    if (this.#stale.has('candles')) {
      next.candles = inOrder(this.#candles);
    }
    if (this.#stale.has('windows')) {
      const windows = this.#windows;
      next.windows = { '1s': inOrder(windows['1s']), '1m': inOrder(windows['1m']), '5m': inOrder(windows['5m']), '1h': inOrder(windows['1h']) };
    }
    next.book = this.#book;
    next.ticker = this.#ticker;
    next.price = this.#latestPrice(this.#lastTrade);
    this.#stale.clear();
    this.#view = next;
    return next;
  }

  /** The newest of what tells a price: the last trade, the price channel, the 24 h statistics. */
  #latestPrice(trade: TradeRow | undefined): MarketView['price'] {
    const told = [
      trade === undefined ? undefined : { price: trade.price, at: trade.trade_time as number },
      this.#price === undefined ? undefined : { price: this.#price.price, at: this.#price.updated_at as number },
      this.#ticker === undefined ? undefined : { price: this.#ticker.last_price, at: this.#ticker.updated_at as number },
    ].filter((price) => price !== undefined);
    return told.reduce<MarketView['price']>((best, price) => (best === undefined || price.at > best.at ? price : best), undefined);
  }
}

function inOrder<Row>(rows: Map<number, Row>): Row[] {
  return [...rows].sort(([a], [b]) => a - b).map(([, row]) => row);
}

/** Drops the oldest beyond twice the bound at once, so that it is not done for each row. */
function prune(rows: Map<number, unknown>, most: number): void {
  if (rows.size > most * 2) {
    const keys = [...rows.keys()].sort((a, b) => a - b);
    keys.slice(0, keys.length - most).forEach((key) => rows.delete(key));
  }
}
