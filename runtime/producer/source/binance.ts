import { CandlewireError } from "../../error.ts";
import type { EpochMs } from "../../market/epoch.ts";
import type { KlineRow, StatsRow, TradeRow } from "../../market/table.ts";
import type { DepthSnapshot, MarketEvent, MarketSource } from "./market_source.ts";
import { badAnswer, BinanceHttp } from "./binance_http.ts";
import {
  decodeExchangeInfo,
  decodeKlines,
  decodeSnapshot,
  decodeTickers24h,
  decodeTrades,
} from "./binance_rest.ts";
import { isObject, isTime } from "./fields.ts";
import { BinanceStream, type SourceObserver, type StreamLimits } from "./binance_stream.ts";
import { ConnectGate } from "./connect_gate.ts";
import { Inbox } from "./inbox.ts";
import { WeightBudget } from "./weight_budget.ts";

/** Options of {@linkcode BinanceSource}. Without limits, the defaults of `config.ts` are given by the caller. */
export type BinanceSourceOptions = StreamLimits & {
  restTimeoutMs: number;
  restWeightShare: number;
  snapshotLimit: number;
  streamsPerConnection: number;
  /** Decoded events that wait for the reader before sockets are paused. Default 4,096. */
  inboxEvents?: number;
  /** First wait between tries of a failed REST request. Default 250 ms. */
  restBaseMs?: number;
  observer: SourceObserver;
};

/** Binance's request weight a minute until exchangeInfo tells it. */
const WEIGHT_PER_MINUTE = 6_000;

const SNAPSHOT_WEIGHT: Record<number, number> = { 100: 5, 500: 25, 1000: 50, 5000: 250 };

/**
 * Binance's spot market data, or any server that speaks the same (our exchange). Per symbol it follows
 * `<s>@trade`, `<s>@depth@100ms` and `<s>@kline_1m`; of the whole market `!ticker_1d@arr`.
 *
 * Trades of a gap come from `historicalTrades`. The market-data-only hosts do not have it: there the latest 1,000
 * `trades` are used, which are exact; what lies before them counts as lost. `aggTrades` are never used, for they
 * merge trades and their single quantities cannot be told apart any more.
 */
export class BinanceSource implements MarketSource {
  readonly #wsUrl: string;
  readonly #options: BinanceSourceOptions;
  readonly #budget: WeightBudget;
  readonly #http: BinanceHttp;
  readonly #gate = new ConnectGate();
  readonly #closing = new AbortController();
  readonly #quoteAssets = new Map<string, string>();
  #hasHistory = true;

