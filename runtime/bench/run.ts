/**
 * `deno task bench [what …]`: measured figures of the real processes, each beside its control.
 * What is compared is measured in the same run, on the same machine; A/A says how far two equal runs lie apart.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { sumOf } from "../control/rates.ts";
import { endLeft } from "../tests/end_left.ts";
import { TestExchange, TestPipeline, until } from "../tests/pipeline_process.ts";
import { nextTradeIds, openStore } from "../tests/truth_sqlite.ts";
import { untilAborted } from "../wait.ts";
import { CLUSTER_BENCHES, clusterBench } from "./cluster_bench.ts";
import { PLUGIN_BENCHES, pluginBench } from "../../grafana-plugin/bench/plugin_bench.ts";
import { latencyBench, type LatencyStore } from "./latency.ts";
import { costOf, costOfTree, type ProcessCost } from "./process_cost.ts";

const { values, positionals } = parseArgs({
  args: Deno.args,
  options: {
    trades: { type: "string", default: "200000" },
    rounds: { type: "string", default: "2" },
    seconds: { type: "string", default: "40" },
    millions: { type: "string", default: "1,2,4" },
    seed: { type: "string", default: "7" },
    help: { type: "boolean", default: false },
  },
  allowPositionals: true,
});
if (values.help) {
  console.log(`deno task bench [WHAT …]   (default: stages bulk latency)

  embedded profile

  stages    each stage alone on one backlog: frames/s into PostgreSQL, capture rows/s, journal -> SQLite rows/s
  bulk      all stages at once: trades/s through the whole pipeline, CPU per event and stage, memory
  latency   exchange -> store at 1x, 5x and 20x of the recorded stream (needs ../shared/data)
  memory    memory of each process after --millions events (${values.millions})
  cluster profile, on real servers of the bench's own (Java 17, Maven)
  consumer  Kafka -> Cassandra, 1, 2 and 3 instances, beside a bare loop of the driver
  capture   PostgreSQL -> Kafka, our capture beside Debezium, default and tuned: rows/s, CPU, latency, memory
  cluster-latency   exchange -> Cassandra at 1x and 5x, by Debezium and by our capture (needs ../shared/data)

  Grafana plugin (Go; plugin-stream, -tape and -size: a built plugin, Chromium)
  plugin    all of: plugin-query (the backend beside a Go plugin), plugin-stream (stored trade -> panel), plugin-tape (script time
            a frame), plugin-size; each part by itself too

  --trades N   trades a round (${values.trades})    --rounds N   rounds; two make the A/A control (${values.rounds})
  --seconds N  length of a latency run (${values.seconds})    --seed N`);
  Deno.exit(0);
}

const wanted = positionals.length > 0 ? positionals : ["stages", "bulk", "latency"];
const trades = Number(values.trades);
const rounds = Number(values.rounds);
/** How long a figure must stand still before it counts as final. */
const SETTLE_SECONDS = 3;
const PARTS = ["producer", "capture", "consumer"] as const;
type Part = typeof PARTS[number] | "host" | "postgres" | "exchange";

console.log(
  `# ${new Date().toISOString()}, Deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} cores`,
);

// What the benches start keeps its files in here, and is found by that when one is ended or fails.
const temporary = await Deno.makeTempDir({ prefix: "candlewire-bench-" });
// PostgreSQL runs as another user when the bench runs as root.
await Deno.chmod(temporary, 0o755);
Deno.env.set("TMPDIR", temporary);
const interrupted = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.addSignalListener(name, () => {
    progress(`${name}: stopping what was started`);
    interrupted.abort();
  });
}
const running = benches();
// What is ended under its hands fails then.
running.catch(() => {});
try {
  await Promise.race([running, untilAborted(interrupted.signal)]);
} finally {
  // Again, for what a bench was about to start.
  while ((await endLeft(undefined, temporary)).length > 0);
  await Deno.remove(temporary, { recursive: true }).catch(() => {});
}
Deno.exit(interrupted.signal.aborted ? 130 : 0);

async function benches(): Promise<void> {
  if (wanted.includes("stages") || wanted.includes("bulk") || wanted.includes("memory")) await onEngine();
  if (CLUSTER_BENCHES.some((one) => wanted.includes(one))) {
    await clusterBench({ wanted, rounds, trades, seconds: Number(values.seconds), progress });
  }
  if (PLUGIN_BENCHES.some((one) => wanted.includes(one))) {
    await pluginBench({
      wanted,
      // Two rounds are the other benches' A/A; here the control runs beside in each.
      rounds: Math.max(5, rounds),
      seconds: Math.min(20, Number(values.seconds)),
      seed: Number(values.seed),
      progress,
    });
  }
  if (wanted.includes("latency")) {
    await latencyBench({
      title: "Exchange -> SQLite",
      seconds: Number(values.seconds),
      speeds: [1, 1, 5, 20],
      settings: {},
      openStore: lastStored,
    });
  }
}

