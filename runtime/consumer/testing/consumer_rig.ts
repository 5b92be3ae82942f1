import { topicOf } from "../../change/envelope.ts";
import { memoryContext } from "../../host/memory_context.ts";
import type { EpochMs } from "../../market/epoch.ts";
import { Consumer, type ConsumerOptions } from "../consume.ts";
import { ChangeDecoder } from "../decode_change.ts";
import type { ChangeLog } from "../log/change_log.ts";
import type { MemoryRecord } from "../log/memory.ts";
import { Publisher } from "../publish.ts";
import type { MarketStore } from "../store/market_store.ts";
import { enrich } from "../transform/enrich.ts";

export const T0 = 1_723_161_240_000;
export const TRADES = topicOf("recent_trades");

/** The record of a trade, 10 ms after the one before. */
export function tradeRecord(
  id: number,
  symbol = "BTCUSDT",
  changed: Record<string, unknown> = {},
): MemoryRecord {
  const after = {
    symbol,
    trade_id: id,
    price: "100.00000000",
    quantity: "1.00000000",
    trade_time: new Date(T0 + id * 10).toISOString(),
    is_buyer_maker: false,
    backfill: false,
    ...changed,
  };
  return {
    topic: TRADES,
    key: JSON.stringify({ symbol }),
    value: JSON.stringify({ before: null, after, source: { name: "binance" }, op: "c" }),
  };
}

/** A running loop, and its end. */
export type ConsumerRig = {
  consumer: Consumer;
  context: ReturnType<typeof memoryContext>;
  ended: Promise<void>;
  stop(): Promise<void>;
};

/** Starts a consumer's loop over a log and a store, with short waits. */
export function startConsumer(
  log: ChangeLog,
  store: MarketStore,
  more: Partial<ConsumerOptions> = {},
): ConsumerRig {
  const context = memoryContext({});
  const publisher = new Publisher((channel, event) => context.publish(channel, event));
  const consumer = new Consumer({
    log,
    store,
    decoder: new ChangeDecoder(),
    transforms: [enrich()],
    publisher,
    report: { log: context.log, health: context.health, metrics: context.metrics },
    signal: context.signal,
    now: () => Date.now() as EpochMs,
    maxRecords: 50,
    pollTimeoutMs: 5,
    retryMinMs: 1,
    retryMaxMs: 4,
    ...more,
  });
  const ended = consumer.run().finally(() => publisher[Symbol.dispose]());
  ended.catch(() => {});
  return {
    consumer,
    context,
    ended,
    async stop() {
      context.stop();
      await ended;
    },
  };
}
