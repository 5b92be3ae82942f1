import { type MemoryContext, memoryContext, type MemoryContextOptions } from "../../host/memory_context.ts";
import { type ProducerConfig, producerConfig } from "../config.ts";
import { runProducer } from "../producer.ts";
import { Report } from "../report.ts";
import { BinanceSource } from "../source/binance.ts";
import type { MarketTables } from "../table/market_table.ts";

/** A producer in this process. */
export type RunningProducer = AsyncDisposable & {
  context: MemoryContext;
  /** Resolves when it has ended, rejects when it failed. */
  ended: Promise<void>;
  /** Drains and ends it. */
  stop(): Promise<void>;
};

/** Short times, so that tests need not wait. */
const QUICK: Partial<ProducerConfig> = {
  marketCadenceMs: 100,
  symbolCadenceMs: 50,
  bookCadenceMs: 50,
  gapGraceMs: 100,
  reconnectBaseMs: 20,
  reconnectCapMs: 200,
  overlapMs: 100,
  lingerMs: 1,
};

/** Starts the producer against an exchange. */
export function startProducer(
  exchange: { url: string; wsUrl: string },
  tables: MarketTables,
  options: {
    symbols?: string[] | null;
    config?: Partial<ProducerConfig>;
    answer?: MemoryContextOptions["answer"];
  } = {},
): RunningProducer {
  const config = producerConfig.parse({ ...QUICK, ...options.config });
  const context = memoryContext(config, {
    name: "producer",
    ...options.answer === undefined ? {} : { answer: options.answer },
  });
  const report = new Report(context);
  const source = new BinanceSource(exchange.url, exchange.wsUrl, {
    ...config,
    connectTimeoutMs: 5_000,
    restBaseMs: 20,
    observer: report,
  });
  const ended = runProducer(context, { source, tables, config, symbols: options.symbols ?? null, report });
  ended.catch(() => {});
  const stop = () => {
    context.stop();
    return ended;
  };
  return {
    context,
    ended,
    stop,
    async [Symbol.asyncDispose]() {
      await stop().catch(() => {});
    },
  };
}
