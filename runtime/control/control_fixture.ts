import { fileURLToPath } from "node:url";
import { epochMs } from "../market/epoch.ts";
import type { Origin } from "../market/origin.ts";
import type { DeadLetter } from "../query/market_query.ts";
import type { EnvelopeSource } from "../change/envelope.ts";
import { type ControlConfig, controlConfig } from "./config.ts";
import { type ControlOptions, createControl } from "./control.ts";
import { MemoryMarketQuery } from "./memory_market_query.ts";
import { MemoryModuleHost } from "./memory_module_host.ts";

/** Tokens of the tests. */
export const VIEWER = "viewer-token-of-the-tests";
export const OPERATOR = "operator-token-of-the-tests";

/** A simulated origin. */
export const ORIGIN: Origin = { kind: "exchange", id: "run-7", label: "exchange, seed 7" };

/** 2026-01-31T12:00:00Z. */
export const T0 = Date.UTC(2026, 0, 31, 12);

/** Options of {@linkcode fixture}. */
export type FixtureOptions = Partial<ControlOptions> & { settings?: Partial<ControlConfig> };

/** A control API over memory adapters with a little of everything in them. */
export function fixture(options: FixtureOptions = {}) {
  const host = new MemoryModuleHost({ maxLines: 50 });
  const query = new MemoryMarketQuery(ORIGIN);
  const logs: { level: string; message: string; fields?: Record<string, unknown> }[] = [];
  fillModules(host);
  fillRows(query);
  const given: ControlOptions = {
    host,
    query,
    origin: ORIGIN,
    profile: "embedded",
    listen: { hostname: "127.0.0.1", port: 0 },
    tokens: { viewer: VIEWER, operator: OPERATOR, source: "generated" },
    consoleFolder: fileURLToPath(new URL("../console", import.meta.url)),
    version: "0.1.0",
    log: (level, message, fields) => void logs.push({ level, message, fields }),
    config: { ...controlConfig.parse({}), sampleMs: 50, ...options.settings },
    readLog: (range) =>
      Promise.resolve({
        topic: range.topic,
        partition: range.partition,
        records: [9, 10, 11].map((offset) => ({
          offset,
          key: `{"symbol":"BTCUSDT"}`,
          value: JSON.stringify({
            before: null,
            after: { symbol: "BTCUSDT", trade_id: offset * 10 },
            source: SOURCE,
            op: "c",
          }),
          timestamp: epochMs(T0),
        })).filter((record) => record.offset >= range.from && record.offset < range.until),
        next: range.until,
        highWatermark: 100,
      }),
    ...options,
  };
  const control = createControl(given);
  const request = async (path: string, init: RequestInit & { token?: string; address?: string } = {}) => {
    const headers = new Headers(init.headers);
    if (!headers.has("host")) headers.set("host", "127.0.0.1:8787");
    if (init.token !== undefined) headers.set("authorization", `Bearer ${init.token}`);
    if (typeof init.body === "string" && !headers.has("content-type")) {
      headers.set("content-type", "application/json");
    }
    return await control.app.request(`http://127.0.0.1:8787${path}`, { ...init, headers }, {
      remoteAddr: { hostname: init.address ?? "127.0.0.1" },
    });
  };
  return { ...control, host, query, logs, given, request };
}

const SOURCE: EnvelopeSource = {
  version: "3.6.3.Final",
  connector: "postgresql",
  name: "binance",
  ts_ms: T0,
  snapshot: "false",
  db: "binance",
  sequence: null,
  ts_us: T0 * 1000,
  ts_ns: T0 * 1_000_000,
  schema: "public",
  table: "recent_trades",
  txId: 771,
  lsn: 24023128,
  xmin: null,
};

function fillModules(host: MemoryModuleHost): void {
  host.add("producer", {
    kind: "producer",
    metrics: { 'candlewire_frames_total{stream="trade"}': 100, candlewire_source_lag_seconds: 0.1 },
  });
  host.add("capture", { kind: "capture", metrics: { candlewire_capture_lag_bytes: 0 } });
  host.add("consumer", { kind: "consumer", metrics: { candlewire_consumer_lag_records: 3 } });
  host.answer("capture", "journal", () => ({
    segments: 2,
    bytes: 1000,
    oldest_at: T0,
    topics: [{ topic: "binance.public.recent_trades", partition: 0, low: 5, high: 100 }],
  }));
  const replays = new Map<string, Record<string, unknown>>();
  host.answer("consumer", "replays.create", (wanted) => {
    const { topic, dry_run = false, correcting = false } = wanted as Record<string, unknown>;
    const replay = {
      id: `replay-${replays.size + 1}`,
      state: "running",
      topic,
      ranges: [{ partition: 0, from: 5, until: 100 }],
      total: 95,
      done: 0,
      stored: 0,
      filtered: 0,
      failed: 0,
      dry_run,
      correcting,
      created_at: T0 + replays.size,
      finished_at: null,
      error: null,
    };
    replays.set(replay.id, replay);
    return replay;
  });
  host.answer("consumer", "replays.list", () => [...replays.values()]);
  host.answer("consumer", "replays.get", (wanted) => replays.get((wanted as { id: string }).id) ?? null);
  host.answer("consumer", "replays.cancel", (wanted) => {
    const replay = replays.get((wanted as { id: string }).id)!;
    replay.state = "cancelled";
    return replay;
  });
  host.answer("consumer", "dead_letters.retry", () => ({ retried: 2, stored: 1, failed: 1 }));
  host.answer("consumer", "dead_letters.drop", () => null);
}

