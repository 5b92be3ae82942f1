import { epochMs } from "../market/epoch.ts";
import type { KlineRow, StatsRow, TradeRow } from "../market/table.ts";
import type { ProducerConfig } from "./config.ts";
import type { MarketSource } from "./source/market_source.ts";

/** Options of {@linkcode fetchHistory}. */
export type HistoryOptions = {
  config: Pick<ProducerConfig, "initialTrades" | "initialKlines">;
  /** What each symbol has already; those symbols are left alone. */
  stored: { trades: Map<string, number>; klines: Map<string, number> };
  stats: Map<string, StatsRow>;
  signal: AbortSignal;
  add: (trades: TradeRow[], klines: KlineRow[]) => void;
  onFailure: (error: unknown) => void;
};

/** Symbols asked for at the same time. */
const PARALLEL = 4;

/**
 * The recent past of symbols of which nothing is stored, so that a first start shows something at once. A symbol's
 * rows are added together: without them its history merely begins later, so a failure is not tried again.
 */
export async function fetchHistory(
  source: MarketSource,
  symbols: string[],
  options: HistoryOptions,
): Promise<void> {
  const queue = [...symbols];
  const worker = async () => {
    for (
      let symbol = queue.shift();
      symbol !== undefined && !options.signal.aborted;
      symbol = queue.shift()
    ) {
      try {
        options.add(await trades(source, symbol, options), await klines(source, symbol, options));
      } catch (error) {
        if (!options.signal.aborted) options.onFailure(error);
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}

async function trades(source: MarketSource, symbol: string, options: HistoryOptions): Promise<TradeRow[]> {
  const { initialTrades } = options.config;
  const stats = options.stats.get(symbol);
  if (initialTrades === 0 || options.stored.trades.has(symbol)) return [];
  if (stats === undefined || stats.last_trade_id < 0) return [];
  // Not before the 24 h window: there nothing says that ids exist.
  const wanted = Math.min(initialTrades, stats.trade_count);
  if (wanted === 0) return [];
  return await source.trades(symbol, stats.last_trade_id - wanted + 1, initialTrades, options.signal);
}

async function klines(source: MarketSource, symbol: string, options: HistoryOptions): Promise<KlineRow[]> {
  const { initialKlines } = options.config;
  const stats = options.stats.get(symbol);
  if (initialKlines === 0 || stats === undefined || options.stored.klines.has(symbol)) return [];
  // The exchange's own time, for a simulated one may live at another.
  const to = Math.floor(stats.updated_at / 60_000) * 60_000;
  return await source.klines(symbol, epochMs(to - initialKlines * 60_000), epochMs(to), options.signal);
}
