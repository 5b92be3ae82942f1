import { join } from "node:path";
import { TestExchange, TestPipeline } from "../../runtime/tests/pipeline_process.ts";
import { drained } from "../../runtime/tests/truth_sqlite.ts";
import type { StepSettings } from "../backend/testing/go_client.ts";

/** The one market of the benches: its trades are what is asked for, streamed and drawn. */
export const SYMBOL = "BTCUSDT";
/** Trades a second of the market at speed 1. */
export const RATE = 1000;

/** An exchange and the whole embedded pipeline behind it, in processes of their own. */
export class BenchRig implements AsyncDisposable {
  readonly folder: string;
  readonly exchange: TestExchange;
  readonly pipeline: TestPipeline;
  readonly tokens: { viewer: string; operator: string };

  private constructor(
    folder: string,
    parts: { exchange: TestExchange; pipeline: TestPipeline; tokens: BenchRig["tokens"] },
  ) {
    this.folder = folder;
    this.exchange = parts.exchange;
    this.pipeline = parts.pipeline;
    this.tokens = parts.tokens;
  }

  /** Starts both; the market stands still until it is told to move. */
  static async start(seed: number): Promise<BenchRig> {
    const folder = await Deno.makeTempDir({ prefix: "candlewire-plugin-bench-" });
    const exchange = await TestExchange.start({
      "exchange.market.folder": join(folder, "exchange"),
      "exchange.market.seed": seed,
      "exchange.market.symbols": [SYMBOL],
      "exchange.market.ratePerSecond": RATE,
      "exchange.server.port": 0,
      "exchange.server.speed": "max",
      "exchange.server.paused": true,
    });
    const pipeline = new TestPipeline(join(folder, "pipeline"), {
      "source.restUrl": exchange.url,
      "symbols": [SYMBOL],
    });
    try {
      await pipeline.start();
      const tokens = JSON.parse(await Deno.readTextFile(join(pipeline.dataDir, "tokens.json")));
      return new BenchRig(folder, { exchange, pipeline, tokens });
    } catch (error) {
      // In order, or its PostgreSQL would go on.
      await Promise.allSettled([pipeline.process?.stop(), exchange.process.stop()]);
      await Deno.remove(folder, { recursive: true }).catch(() => {});
      throw error;
    }
  }

  /** Lets so many trades happen as fast as they are taken, and waits until all are stored. */
  async fill(trades: number): Promise<void> {
    await this.exchange.post("/admin/speed", { speed: "max" });
    await this.exchange.run(trades);
    await drained(this.exchange, this.pipeline, [SYMBOL], 600_000);
  }

  /** Lets the market run so many trades a second, on the mean: it has bursts and lulls. */
  async runAt(tradesPerSecond: number): Promise<void> {
    await this.exchange.post("/admin/speed", { speed: tradesPerSecond / RATE });
    await this.exchange.post("/admin/resume");
  }

  /** Stands still again; what is under way is stored when this resolves. */
  async pause(): Promise<void> {
    await this.exchange.post("/admin/pause");
    await drained(this.exchange, this.pipeline, [SYMBOL], 600_000);
  }

  /** The data source's settings for a control API, by default the pipeline's. */
  settings(url: string = this.pipeline.url): StepSettings {
    return {
      uid: "bench",
      updatedMs: 1,
      jsonData: { controlUrl: url, timeoutMs: 120_000 },
      secure: { viewerToken: this.tokens.viewer },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using ends = new AsyncDisposableStack();
    ends.defer(() => Deno.remove(this.folder, { recursive: true }));
    ends.defer(async () => void await this.exchange.process.stop());
    ends.defer(async () => void await this.pipeline.process.stop());
  }
}
