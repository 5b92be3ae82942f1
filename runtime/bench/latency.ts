import { join } from "node:path";
import { TestExchange, TestPipeline, until } from "../tests/pipeline_process.ts";
import { RECORDED_FILES, RECORDED_SYMBOLS, recordingsAbsent } from "../tests/recorded_files.ts";
import { quantile } from "./process_cost.ts";

/** The store as a reader sees it. */
export type LatencyStore = AsyncDisposable & {
  /** The greatest trade id of a symbol; undefined when there is none. */
  last(symbol: string): number | undefined | Promise<number | undefined>;
};

/** What is measured, and how. */
export type LatencyOptions = {
  title: string;
  seconds: number;
  speeds: number[];
  /** Settings of the pipeline beside the source's. */
  settings: Record<string, unknown>;
  openStore: (pipeline: TestPipeline) => LatencyStore | Promise<LatencyStore>;
  /** Empties what lies outside the pipeline's folder before a run. */
  prepare?: () => Promise<void>;
};

/**
 * How long a trade takes from the moment the exchange sends its frame to the moment a reader of the store sees it, at
 * several speeds of the recorded stream. The store is looked at every two milliseconds, so a figure is up to that much
 * high. A speed that stands twice is the A/A control.
 */
export async function latencyBench(options: LatencyOptions): Promise<void> {
  if (recordingsAbsent) {
    console.log(`\n## Latency: skipped, ../shared/data is absent`);
    return;
  }
  console.log(`\n## ${options.title}, recorded BTCUSDT and ETHUSDT, ${options.seconds} s a speed\n`);
  console.log(
    "| speed | trades | p50 ms | p99 ms | max ms | frames/s | behind at end, trades | commit -> log p50 ms | p99 ms |\n|---|---|---|---|---|---|---|---|---|",
  );
  for (const speed of options.speeds) console.log(await oneSpeed(speed, options));
}

async function oneSpeed(speed: number, options: LatencyOptions): Promise<string> {
  const { seconds } = options;
  await options.prepare?.();
  const folder = await Deno.makeTempDir({ prefix: "candlewire-latency-" });
  const exchange = await TestExchange.start({
    "exchange.market.source": RECORDED_FILES,
    "exchange.market.folder": join(folder, "exchange"),
    "exchange.server.port": 0,
    "exchange.server.speed": speed,
    "exchange.server.paused": true,
  });
  const pipeline = new TestPipeline(join(folder, "pipeline"), {
    ...options.settings,
    "source.restUrl": exchange.url,
  });
  try {
    await pipeline.start();
    await using store = await options.openStore(pipeline);
    const seen = new Map<string, { id: number; at: number }[]>(
      RECORDED_SYMBOLS.map((symbol) => [symbol, []]),
    );
    const before = await exchange.get<{ framesSent: number }>("/admin/state");
    await exchange.post("/admin/resume");
    const end = Date.now() + seconds * 1000;
    while (Date.now() < end) {
      for (const symbol of RECORDED_SYMBOLS) {
        const id = await store.last(symbol);
        const list = seen.get(symbol)!;
        if (id !== undefined && id !== list.at(-1)?.id) {
          list.push({ id, at: performance.timeOrigin + performance.now() });
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await exchange.post("/admin/pause");
    const after = await exchange.get<{ framesSent: number }>("/admin/state");
    // Over the last minute, as capture's histogram tells it: upper bounds of buckets, interpolated.
    const { stages } = await pipeline.get<
      { stages: { id: string; latency: { p50: number; p99: number } | null }[] }
    >("pipeline");
    const journal = stages.find((stage) => stage.id === "capture")?.latency;
    let behind = 0;
    const latencies: number[] = [];
    for (const symbol of RECORDED_SYMBOLS) {
      const truth = await exchange.get<{ last: number }>(`/admin/truth/range?symbol=${symbol}`);
      behind += truth.last - (seen.get(symbol)!.at(-1)?.id ?? truth.last);
      await until(
        `${symbol} to arrive`,
        120_000,
        async () => (await store.last(symbol) ?? -1) >= truth.last || undefined,
      );
      const list = seen.get(symbol)!;
      const emissions = await exchange.get<{ tradeId: number; sentAt: number }[]>(
        `/admin/emissions?symbol=${symbol}`,
      );
      let index = 0;
      for (const { tradeId, sentAt } of emissions) {
        while (index < list.length && list[index]!.id < tradeId) index++;
        if (index === list.length) break;
        latencies.push(list[index]!.at - sentAt);
      }
    }
    latencies.sort((a, b) => a - b);
    const figure = (share: number) => quantile(latencies, share).toFixed(1);
    return `| ${speed}× | ${latencies.length} | ${figure(0.5)} | ${figure(0.99)} | ${figure(1)} | ${
      ((after.framesSent - before.framesSent) / seconds).toFixed(0)
    } | ${behind} | ${journal === null || journal === undefined ? "" : (journal.p50 * 1000).toFixed(1)} | ${
      journal === null || journal === undefined ? "" : (journal.p99 * 1000).toFixed(1)
    } |`;
  } finally {
    await pipeline.process.stop();
    await exchange.process.stop();
    await Deno.remove(folder, { recursive: true });
  }
}
