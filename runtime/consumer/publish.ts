import type { EpochMs } from "../market/epoch.ts";
import type { TradeRow } from "../market/table.ts";
import type { StoredWindow } from "./store/market_store.ts";
import type { Alert, Change } from "./transform/transform.ts";

/** How often a channel tells of one symbol at most: four times a second. */
const FLUSH_MS = 250;
/** Trades of one symbol in one event at most: the newest. */
const TRADES = 50;

/** The event channel of each table; a ledger row changes too rarely to have one. */
const CHANNELS = {
  crypto_24h_stats: "tickers",
  latest_prices: "prices",
  klines: "klines",
  order_book: "books",
} as const;

/**
 * Tells readers what was stored: to be called after the durable write only. Keeps the newest row per channel and symbol
 * until the next flush, so that what waits is bounded by the number of symbols (I10), and a row that came late never
 * takes a reader back.
 */
export class Publisher {
  readonly #publish: (channel: string, event: Record<string, unknown>) => void;
  readonly #pending = new Map<string, { channel: string; version: number; event: Record<string, unknown> }>();
  readonly #trades = new Map<string, TradeRow[]>();
  #flushedAt = -Infinity;

  constructor(publish: (channel: string, event: Record<string, unknown>) => void) {
    this.#publish = publish;
  }

  /** Takes changes that are durable. */
  stored(changes: readonly Change[]): void {
    for (const { table, kind, row, version, enrichment } of changes) {
      if (kind === "delete" || table === "completeness") continue;
      if (table === "recent_trades") {
        const trade = row as TradeRow;
        const trades = this.#trades.get(trade.symbol);
        if (trades === undefined) this.#trades.set(trade.symbol, [trade]);
        else {
          trades.push(trade);
          if (trades.length >= 4 * TRADES) trades.splice(0, trades.length - TRADES);
        }
        continue;
      }
      const event = enrichment === undefined ? row : { ...row, ...enrichment };
      this.#put(CHANNELS[table], row.symbol, version, event as unknown as Record<string, unknown>);
    }
  }

  /** Takes windows that are durable. */
  windows(windows: readonly StoredWindow[]): void {
    for (const { realised_variance, ...row } of windows) {
      if (row.trade_count === 0) continue;
      const realised_volatility = realised_variance === null ? null : Math.sqrt(realised_variance);
      this.#put("windows", `${row.symbol} ${row.window}`, row.open_time, { ...row, realised_volatility });
    }
  }

  /** Tells of alerts at once: they are few, and durable already. */
  alerts(alerts: readonly Alert[]): void {
    for (const { id, rule, symbol, message, raisedAt, evidence } of alerts) {
      this.#publish("alerts", { id, rule, symbol, message, raised_at: raisedAt, evidence, delivered: false });
    }
  }

  /** Sends what waits, at most every 250 ms; `now` is a monotonic or wall clock in ms. */
  flush(now: EpochMs | number): void {
    if (now - this.#flushedAt < FLUSH_MS) return;
    this.#flushedAt = now;
    for (const [symbol, trades] of this.#trades) {
      this.#publish("trades", { symbol, trades: trades.slice(-TRADES) });
    }
    this.#trades.clear();
    for (const { channel, event } of this.#pending.values()) this.#publish(channel, event);
    this.#pending.clear();
  }

  #put(channel: string, key: string, version: number, event: Record<string, unknown>): void {
    const at = `${channel} ${key}`;
    const waiting = this.#pending.get(at);
    if (waiting === undefined || waiting.version <= version) {
      this.#pending.set(at, { channel, version, event });
    }
  }
}
