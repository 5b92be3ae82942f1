import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TestExchange, TestPipeline, until } from "../tests/pipeline_process.ts";
import { openStore } from "../tests/truth_sqlite.ts";
import { quantile } from "./process_cost.ts";

const DATA = fileURLToPath(new URL("../../../shared/data/", import.meta.url));
const SYMBOLS = ["BTCUSDT", "ETHUSDT"];

/**
 * How long a trade takes from the moment the exchange sends its frame to the moment a reader of the store sees it, at 1×,
 * 5× and 20× of the recorded stream. The store is looked at every two milliseconds, so a figure is up to that much high.
 */
export async function latencyBench(options: { seconds: number }): Promise<void> {
  const files = ["btcusdt_20240808.gz", "ethusdt_20240808.gz"].map((name) => join(DATA, name));
  if (!await Deno.stat(files[0]!).then(() => true, () => false)) {
    console.log(`\n## Latency: skipped, ${DATA} is absent`);
    return;
  }
  console.log(`\n## Exchange -> store, recorded BTCUSDT and ETHUSDT, ${options.seconds} s a speed\n`);
  console.log(
    "| speed | trades | p50 ms | p99 ms | max ms | frames/s | behind at end, trades | commit -> journal p50 ms | p99 ms |\n|---|---|---|---|---|---|---|---|---|",
  );
  for (const speed of [1, 1, 5, 20]) console.log(await oneSpeed(files, speed, options.seconds));
  console.log("\n1 stands twice: the A/A control.");
}

async function oneSpeed(files: string[], speed: number, seconds: number): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "candlewire-latency-" });
  const exchange = await TestExchange.start({
    "exchange.market.source": files,
    "exchange.market.folder": join(folder, "exchange"),
    "exchange.server.port": 0,
    "exchange.server.speed": speed,
    "exchange.server.paused": true,
  });
  const pipeline = new TestPipeline(join(folder, "pipeline"), { "source.restUrl": exchange.url });
  try {
    await pipeline.start();
    const db = openStore(pipeline);
    const last = db.prepare("SELECT max(trade_id) AS id FROM recent_trades WHERE symbol = ?");
    const seen = new Map<string, { id: number; at: number }[]>(SYMBOLS.map((symbol) => [symbol, []]));
    const before = await exchange.get<{ framesSent: number }>("/admin/state");
    await exchange.post("/admin/resume");
    const end = Date.now() + seconds * 1000;
    while (Date.now() < end) {
      for (const symbol of SYMBOLS) {
        const { id } = last.get(symbol) as { id: number | null };
        const list = seen.get(symbol)!;
        if (id !== null && id !== list.at(-1)?.id) {
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
    for (const symbol of SYMBOLS) {
      const truth = await exchange.get<{ last: number }>(`/admin/truth/range?symbol=${symbol}`);
      behind += truth.last - (seen.get(symbol)!.at(-1)?.id ?? truth.last);
      await until(
        `${symbol} to arrive`,
        120_000,
        () => (last.get(symbol) as { id: number }).id >= truth.last || undefined,
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
    db.close();
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
