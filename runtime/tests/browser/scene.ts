import type { EpochMs } from "../../market/epoch.ts";
import type { Origin } from "../../market/origin.ts";
import { CandlewireError } from "../../error.ts";
import { MemoryHost } from "./memory_host.ts";
import { MemoryMarket } from "./memory_market.ts";

/** Text that would run as code if the console ever made HTML of data. */
export const HOSTILE = `<img src=x onerror="globalThis.pwned=1"><script>globalThis.pwned=1</script>`;

/** Options of {@linkcode newScene}. */
export type SceneOptions = { origin?: Origin; seed?: number; empty?: boolean };

/** A whole host in memory that looks like a running pipeline: modules, a living market, letters, gaps, alerts. */
export function newScene(options: SceneOptions = {}) {
  const origin = options.origin ?? { kind: "exchange", id: "run-7", label: "exchange, seed 7" };
  const now = Date.now();
  const market = new MemoryMarket(origin, options.seed ?? 7, now);
  if (options.empty) market.markets.splice(0);
  const host = new MemoryHost();
  const at = (secondsAgo: number) => now - secondsAgo * 1000 as EpochMs;
  host.add("producer", "producer", {
    detail: "20 symbols by 2 connections, 20 books trusted",
    permissions: { granted: ["net 127.0.0.1:8788", "net 127.0.0.1:5433"], refused: [] },
  });
  host.add("capture", "capture", {
    detail: "Streaming slot candlewire",
    permissions: { granted: ["net 127.0.0.1:5433", "write data/journal"], refused: [] },
  });
  host.add("consumer", "consumer", { detail: "24 partitions", cpuSeconds: 3, restarts: 1, restartBudget: 4 });
  host.add("spread-filter", "transform", {
    description: "Keeps trades above a notional",
    state: "awaiting_approval",
    detail: "Its code changed since it was allowed",
    pid: null,
    rssBytes: null,
    cpuSeconds: null,
    permissions: { granted: [], refused: ["net example.org:443"] },
    violations: { "permission.net": 3 },
    memoryLimitBytes: 64_000_000,
  });
  if (!options.empty) {
    for (const [id, code, message] of LETTERS) {
      market.deadLetterRows.push({
        id,
        topic: "binance.public.recent_trades",
        partition: 2,
        offset: 5000 + market.deadLetterRows.length,
        code,
        message,
        key: `{"symbol":"${id === "dl-3" ? HOSTILE.replaceAll('"', '\\"') : "BTCUSDT"}"}`,
        value:
          `{"op":"c","after":{"symbol":"BTCUSDT","trade_id":90071992547409931,"price":"61250.10000000","note":${
            JSON.stringify(HOSTILE)
          }},"source":{"lsn":24023128,"ts_ms":1763899200000}}`,
        first_failed_at: at(900),
        last_failed_at: at(60),
        attempts: 3,
      });
    }
    market.completenessRows.push(
      gap("BTCUSDT", "trade", 1_000_100, 1_000_180, "disconnect", "refilled", at(3000)),
      gap("ETHUSDT", "trade", 2_000_400, 2_000_900, "producer_down", "open", at(40)),
      gap("SOLUSDT", "book", 15_000_007, 15_000_021, "source_gap", "refilled", at(800)),
      gap("XRPUSDT", "trade", 5_000_010, 5_000_012, "refill_limit", "lost", at(700)),
    );
    market.alertRows.push({
      id: "alert-1",
      rule: "price-move",
      symbol: "ETHUSDT",
      message: "ETHUSDT −5.1 % within 10 minutes",
      raised_at: at(120),
      evidence: { from: "2631.44", to: "2497.23", from_trade_id: 2_000_010, to_trade_id: 2_000_870 },
      delivered: true,
    });
  }
  host.log("producer", "info", "Subscribed to 61 streams", { connection: 1 });
  host.log("producer", "warn", `Drop a frame of an unknown stream: ${HOSTILE}`, { stream: HOSTILE });
  host.log("producer", "error", "Read the socket: it was closed by the peer", { code: 1006, attempt: 2 });
  host.log("producer", "info", "Connected again", { after_ms: 812 });

  const replays: Record<string, unknown>[] = [];
  host.answer("capture", "journal", () => ({
    segments: 7,
    bytes: 184_000_000,
    oldest_at: at(3600),
    topics: ["recent_trades", "klines", "order_book", "latest_prices", "crypto_24h_stats", "completeness"]
      .flatMap((
        table,
      ) =>
        [0, 1, 2, 3].map((partition) => ({
          topic: `binance.public.${table}`,
          partition,
          low: 0,
          high: 81_234,
        }))
      ),
  }));
  host.answer("consumer", "replays.list", () => replays);
  host.answer("consumer", "replays.get", (parameters) => replayOf(replays, parameters));
  host.answer("consumer", "replays.create", (parameters) => {
    const wanted = parameters as Record<string, unknown>;
    const replay = {
      id: `replay-${replays.length + 1}`,
      state: "running",
      topic: wanted.topic,
      ranges: [{
        partition: Number(wanted.partition ?? 0),
        from: Number(wanted.from_offset ?? 0),
        until: 81_234,
      }],
      total: 81_234,
      done: 0,
      stored: 0,
      filtered: 0,
      failed: 0,
      dry_run: wanted.dry_run ?? false,
      correcting: wanted.correcting ?? false,
      created_at: Date.now(),
      finished_at: null,
      error: null,
    };
    replays.unshift(replay);
    return replay;
  });
  host.answer("consumer", "replays.cancel", (parameters) => {
    const replay = replayOf(replays, parameters);
    Object.assign(replay, { state: "cancelled", finished_at: Date.now() });
    return replay;
  });
  host.answer("consumer", "dead_letters.retry", (parameters) => {
    const { ids, code, topic } = parameters as { ids?: string[]; code?: string; topic?: string };
    const chosen = market.deadLetterRows.filter((row) =>
      (ids?.includes(row.id) ?? true) && (code === undefined || row.code === code) &&
      (topic === undefined || row.topic === topic)
    );
    for (const row of chosen) market.deadLetterRows.splice(market.deadLetterRows.indexOf(row), 1);
    return { retried: chosen.length, stored: chosen.length, failed: 0 };
  });
  host.answer("consumer", "dead_letters.drop", (parameters) => {
    const { id } = parameters as { id: string };
    const index = market.deadLetterRows.findIndex((row) => row.id === id);
    if (index >= 0) market.deadLetterRows.splice(index, 1);
    return { id };
  });

  let last = now;
  /** Lets the pipeline live until now: counters rise, trades happen, replays go on. */
  const tick = () => {
    const time = Date.now();
    const elapsed = time - last;
    last = time;
    let stored = 0;
    market.tick(time, elapsed, (channel, event) => {
      stored += channel === "trades" ? (event.trades as unknown[]).length : 1;
      host.publish(channel, event);
    });
    grow(host, "producer", { candlewire_frames_total: stored * 1.3, candlewire_rows_written_total: stored }, {
      candlewire_books_trusted: 20,
      candlewire_source_lag_seconds: 0.042,
      candlewire_rest_weight_used: 112,
    });
    grow(host, "capture", {
      candlewire_captured_changes_total: stored,
      ...latency("candlewire_capture_latency_seconds", stored),
    }, {
      candlewire_capture_lag_bytes: 18_432,
      candlewire_journal_bytes: 184_000_000,
    });
    grow(host, "consumer", {
      candlewire_consumed_records_total: stored,
      candlewire_stored_rows_total: stored,
      ...latency("candlewire_store_latency_seconds", stored),
    }, { candlewire_consumer_lag_records: 214 });
    for (const name of ["producer", "capture", "consumer"]) {
      const module = host.of(name);
      if (module.state === "running") {
        Object.assign(module, {
          cpuSeconds: (module.cpuSeconds ?? 0) + elapsed / 1000 * 0.17,
          lastHeartbeatAt: time,
        });
      }
    }
    for (const replay of replays) {
      if (replay.state !== "running") continue;
      const done = Math.min(Number(replay.total), Number(replay.done) + Math.round(elapsed * 2));
      Object.assign(replay, { done, stored: done });
      if (done === replay.total) Object.assign(replay, { state: "done", finished_at: time });
    }
  };
  return { origin, host, market, replays, tick };
}

