import type { TradeRow } from "../market/table.ts";
import type { StoredWindow } from "./store/market_store.ts";
import type { Alert, Change } from "./transform/transform.ts";

/** How often trades and prices are told at most, ms: what people watch move. */
const FAST_MS = 50;
/** The same of the other channels, whose rows are larger or move more slowly. */
const SLOW_MS = 250;
/** Trades in one round at most, of all symbols: 20,000 a second. What is beyond it is counted. */
const TRADES = 1000;
/** Alerts that wait at most; the store has all. */
const ALERTS = 1000;

/** The event channel of each table; a ledger row changes too rarely to have one. */
const CHANNELS = {
  crypto_24h_stats: "tickers",
  latest_prices: "prices",
  klines: "klines",
  order_book: "books",
} as const;

type Event = Record<string, unknown>;
type WaitingRow = { channel: string; version: number; event: Event };
type WaitingTrades = { rows: TradeRow[]; omitted: number };

/**
 * Tells readers what was stored: to be called after the durable write only. Rows wait for their channel's next round, the
 * newest of each symbol alone, and trades all, up to 1,000 a round: of more, each symbol's share is its newest, and `omitted` says
 * how many were left out. So what waits is bounded by the number of symbols (I10), and a row that came late never takes a
 * reader back. What the host has no room for waits on.
 */
export class Publisher implements Disposable {
  readonly #publish: (channel: string, event: Event) => boolean;
  readonly #fast = new Map<string, WaitingRow>();
  readonly #slow = new Map<string, WaitingRow>();
  readonly #trades = new Map<string, WaitingTrades>();
  readonly #alerts: Event[] = [];
  readonly #fastRounds = new Rounds(
    FAST_MS,
    () => this.#tellAlerts() && this.#tellTrades() && this.#tell(this.#fast),
  );
  readonly #slowRounds = new Rounds(SLOW_MS, () => this.#tell(this.#slow));

  /** `publish` answers whether there was room for the event. */
  constructor(publish: (channel: string, event: Event) => boolean) {
    this.#publish = publish;
  }

  /** Takes changes that are durable. */
  stored(changes: readonly Change[]): void {
    for (const { table, kind, row, version, enrichment } of changes) {
      if (kind === "delete" || table === "completeness") continue;
      if (table === "recent_trades") {
        this.#putTrade(row as TradeRow);
        continue;
      }
      const event = (enrichment === undefined ? row : { ...row, ...enrichment }) as unknown as Event;
      this.#put(CHANNELS[table], row.symbol, version, event);
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
      this.#alerts.push({ id, rule, symbol, message, raised_at: raisedAt, evidence, delivered: false });
      if (this.#alerts.length > ALERTS) this.#alerts.shift();
    }
    if (!this.#tellAlerts()) this.#fastRounds.ask();
  }

  /** Tells what waits, as far as there is room, and no more after it. */
  [Symbol.dispose](): void {
    this.#fastRounds.end();
    this.#slowRounds.end();
  }

  #putTrade(trade: TradeRow): void {
    let waiting = this.#trades.get(trade.symbol);
    if (waiting === undefined) this.#trades.set(trade.symbol, waiting = { rows: [], omitted: 0 });
    waiting.rows.push(trade);
    // Cut rarely, so that a long backlog does not move its rows at each trade.
    if (waiting.rows.length >= 2 * TRADES) this.#cut(waiting, TRADES);
    this.#fastRounds.ask();
  }

  #put(channel: string, key: string, version: number, event: Event): void {
    const fast = channel === "prices";
    const waiting = fast ? this.#fast : this.#slow;
    const at = `${channel} ${key}`;
    const before = waiting.get(at);
    if (before === undefined || before.version <= version) waiting.set(at, { channel, version, event });
    (fast ? this.#fastRounds : this.#slowRounds).ask();
  }

  #cut(waiting: WaitingTrades, length: number): void {
    const omitted = Math.max(0, waiting.rows.length - length);
    waiting.rows.splice(0, omitted);
    waiting.omitted += omitted;
  }

  /** Symbols with few trades first: what they leave of their shares goes to the others. False when the host has no room. */
  #tellTrades(): boolean {
    const waiting = [...this.#trades].sort(([, a], [, b]) => a.rows.length - b.rows.length);
    let room = TRADES;
    for (const [index, [symbol, trades]] of waiting.entries()) {
      this.#cut(trades, Math.max(1, Math.floor(room / (waiting.length - index))));
      const { rows, omitted } = trades;
      if (
        !this.#publish("trades", omitted === 0 ? { symbol, trades: rows } : { symbol, trades: rows, omitted })
      ) {
        return false;
      }
      room -= rows.length;
      this.#trades.delete(symbol);
    }
    return true;
  }

  #tell(waiting: Map<string, WaitingRow>): boolean {
    for (const [at, { channel, event }] of waiting) {
      if (!this.#publish(channel, event)) return false;
      waiting.delete(at);
    }
    return true;
  }

  #tellAlerts(): boolean {
    for (let event = this.#alerts[0]; event !== undefined; event = this.#alerts[0]) {
      if (!this.#publish("alerts", event)) return false;
      this.#alerts.shift();
    }
    return true;
  }
}

/** Runs when it is asked to, the first time at once, then at most once in `everyMs`; again when `run` could not do all. */
class Rounds {
  readonly #everyMs: number;
  readonly #run: () => boolean;
  #ranAt = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(everyMs: number, run: () => boolean) {
    this.#everyMs = everyMs;
    this.#run = run;
  }

  ask(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#ranAt = performance.now();
      if (!this.#run()) this.ask();
    }, Math.max(0, this.#ranAt + this.#everyMs - performance.now()));
  }

  /** A last round, without waiting. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#run();
  }
}
