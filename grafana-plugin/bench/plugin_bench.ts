import { CHROMIUM } from "../../runtime/tests/browser/chromium.ts";
import { MiniHost } from "../preview/mini_host.ts";
import { buildForBench } from "./bench_build.ts";
import { BenchRig } from "./bench_rig.ts";
import { type Aimed, printAims } from "./figures.ts";
import { FILL_TRADES, queryBench } from "./query_bench.ts";
import { sizeBench } from "./size_bench.ts";
import { streamBench } from "./stream_bench.ts";
import { tapeBench } from "./tape_bench.ts";

/** Names of the bench, and of its parts alone. */
export const PLUGIN_BENCHES: readonly string[] = [
  "plugin",
  "plugin-query",
  "plugin-stream",
  "plugin-tape",
  "plugin-size",
];

/** What of the plugin is measured, and how long. */
export type PluginBenchOptions = {
  wanted: readonly string[];
  /** Alternating rounds of queries. */
  rounds: number;
  /** Length of a run of the stream and of the tape. */
  seconds: number;
  seed: number;
  progress: (text: string) => void;
};

/** `deno task bench plugin`: speed and size of the Grafana plugin, each figure beside its control and its aim. */
export async function pluginBench(options: PluginBenchOptions): Promise<void> {
  const { rounds, seconds, seed, progress } = options;
  const wants = (part: string) =>
    options.wanted.includes("plugin") || options.wanted.includes(`plugin-${part}`);
  const aims: Aimed[] = [];
  progress("starting the exchange and the pipeline");
  await using rig = await BenchRig.start(seed);
  progress("building the backend, its twin and the client");
  const build = await buildForBench(rig.folder);
  progress("storing trades");
  await rig.fill(wants("query") ? FILL_TRADES : 5000);
  if (wants("query")) aims.push(...await queryBench(rig, { build, rounds, progress }));
  const inBrowser = ["stream", "tape", "size"].filter(wants);
  const lacking = CHROMIUM === undefined
    ? "Chromium is not installed"
    : build.dist === undefined
    ? "the plugin is not built: deno task plugin build"
    : undefined;
  if (lacking === undefined && inBrowser.length > 0) {
    await using host = await MiniHost.start({
      dist: build.dist!,
      settings: {
        jsonData: { controlUrl: rig.pipeline.url },
        secureJsonData: { viewerToken: rig.tokens.viewer, operatorToken: rig.tokens.operator },
      },
      print: progress,
    });
    if (wants("size")) aims.push(...await sizeBench(host));
    if (wants("stream")) aims.push(...await streamBench(rig, { build, host, seconds, progress }));
    if (wants("tape")) aims.push(...await tapeBench(rig, { host, seconds, progress }));
  } else if (inBrowser.length > 0) console.log(`\nSKIPPED ${inBrowser.join(", ")}: ${lacking}`);
  printAims(aims);
}