const LETTERS: [string, string, string][] = [
  ["dl-1", "transform.schema_mismatch", `Read the column "price": expected decimal text, got "12,5"`],
  ["dl-2", "transform.schema_mismatch", `Read the column "quantity": it is missing`],
  ["dl-3", "store.out_of_range", `Store the row of ${HOSTILE}: the value 1e400 is out of range`],
];

function gap(
  symbol: string,
  kind: "trade" | "book",
  first: number,
  last: number,
  cause: string,
  state: "open" | "refilled" | "lost",
  at: EpochMs,
) {
  return {
    symbol,
    kind,
    first_id: first,
    last_id: last,
    cause,
    state,
    detected_at: at,
    updated_at: at,
    version: at * 1000,
  };
}

function replayOf(replays: Record<string, unknown>[], parameters: unknown): Record<string, unknown> {
  const { id } = parameters as { id: string };
  const replay = replays.find((one) => one.id === id);
  if (replay !== undefined) return replay;
  throw new CandlewireError("consumer.unknown_replay", `Find the replay "${id}": there is none`);
}

function grow(
  host: MemoryHost,
  name: string,
  counters: Record<string, number>,
  gauges: Record<string, number>,
): void {
  const module = host.of(name);
  if (module.state !== "running") return;
  for (const [key, by] of Object.entries(counters)) {
    module.metrics[key] = (module.metrics[key] ?? 0) + Math.round(by);
  }
  Object.assign(module.metrics, gauges);
}

/** A histogram's growth: most within 5 ms, some within 25 ms, few within 100 ms. */
function latency(name: string, count: number): Record<string, number> {
  return {
    [`${name}_count`]: count,
    [`${name}_sum`]: count * 0.006,
    [`${name}_bucket{le="0.005"}`]: count * 0.6,
    [`${name}_bucket{le="0.025"}`]: count * 0.97,
    [`${name}_bucket{le="0.1"}`]: count,
    [`${name}_bucket{le="+Inf"}`]: count,
  };
}
