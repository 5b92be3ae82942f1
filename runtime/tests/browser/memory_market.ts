import type { EpochMs } from "../../market/epoch.ts";
import type { Origin } from "../../market/origin.ts";
import type { CompletenessRow, KlineRow, TradeRow } from "../../market/table.ts";
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
} from "../../query/market_query.ts";
import { seededRandom } from "../seed.ts";

type Publish = (channel: string, event: Record<string, unknown>) => void;

type Market = {
  symbol: string;
  /** Price in ticks, so that texts are exact. */
  ticks: number;
  scale: number;
  lot: number;
  nextTrade: number;
  updateId: number;
  trades: TradeRow[];
  klines: KlineRow[];
};

const LENGTH_MS: Record<WindowLength, number> = { "1s": 1000, "1m": 60_000, "5m": 300_000, "1h": 3_600_000 };
const MINUTE = 60_000;

/** Symbols with a first price, decimals of the price and trades a second at rest. */
const SYMBOLS: [string, number, number, number][] = [
  ["BTCUSDT", 61_250.37, 2, 30],
  ["ETHUSDT", 2_631.44, 2, 18],
  ["SOLUSDT", 152.18, 2, 12],
  ["BNBUSDT", 561.2, 1, 9],
  ["XRPUSDT", 0.5843, 4, 8],
  ["DOGEUSDT", 0.12345, 5, 7],
  ["ADAUSDT", 0.3517, 4, 4],
  ["AVAXUSDT", 27.41, 2, 3],
  ["LINKUSDT", 11.27, 2, 2],
  ["PEPEUSDT", 0.00000871, 8, 2],
  ["币安人生USDT", 0.2143, 4, 1],
  ["DOTUSDT", 4.317, 3, 1],
];

/**
 * A small living market in memory, behind the read port and with the events the consumer would publish: what the
 * browser looks at. Numbers come from a seed; time is the clock's.
 */
export class MemoryMarket implements MarketQuery {
  readonly markets: Market[];
  readonly completenessRows: CompletenessRow[] = [];
  readonly deadLetterRows: DeadLetter[] = [];
  readonly alertRows: StoredAlert[] = [];
  trusted = true;
  #origin: Origin;
  #random: () => number;

  constructor(origin: Origin, seed: number, now: number) {
    this.#origin = origin;
    this.#random = seededRandom(seed);
    this.markets = SYMBOLS.map(([symbol, price, scale, lot], index) => ({
      symbol,
      ticks: Math.round(price * 10 ** scale),
      scale,
      lot,
      nextTrade: 1_000_000 * (index + 1),
      updateId: 5_000_000 * (index + 1),
      trades: [],
      klines: [],
    }));
    for (const market of this.markets) this.#past(market, now);
  }

