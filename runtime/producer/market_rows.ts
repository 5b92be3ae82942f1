import type { EpochMs } from "../market/epoch.ts";
import { type PriceRow, rowVersion, type StatsRow, type TradeRow } from "../market/table.ts";

/** Options of {@linkcode MarketRows}; meaning in `config.ts`. */
export type MarketRowsOptions = { marketCadenceMs: number; symbolCadenceMs: number };

type Slot<Row> = { row: Row; written: Row | undefined; writtenAt: number; version: number };

/**
 * The newest statistics and price of each symbol, written when their numbers changed and at most once a cadence.
 * Pure: time is passed in. Of two with the same event time the one with the higher trade id is the newer.
 */
export class MarketRows {
  readonly #options: MarketRowsOptions;
  readonly #configured: ReadonlySet<string>;
  readonly #stats = new Map<string, Slot<StatsRow>>();
  readonly #prices = new Map<string, Slot<PriceRow>>();
  /** Symbols with something unwritten, so that a tick does not look at the whole market. */
  readonly #changedStats = new Set<string>();
  readonly #changedPrices = new Set<string>();

  constructor(symbols: string[], options: MarketRowsOptions) {
    this.#configured = new Set(symbols);
    this.#options = options;
  }

  /** A newer price of a configured symbol. */
  trade(trade: TradeRow): void {
    this.#price(trade.symbol, trade.price, trade.trade_time, trade.trade_id);
  }

  stats(row: StatsRow): void {
    const slot = this.#stats.get(row.symbol);
    if (slot === undefined) {
      this.#stats.set(row.symbol, { row, written: undefined, writtenAt: -Infinity, version: 0 });
    } else {
      if (!newer(row.updated_at, row.last_trade_id, slot.row.updated_at, slot.row.last_trade_id)) return;
      slot.row = row;
    }
    this.#changedStats.add(row.symbol);
    // Configured symbols have their price from trades, which are sooner and exact in time.
    if (this.#configured.has(row.symbol) || row.last_trade_id < 0) return;
    if (this.#prices.get(row.symbol)?.row.last_trade_id === row.last_trade_id) return;
    this.#price(row.symbol, row.last_price, row.updated_at, row.last_trade_id);
  }

  /** Rows that are due. `all`: without waiting for the cadence, at the end. */
  due(now: EpochMs, all = false): { crypto_24h_stats: StatsRow[]; latest_prices: PriceRow[] } {
    return {
      crypto_24h_stats: this.#take(this.#stats, this.#changedStats, now, all, sameStats),
      latest_prices: this.#take(this.#prices, this.#changedPrices, now, all, samePrice),
    };
  }

  #price(symbol: string, price: string, time: EpochMs, tradeId: number): void {
    const slot = this.#prices.get(symbol);
    if (slot !== undefined && !newer(time, tradeId, slot.row.updated_at, slot.row.last_trade_id)) return;
    const row = { symbol, price, updated_at: time, last_trade_id: tradeId, version: rowVersion(time) };
    if (slot === undefined) {
      this.#prices.set(symbol, { row, written: undefined, writtenAt: -Infinity, version: 0 });
    } else slot.row = row;
    this.#changedPrices.add(symbol);
  }

  #take<Row extends StatsRow | PriceRow>(
    slots: Map<string, Slot<Row>>,
    changed: Set<string>,
    now: EpochMs,
    all: boolean,
    same: (a: Row, b: Row) => boolean,
  ): Row[] {
    const rows: Row[] = [];
    for (const symbol of changed) {
      const slot = slots.get(symbol)!;
      const cadence = this.#configured.has(symbol)
        ? this.#options.symbolCadenceMs
        : this.#options.marketCadenceMs;
      if (!all && now - slot.writtenAt < cadence) continue;
      changed.delete(symbol);
      // A window that only moved on tells nothing new, and every update becomes a change event.
      if (slot.written !== undefined && same(slot.row, slot.written)) continue;
      // Two rows within one millisecond: the next revision, so that the later one wins everywhere.
      slot.version = Math.max(rowVersion(slot.row.updated_at), slot.version + 1);
      slot.written = { ...slot.row, version: slot.version };
      slot.writtenAt = now;
      rows.push(slot.written);
    }
    return rows;
  }
}

function newer(time: number, id: number, knownTime: number, knownId: number): boolean {
  return time !== knownTime ? time > knownTime : id > knownId;
}

function sameStats(a: StatsRow, b: StatsRow): boolean {
  return a.last_trade_id === b.last_trade_id && a.trade_count === b.trade_count &&
    a.last_price === b.last_price && a.price_change_percent === b.price_change_percent &&
    a.high_price === b.high_price && a.low_price === b.low_price && a.volume === b.volume &&
    a.quote_volume === b.quote_volume && a.quote_asset === b.quote_asset;
}

function samePrice(a: PriceRow, b: PriceRow): boolean {
  return a.price === b.price;
}