function lastStored(pipeline: TestPipeline): LatencyStore {
  const db = openStore(pipeline);
  const last = db.prepare("SELECT max(trade_id) AS id FROM recent_trades WHERE symbol = ?");
  return {
    last: (symbol) => (last.get(symbol) as { id: number | null }).id ?? undefined,
    [Symbol.asyncDispose]: async () => db.close(),
  };
}

async function onEngine(): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "candlewire-bench-" });
  const exchange = await TestExchange.start({
    "exchange.market.folder": join(folder, "exchange"),
    "exchange.market.seed": Number(values.seed),
    "exchange.server.port": 0,
    "exchange.server.speed": "max",
    "exchange.server.paused": true,
  });
  const pipeline = new TestPipeline(join(folder, "pipeline"), { "source.restUrl": exchange.url });
  try {
    await pipeline.start();
    await exchange.run(5000);
    await until("trusted books", 30_000, async () => {
      const metrics = await moduleMetrics(pipeline, "producer");
      return metrics["candlewire_books_trusted"] === 20 || undefined;
    });
    if (wanted.includes("stages")) await stages(exchange, pipeline);
    if (wanted.includes("bulk")) await bulk(exchange, pipeline);
    if (wanted.includes("memory")) await memory(exchange, pipeline);
  } finally {
    await pipeline.process.stop();
    await exchange.process.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

/** Progress goes to stderr, figures to stdout. */
function progress(text: string): void {
  console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);
}

/** Each stage on its own, the others stopped, on the same backlog. */
async function stages(exchange: TestExchange, pipeline: TestPipeline): Promise<void> {
  const results: Record<string, number[]> = {};
  const record = (name: string, value: number) => (results[name] ??= []).push(value);
  for (let round = 0; round < rounds; round++) {
    progress(`stages, round ${round + 1} of ${rounds}: exchange -> PostgreSQL`);
    await pipeline.post("modules/consumer/stop");
    await pipeline.post("modules/capture/stop");
    const before = await costs(exchange, pipeline);
    const framesBefore = sum(await moduleMetrics(pipeline, "producer"), "candlewire_frames_total");
    const rowsBefore = sum(await moduleMetrics(pipeline, "producer"), "candlewire_rows_written_total");
    let started = performance.now();
    await exchange.run(trades);
    await settled(async () =>
      sum(await moduleMetrics(pipeline, "producer"), "candlewire_rows_written_total")
    );
    let seconds = (performance.now() - started) / 1000 - SETTLE_SECONDS;
    const after = await costs(exchange, pipeline);
    const metrics = await moduleMetrics(pipeline, "producer");
    const frames = sum(metrics, "candlewire_frames_total") - framesBefore;
    const rows = sum(metrics, "candlewire_rows_written_total") - rowsBefore;
    record("exchange -> PostgreSQL, frames/s", frames / seconds);
    record("exchange -> PostgreSQL, rows/s", rows / seconds);
    record("producer CPU, µs a frame", cpu(before, after, "producer") / frames * 1e6);
    record("PostgreSQL CPU, µs a row (ingest)", cpu(before, after, "postgres") / rows * 1e6);
    record("exchange CPU, µs a frame", cpu(before, after, "exchange") / frames * 1e6);

    started = performance.now();
    progress("PostgreSQL -> journal");
    await pipeline.post("modules/capture/start");
    await settled(async () =>
      sum(await moduleMetrics(pipeline, "capture"), "candlewire_captured_changes_total")
    );
    seconds = (performance.now() - started) / 1000 - SETTLE_SECONDS;
    const captured = sum(await moduleMetrics(pipeline, "capture"), "candlewire_captured_changes_total");
    record("PostgreSQL -> journal, rows/s (with start-up)", captured / seconds);
    record("capture CPU, µs a row", costOf(await pipeline.pidOf("capture")).cpuSeconds / captured * 1e6);

    started = performance.now();
    progress("journal -> SQLite");
    await pipeline.post("modules/consumer/start");
    await settled(async () =>
      sum(await moduleMetrics(pipeline, "consumer"), "candlewire_consumed_records_total")
    );
    seconds = (performance.now() - started) / 1000 - SETTLE_SECONDS;
    const consumed = sum(await moduleMetrics(pipeline, "consumer"), "candlewire_consumed_records_total");
    record("journal -> SQLite, rows/s (with start-up)", consumed / seconds);
    record("consumer CPU, µs a row", costOf(await pipeline.pidOf("consumer")).cpuSeconds / consumed * 1e6);
  }
  table(`Stages alone, ${trades} trades a round`, results);
}