  #past(market: Market, now: number): void {
    const first = Math.floor(now / MINUTE) * MINUTE - 240 * MINUTE;
    for (let time = first; time < now; time += 4000) this.#trade(market, time);
  }

  #trade(market: Market, time: number): TradeRow {
    const step = (this.#random() - 0.5) * market.ticks * 0.0006;
    market.ticks = Math.max(
      1,
      market.ticks + (Math.abs(step) < 1 ? Math.sign(step) * Math.round(this.#random()) : Math.round(step)),
    );
    const trade: TradeRow = {
      symbol: market.symbol,
      trade_id: market.nextTrade++,
      price: text(market.ticks, market.scale),
      quantity: text(Math.floor(this.#random() ** 3 * 2_000_000) + 1000, 5),
      trade_time: time as EpochMs,
      is_buyer_maker: this.#random() < 0.5,
      backfill: false,
    };
    market.trades.push(trade);
    if (market.trades.length > 20_000) market.trades.splice(0, 10_000);
    const open = Math.floor(time / MINUTE) * MINUTE;
    let candle = market.klines.at(-1);
    if (candle === undefined || candle.open_time < open) {
      if (candle !== undefined) candle.closed = true;
      candle = {
        symbol: market.symbol,
        open_time: open as EpochMs,
        close_time: open + MINUTE - 1 as EpochMs,
        open_price: trade.price,
        high_price: trade.price,
        low_price: trade.price,
        close_price: trade.price,
        volume: "0.00000",
        quote_volume: "0.00000",
        number_of_trades: 0,
        first_trade_id: trade.trade_id,
        last_trade_id: trade.trade_id,
        closed: false,
        backfill: false,
        version: time * 1000,
      };
      market.klines.push(candle);
    }
    candle.close_price = trade.price;
    if (Number(trade.price) > Number(candle.high_price)) candle.high_price = trade.price;
    if (Number(trade.price) < Number(candle.low_price)) candle.low_price = trade.price;
    candle.volume = (Number(candle.volume) + Number(trade.quantity)).toFixed(5);
    candle.quote_volume = (Number(candle.quote_volume) + Number(trade.quantity) * Number(trade.price))
      .toFixed(
        5,
      );
    candle.number_of_trades++;
    candle.last_trade_id = trade.trade_id;
    candle.version = time * 1000;
    return { ...trade };
  }

  /** Lets the market live for a moment and publishes what the consumer would. */
  tick(now: number, elapsedMs: number, publish: Publish): void {
    for (const market of this.markets) {
      const count = Math.floor(market.lot * elapsedMs / 1000 + this.#random());
      const trades = Array.from({ length: Math.min(count, 50) }, () => this.#trade(market, now));
      if (trades.length > 0) {
        publish("trades", { symbol: market.symbol, trades });
        publish("klines", { ...market.klines.at(-1)! });
        for (const window of ["1s", "1m"] as const) {
          publish("windows", { ...windowsOf(market.trades.slice(-3000), window).at(-1)! });
        }
      }
      market.updateId += 7;
      publish("books", { ...this.bookOf(market, now) });
    }
  }

  /** One batch of trades of a symbol, without the candles: for bursts. */
  burst(symbol: string, count: number, now: number): TradeRow[] {
    const market = this.markets.find((one) => one.symbol === symbol)!;
    return Array.from({ length: count }, () => this.#trade(market, now));
  }

  bookOf(market: Market, now: number): Book {
    const side = (direction: number) =>
      Array.from({ length: 100 }, (_, level) => {
        const gap = Math.max(1, Math.round(market.ticks * 0.00002));
        const price = market.ticks + direction * gap * (level + 1);
        return [
          text(Math.max(1, price), market.scale),
          text(Math.floor((this.#random() + level / 30) * 300_000) + 100, 5),
        ];
      });
    const bids = side(-1);
    const asks = side(1);
    return {
      symbol: market.symbol,
      bids: JSON.stringify(bids),
      asks: JSON.stringify(asks),
      depth: 100,
      last_update_id: market.updateId,
      trusted: this.trusted,
      updated_at: now as EpochMs,
      version: now * 1000,
      levels: [],
      best_bid: bids[0]![0]!,
      best_ask: asks[0]![0]!,
      spread: null,
      mid: null,
    };
  }

  origin(): Promise<Origin> {
    return Promise.resolve(this.#origin);
  }

  tickers(options: { limit: number; orderBy: string }): Promise<Page<Ticker>> {
    const rows = this.markets.map((market, index): Ticker => {
      const last = market.klines.at(-1)!;
      const first = market.klines[0]!;
      const change = (Number(last.close_price) / Number(first.open_price) - 1) * 100;
      return {
        symbol: market.symbol,
        price_change_percent: change.toFixed(3),
        last_price: last.close_price,
        high_price: extreme(market.klines.map((row) => row.high_price), 1),
        low_price: extreme(market.klines.map((row) => row.low_price), -1),
        volume: "12345.67800000",
        quote_volume: (2_345_678_901.12 / (index + 1) ** 1.2).toFixed(8),
        trade_count: market.trades.length,
        last_trade_id: market.nextTrade - 1,
        quote_asset: "USDT",
        updated_at: last.close_time,
        version: last.version,
        quote_volume_usdt: (2_345_678_901.12 / (index + 1) ** 1.2).toFixed(8),
      };
    });
    if (options.orderBy === "symbol") rows.sort((a, b) => a.symbol < b.symbol ? -1 : 1);
    return Promise.resolve({ rows: rows.slice(0, options.limit), next: null });
  }

  async prices(query: RangeQuery) {
    const { rows } = await this.trades(query);
    return {
      rows: rows.map((row) => ({
        symbol: row.symbol,
        price: row.price,
        updated_at: row.trade_time,
        last_trade_id: row.trade_id,
        version: row.trade_time * 1000,
      })),
      next: null,
    };
  }

  klines(query: RangeQuery): Promise<Page<KlineRow>> {
    return Promise.resolve(newest(this.#of(query.symbol)?.klines ?? [], query));
  }

  trades(query: RangeQuery): Promise<Page<TradeRow>> {
    return Promise.resolve(newest(this.#of(query.symbol)?.trades ?? [], query));
  }

  book(symbol: string): Promise<Book | undefined> {
    const market = this.#of(symbol);
    return Promise.resolve(market && this.bookOf(market, Date.now()));
  }

  aggregates(query: RangeQuery & { window: WindowLength }): Promise<Page<WindowRow>> {
    return Promise.resolve(newest(windowsOf(this.#of(query.symbol)?.trades ?? [], query.window), query));
  }

  completeness(options: { symbol?: string; limit: number }): Promise<Page<CompletenessRow>> {
    const rows = this.completenessRows.filter((row) => !options.symbol || row.symbol === options.symbol);
    return Promise.resolve({ rows: rows.slice(0, options.limit), next: null });
  }

  lineage(symbol: string, tradeId: number): Promise<TradeLineage | undefined> {
    const found = this.#of(symbol)?.trades.find((row) => row.trade_id === tradeId);
    return Promise.resolve(
      found && {
        symbol,
        trade_id: tradeId,
        topic: "binance.public.recent_trades",
        partition: 2,
        first_offset: 5100,
        last_offset: 5163,
        stored_at: found.trade_time,
      },
    );
  }

  deadLetters(options: { limit: number; code?: string; topic?: string }): Promise<Page<DeadLetter>> {
    const rows = this.deadLetterRows.filter((row) =>
      (!options.code || row.code === options.code) && (!options.topic || row.topic === options.topic)
    );
    return Promise.resolve({ rows: rows.slice(0, options.limit), next: null });
  }

  deadLetter(id: string): Promise<DeadLetter | undefined> {
    return Promise.resolve(this.deadLetterRows.find((row) => row.id === id));
  }

  alerts(options: { limit: number }): Promise<Page<StoredAlert>> {
    return Promise.resolve({ rows: this.alertRows.slice(0, options.limit), next: null });
  }

  counts(): Promise<Record<string, number>> {
    return Promise.resolve({
      recent_trades: this.markets.reduce((sum, market) => sum + market.trades.length, 0),
      klines: this.markets.reduce((sum, market) => sum + market.klines.length, 0),
      dead_letters: this.deadLetterRows.length,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #of(symbol: string): Market | undefined {
    return this.markets.find((market) => market.symbol === symbol);
  }
}

/** Ticks as decimal text. */
function text(ticks: number, scale: number): string {
  const digits = String(ticks).padStart(scale + 1, "0");
  return `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

function newest<Row>(rows: Row[], query: RangeQuery): Page<Row> {
  const last = rows.slice(-query.limit);
  return { rows: query.order === "asc" ? last : last.reverse(), next: null };
}

function extreme(texts: string[], sign: number): string {
  return texts.reduce((a, b) => (Number(b) - Number(a)) * sign > 0 ? b : a);
}

function windowsOf(trades: TradeRow[], window: WindowLength): WindowRow[] {
  const length = LENGTH_MS[window];
  const groups = new Map<number, TradeRow[]>();
  for (const trade of trades) {
    const open = Math.floor(trade.trade_time / length) * length;
    const group = groups.get(open);
    if (group === undefined) groups.set(open, [trade]);
    else group.push(trade);
  }
  return [...groups].map(([open, rows]) => {
    const volume = rows.reduce((sum, row) => sum + Number(row.quantity), 0);
    const quote = rows.reduce((sum, row) => sum + Number(row.quantity) * Number(row.price), 0);
    return {
      symbol: rows[0]!.symbol,
      window,
      open_time: open as EpochMs,
      trade_count: rows.length,
      volume: volume.toFixed(5),
      quote_volume: quote.toFixed(8),
      vwap: (quote / volume).toFixed(8),
      realised_volatility: 0.0012 * Math.sqrt(rows.length),
      first_trade_id: rows[0]!.trade_id,
      last_trade_id: rows.at(-1)!.trade_id,
    };
  });
}