  constructor(restUrl: string, wsUrl: string, options: BinanceSourceOptions) {
    this.#wsUrl = wsUrl;
    this.#options = options;
    this.#budget = new WeightBudget(WEIGHT_PER_MINUTE, { share: options.restWeightShare });
    this.#http = new BinanceHttp(restUrl, this.#budget, {
      timeoutMs: options.restTimeoutMs,
      baseMs: options.restBaseMs ?? 250,
    });
  }

  /** REST weight used in the current minute. */
  get weightUsed(): number {
    return this.#budget.used;
  }

  async market(signal: AbortSignal) {
    const info = decodeExchangeInfo((await this.#get("exchangeInfo", {}, 20, signal)).body);
    if (info.rows.length === 0) {
      throw badAnswer("exchangeInfo", info.problems[0] ?? "no symbol trades");
    }
    this.#report("exchangeInfo", info.problems);
    if (info.weightPerMinute !== null) this.#budget.limit(info.weightPerMinute);
    this.#quoteAssets.clear();
    for (const row of info.rows) this.#quoteAssets.set(row.symbol, row.quoteAsset);
    const tickers = decodeTickers24h((await this.#get("ticker/24hr", {}, 80, signal)).body);
    this.#report("ticker/24hr", tickers.problems);
    const stats = new Map<string, StatsRow>();
    for (const row of tickers.rows) stats.set(row.symbol, row);
    return info.rows.map((row) => {
      const found = stats.get(row.symbol);
      return { ...row, stats: found === undefined ? null : { ...found, quote_asset: row.quoteAsset } };
    });
  }

  async *events(symbols: string[], signal: AbortSignal): AsyncIterable<MarketEvent[]> {
    const stop = new AbortController();
    const until = AbortSignal.any([signal, this.#closing.signal, stop.signal]);
    const inbox = new Inbox(this.#options.inboxEvents ?? 4_096);
    const { observer } = this.#options;
    let failure: unknown;
    const runs = this.#groups(symbols).map((group) =>
      new BinanceStream(this.#wsUrl, group, { inbox, gate: this.#gate, observer, limits: this.#options })
        .run(until).catch((error) => {
          failure = error;
          stop.abort();
        })
    );
    try {
      for (;;) {
        const batch = await inbox.take(until);
        if (batch === undefined) break;
        for (const event of batch) {
          if (event.kind === "stats") {
            event.stats.quote_asset = this.#quoteAssets.get(event.stats.symbol) ?? null;
          }
        }
        yield batch;
      }
    } finally {
      stop.abort();
      await Promise.all(runs);
    }
    if (failure !== undefined) throw failure;
  }

  async snapshot(symbol: string, signal: AbortSignal): Promise<DepthSnapshot> {
    const limit = this.#options.snapshotLimit;
    const { body } = await this.#get("depth", { symbol, limit }, SNAPSHOT_WEIGHT[limit] ?? 250, signal);
    const snapshot = decodeSnapshot(symbol, body);
    if (typeof snapshot === "string") throw badAnswer(`depth of ${symbol}`, snapshot);
    return snapshot;
  }

  async trades(symbol: string, fromId: number, limit: number, signal: AbortSignal): Promise<TradeRow[]> {
    const rows = this.#hasHistory
      ? await this.#historicalTrades(symbol, fromId, Math.min(limit, 1_000), signal)
      : undefined;
    if (rows !== undefined) return rows;
    let body: unknown;
    try {
      ({ body } = await this.#get("trades", { symbol, limit: 1_000 }, 25, signal));
    } catch (error) {
      // The refusal was not of that path alone, so it may pass.
      this.#hasHistory = true;
      throw error;
    }
    return this.#tradeRows(symbol, body).filter((row) => row.trade_id >= fromId).slice(0, limit);
  }

  async klines(symbol: string, from: EpochMs, to: EpochMs, signal: AbortSignal): Promise<KlineRow[]> {
    // Asked first: what was closed then is closed in the answer. The clock here plays no part.
    const time = await this.#time(signal);
    const rows: KlineRow[] = [];
    for (let startTime: number = from; startTime < to;) {
      const query = { symbol, interval: "1m", startTime, endTime: to - 1, limit: 1_000 };
      const { body } = await this.#get("klines", query, 2, signal);
      const page = decodeKlines(symbol, body, time.serverTime);
      this.#report("klines", page.problems);
      for (const row of page.rows) if (row.closed && row.open_time < to) rows.push(row);
      const last = page.rows.at(-1);
      if (last === undefined || page.rows.length < 1_000 || last.open_time < startTime) break;
      startTime = last.open_time + 60_000;
    }
    return rows;
  }

  /** The exchange's clock minus ours, ms: right to half of what the answer took. */
  async clockOffset(signal: AbortSignal): Promise<number> {
    const { serverTime, sentAt, receivedAt } = await this.#time(signal);
    return serverTime - (sentAt + receivedAt) / 2;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    return Promise.resolve();
  }

  async #time(signal: AbortSignal) {
    const { body, sentAt, receivedAt } = await this.#get("time", {}, 1, signal);
    if (!isObject(body) || !isTime(body.serverTime)) throw badAnswer("time", "no serverTime");
    return { serverTime: body.serverTime, sentAt, receivedAt };
  }

  /** Undefined when this host has no history. */
  async #historicalTrades(symbol: string, fromId: number, limit: number, signal: AbortSignal) {
    try {
      const { body } = await this.#get("historicalTrades", { symbol, fromId, limit }, 25, signal);
      return this.#tradeRows(symbol, body).filter((row) => row.trade_id >= fromId);
    } catch (error) {
      // The market-data-only host refuses this one path; a blocked region refuses the others as well, below.
      const refused = error instanceof CandlewireError &&
        (error.code === "source.not_found" || error.code === "source.region_blocked" ||
          error.details.status === 401);
      if (!refused) throw error;
      this.#hasHistory = false;
      return undefined;
    }
  }

  #tradeRows(symbol: string, body: unknown): TradeRow[] {
    const decoded = decodeTrades(symbol, body);
    if (!Array.isArray(body)) throw badAnswer(`trades of ${symbol}`, decoded.problems[0] ?? "no list");
    this.#report("trades", decoded.problems);
    return decoded.rows;
  }

  #get(path: string, query: Record<string, string | number>, weight: number, signal: AbortSignal) {
    return this.#http.get(path, query, {
      weight,
      signal: AbortSignal.any([signal, this.#closing.signal]),
    });
  }

  #report(path: string, problems: string[]): void {
    for (const reason of problems) {
      this.#options.observer.problem({ code: "source.bad_frame", reason, stream: `GET ${path}` });
    }
  }

  /** All streams of one symbol share a connection, so that their events keep their order. */
  #groups(symbols: string[]): { streams: string[]; symbols: string[] }[] {
    const groups = [{ streams: ["!ticker_1d@arr"], symbols: [] as string[] }];
    for (const symbol of symbols) {
      let group = groups.at(-1)!;
      if (group.streams.length + 3 > Math.min(1_024, this.#options.streamsPerConnection)) {
        groups.push(group = { streams: [], symbols: [] });
      }
      const name = symbol.toLowerCase();
      group.streams.push(`${name}@trade`, `${name}@depth@100ms`, `${name}@kline_1m`);
      group.symbols.push(symbol);
    }
    return groups;
  }
}