/** All stages at once. */
async function bulk(exchange: TestExchange, pipeline: TestPipeline): Promise<void> {
  const results: Record<string, number[]> = {};
  const record = (name: string, value: number) => (results[name] ??= []).push(value);
  for (let round = 0; round < rounds; round++) {
    progress(`bulk, round ${round + 1} of ${rounds}`);
    const symbols = await storedSymbols(pipeline);
    const before = await costs(exchange, pipeline);
    const stored = await tradeCount(pipeline);
    const started = performance.now();
    await exchange.run(trades);
    await caughtUp(exchange, pipeline, symbols);
    const seconds = (performance.now() - started) / 1000;
    const after = await costs(exchange, pipeline);
    const count = await tradeCount(pipeline) - stored;
    record("trades/s, exchange -> store", count / seconds);
    for (const part of Object.keys(after) as Part[]) {
      record(`${part} CPU, µs a trade`, cpu(before, after, part) / count * 1e6);
    }
    for (const part of Object.keys(after) as Part[]) record(`${part} memory, MB`, after[part].rssBytes / 1e6);
    record(
      "our processes together, MB",
      (["host", ...PARTS] as Part[]).reduce((total, part) => total + after[part].rssBytes, 0) / 1e6,
    );
  }
  table(`The whole pipeline in bulk, ${trades} trades a round`, results);
}

/** Memory of each process while millions of trades go through. */
async function memory(exchange: TestExchange, pipeline: TestPipeline): Promise<void> {
  const symbols = await storedSymbols(pipeline);
  let sent = 0;
  console.log("\n## Memory, MB, after so many million trades");
  for (const millions of values.millions.split(",").map(Number)) {
    await exchange.run(millions * 1e6 - sent);
    sent = millions * 1e6;
    await caughtUp(exchange, pipeline, symbols);
    const now = await costs(exchange, pipeline);
    console.log(
      `${millions} M: ${
        Object.entries(now).map(([part, cost]) => `${part} ${(cost.rssBytes / 1e6).toFixed(0)}`).join(", ")
      }`,
    );
  }
}

async function settled(read: () => Promise<number>): Promise<number> {
  let value = await read();
  let since = performance.now();
  return await until("a figure to settle", 600_000, async () => {
    const now = await read();
    if (now !== value) [value, since] = [now, performance.now()];
    return now > 0 && performance.now() - since >= SETTLE_SECONDS * 1000 ? now : undefined;
  });
}

async function caughtUp(exchange: TestExchange, pipeline: TestPipeline, symbols: string[]): Promise<void> {
  const ids = await nextTradeIds(exchange, symbols);
  const db = openStore(pipeline);
  const last = db.prepare("SELECT max(trade_id) AS id FROM recent_trades WHERE symbol = ?");
  for (const [symbol, next] of ids) {
    await until(
      `${symbol} to arrive`,
      600_000,
      () => (last.get(symbol) as { id: number }).id >= next - 1 || undefined,
      () => pipeline.process.tail,
    );
  }
  db.close();
}

async function storedSymbols(pipeline: TestPipeline): Promise<string[]> {
  const { rows } = await pipeline.get<{ rows: { symbol: string }[] }>("market/tickers?limit=5000");
  const db = openStore(pipeline);
  const has = db.prepare("SELECT 1 AS one FROM order_book WHERE symbol = ? LIMIT 1");
  const symbols = rows.map((row) => row.symbol).filter((symbol) => has.get(symbol) !== undefined);
  db.close();
  return symbols;
}

async function tradeCount(pipeline: TestPipeline): Promise<number> {
  const db = openStore(pipeline);
  const { n } = db.prepare("SELECT count(*) AS n FROM recent_trades").get() as { n: number };
  db.close();
  return n;
}

async function moduleMetrics(pipeline: TestPipeline, name: string): Promise<Record<string, number>> {
  return (await pipeline.get<{ module: { metrics: Record<string, number> } }>(`modules/${name}`)).module
    .metrics;
}

function sum(metrics: Record<string, number>, name: string): number {
  return sumOf(metrics, name) ?? 0;
}

async function costs(exchange: TestExchange, pipeline: TestPipeline): Promise<Record<Part, ProcessCost>> {
  const found: Partial<Record<Part, ProcessCost>> = {
    exchange: costOf(exchange.process.pid),
    host: costOf(pipeline.process.pid),
    postgres: costOfTree(await pipeline.pidOf("postgres")),
  };
  for (const part of PARTS) {
    found[part] = await pipeline.pidOf(part).then(costOf, () => ({ cpuSeconds: 0, rssBytes: 0 }));
  }
  return found as Record<Part, ProcessCost>;
}

function cpu(before: Record<Part, ProcessCost>, after: Record<Part, ProcessCost>, part: Part): number {
  return after[part].cpuSeconds - before[part].cpuSeconds;
}

function table(title: string, results: Record<string, number[]>): void {
  console.log(`\n## ${title}\n`);
  console.log(`| figure | ${Array.from({ length: rounds }, (_, i) => `round ${i + 1}`).join(" | ")} | A/A |`);
  console.log(`|---|${"---|".repeat(rounds + 1)}`);
  for (const [name, numbers] of Object.entries(results)) {
    const ratio = numbers.length > 1 ? (numbers.at(-1)! / numbers[0]!).toFixed(2) : "";
    console.log(
      `| ${name} | ${
        numbers.map((value) => value >= 100 ? value.toFixed(0) : value.toFixed(1)).join(" | ")
      } | ${ratio} |`,
    );
  }
}
