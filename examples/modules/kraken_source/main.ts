/**
 * A source of another venue as a user module: reads Kraken's public trades and hands them to the producer, which
 * writes them beside Binance's. It may connect to one address and call one method, nothing else; see manifest.json.
 * Copy the folder into the modules folder to load it.
 */
import type { ModuleContext } from "../../../runtime/host/module_context.ts";
import type { CompletenessRow, TableBatch, TradeRow } from "../../../runtime/market/table.ts";
import { decodeKraken } from "./kraken_trade.ts";

/** Trades that may wait for the producer; beyond, the socket is closed and the gap recorded (I10). */
const MAX_WAITING = 10_000;
const MAX_BATCH = 1_000;
/** Kraken sends a heartbeat each second; silence for so long means that the connection is dead, ms. */
const SILENCE_MS = 15_000;
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 30_000;

export default async function main(context: ModuleContext): Promise<void> {
  const { url, symbols } = context.parameters;
  if (typeof url !== "string" || !Array.isArray(symbols) || symbols.length === 0) {
    throw new TypeError(`Configure kraken_source: url and symbols are ${JSON.stringify({ url, symbols })}`);
  }
  const waiting: TradeRow[] = [];
  const lastIds = new Map<string, number>();
  const { signal } = context;
  const delivering = deliver(context, waiting, lastIds);
  let waitMs = FIRST_WAIT_MS;
  while (!signal.aborted) {
    const heard = await listen(context, { url, symbols: symbols.map(String), waiting });
    if (signal.aborted) break;
    waitMs = heard ? FIRST_WAIT_MS : Math.min(waitMs * 2, MAX_WAIT_MS);
    context.metrics.count("candlewire_reconnects_total");
    await pause(waitMs * (0.5 + Math.random() / 2), signal);
  }
  context.health("stopping", `${waiting.length} trades left to hand over`);
  await delivering;
}

/** One connection, until it ends. True when trades came over it. */
function listen(
  context: ModuleContext,
  options: { url: string; symbols: string[]; waiting: TradeRow[] },
): Promise<boolean> {
  const { url, symbols, waiting } = options;
  const { signal } = context;
  return new Promise((resolve) => {
    let heard = false;
    const socket = new WebSocket(url);
    const close = () => socket.close();
    let silence = setTimeout(close, SILENCE_MS);
    signal.addEventListener("abort", close, { once: true });
    socket.onopen = () => {
      socket.send(
        JSON.stringify({
          method: "subscribe",
          params: { channel: "trade", symbol: symbols, snapshot: true },
        }),
      );
      context.health("running", `Connected to ${new URL(url).host}`);
    };
    socket.onmessage = ({ data }) => {
      clearTimeout(silence);
      silence = setTimeout(close, SILENCE_MS);
      const message = decodeKraken(String(data));
      if (message.kind === "trades") {
        heard = true;
        context.metrics.count("candlewire_frames_total", 1, { stream: "trade" });
        // What does not fit comes again in the next snapshot, or is recorded as a gap.
        if (waiting.length + message.trades.length > MAX_WAITING) return close();
        waiting.push(...message.trades);
      } else if (message.kind === "bad" || message.kind === "refused") {
        const text = message.kind === "bad" ? message.message : `Subscribe: ${message.error}`;
        context.metrics.count("candlewire_bad_frames_total", 1, { code: message.kind });
        context.log("warn", text);
        if (message.kind === "refused") context.health("degraded", text);
      }
    };
    socket.onerror = (event) => context.log("warn", `Read ${url}: ${(event as ErrorEvent).message}`);
    socket.onclose = () => {
      clearTimeout(silence);
      signal.removeEventListener("abort", close);
      if (!signal.aborted) context.health("degraded", "Disconnected; trying again");
      resolve(heard);
    };
  });
}

/** Hands the trades over in order. The producer's writes are idempotent, so a batch whose answer was lost goes again. */
async function deliver(
  context: ModuleContext,
  waiting: TradeRow[],
  lastIds: Map<string, number>,
): Promise<void> {
  const { signal } = context;
  let failures = 0;
  while (!signal.aborted || waiting.length > 0) {
    if (waiting.length === 0) {
      await pause(20, signal);
      continue;
    }
    const trades = waiting.slice(0, MAX_BATCH);
    const batch: TableBatch = { recent_trades: trades, completeness: gapsIn(trades, lastIds) };
    try {
      await context.call("producer", "rows", { batch });
      waiting.splice(0, trades.length);
      for (const { symbol, trade_id } of trades) {
        lastIds.set(symbol, Math.max(trade_id, lastIds.get(symbol) ?? 0));
      }
      context.metrics.count("candlewire_rows_written_total", trades.length, { table: "recent_trades" });
      failures = 0;
    } catch (error) {
      const { code, retry } = error as { code?: string; retry?: string };
      if (retry !== "retry") throw error;
      // While it stops, what is left comes again in the next start's snapshot.
      if (signal.aborted) return;
      context.log("warn", `Hand over ${trades.length} trades: ${code}`, { failures: ++failures });
      await pause(Math.min(100 * 2 ** failures, 5_000), signal);
    }
  }
}

/** Ids that are missing between what was handed over and these trades (I3); Kraken's ids are contiguous per symbol. */
export function gapsIn(trades: readonly TradeRow[], lastIds: ReadonlyMap<string, number>): CompletenessRow[] {
  const last = new Map(lastIds);
  const gaps: CompletenessRow[] = [];
  for (const { symbol, trade_id, trade_time } of trades) {
    const before = last.get(symbol);
    if (before !== undefined && trade_id > before + 1) {
      gaps.push({
        symbol,
        kind: "trade",
        first_id: before + 1,
        last_id: trade_id - 1,
        cause: "disconnect",
        state: "lost",
        detected_at: trade_time,
        updated_at: trade_time,
        version: trade_time * 1000,
      });
    }
    last.set(symbol, Math.max(trade_id, before ?? 0));
  }
  return gaps;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