function fillRows(query: MemoryMarketQuery): void {
  const { rows } = query;
  for (let n = 0; n < 30; n++) {
    const at = epochMs(T0 + n * 1000);
    rows.trades.push({
      symbol: "BTCUSDT",
      trade_id: n,
      price: "61234.56000000",
      quantity: "0.00100000",
      trade_time: at,
      is_buyer_maker: n % 2 === 0,
      backfill: false,
    });
    rows.prices.push({
      symbol: "BTCUSDT",
      price: `${61000 + n}.00000000`,
      updated_at: at,
      last_trade_id: n,
      version: at * 1000,
    });
  }
  rows.klines.push({
    symbol: "BTCUSDT",
    open_time: epochMs(T0),
    close_time: epochMs(T0 + 59_999),
    open_price: "1.0",
    high_price: "2.0",
    low_price: "0.5",
    close_price: "1.5",
    volume: "10",
    quote_volume: "12",
    number_of_trades: 3,
    first_trade_id: 1,
    last_trade_id: 3,
    closed: true,
    backfill: false,
    version: 1,
  });
  rows.windows.push({
    symbol: "BTCUSDT",
    window: "1m",
    open_time: epochMs(T0),
    trade_count: 3,
    volume: "10",
    quote_volume: "12",
    vwap: "1.20000000",
    realised_volatility: 0.01,
    first_trade_id: 1,
    last_trade_id: 3,
  });
  for (const [symbol, volume] of [["BTCUSDT", "900"], ["ETHUSDT", "500"], ["币安人生USDT", "1"]] as const) {
    rows.tickers.push({
      symbol,
      price_change_percent: "1.5",
      last_price: "2",
      high_price: "3",
      low_price: "1",
      volume,
      quote_volume: volume,
      trade_count: 3,
      last_trade_id: 3,
      quote_asset: "USDT",
      updated_at: epochMs(T0),
      version: 1,
      quote_volume_usdt: volume,
    });
  }
  const level = (side: "bid" | "ask", level: number) => ({
    side,
    level,
    price: "1",
    quantity: "2",
    notional: "2",
  });
  rows.books.push({
    symbol: "BTCUSDT",
    bids: `[["1","2"],["0.9","2"]]`,
    asks: `[["1.1","2"],["1.2","2"]]`,
    depth: 100,
    last_update_id: 5,
    trusted: true,
    updated_at: epochMs(T0),
    version: 1,
    levels: [level("bid", 0), level("bid", 1), level("ask", 0), level("ask", 1)],
    best_bid: "1",
    best_ask: "1.1",
    spread: "0.1",
    mid: "1.05",
  });
  rows.completeness.push({
    symbol: "BTCUSDT",
    kind: "trade",
    first_id: 1,
    last_id: 3,
    cause: "disconnect",
    state: "refilled",
    detected_at: epochMs(T0),
    updated_at: epochMs(T0),
    version: 1,
  });
  rows.lineage.push({
    symbol: "BTCUSDT",
    trade_id: 100,
    topic: "binance.public.recent_trades",
    partition: 0,
    first_offset: 9,
    last_offset: 11,
    stored_at: epochMs(T0),
  });
  for (let n = 1; n <= 3; n++) rows.deadLetters.push(deadLetter(`letter-${n}`));
  rows.alerts.push({
    id: "alert-1",
    rule: "price-move",
    symbol: "ETHUSDT",
    message: "ETHUSDT -5 % within 10 minutes",
    raised_at: epochMs(T0),
    evidence: { from: "100", to: "95" },
    delivered: false,
  });
}

/** A dead letter with an id. */
export function deadLetter(id: string): DeadLetter {
  return {
    id,
    topic: "binance.public.klines",
    partition: 0,
    offset: 7,
    code: "transform.schema_mismatch",
    message: "Decode the row: column volume is missing",
    key: null,
    value: "{}",
    first_failed_at: epochMs(T0),
    last_failed_at: epochMs(T0),
    attempts: 1,
  };
}
