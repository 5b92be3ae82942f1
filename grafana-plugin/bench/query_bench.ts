import assert from "node:assert/strict";
import { costOf } from "../../runtime/bench/process_cost.ts";
import { GoClient, type GoFrame, type StepSettings, valuesOf } from "../backend/testing/go_client.ts";
import type { BenchBuild } from "./bench_build.ts";
import { type BenchRig, SYMBOL } from "./bench_rig.ts";
import { type Aimed, printTable, shown, spread } from "./figures.ts";
import { RecordedApi } from "./recorded_api.ts";

/** Rows of a query; calls to warm up, which count for nothing, and calls a round; how many times the twin's median ours may take. */
const SIZES = [
  { rows: 1, warmUp: 600, calls: 200, aim: 1.3 },
  { rows: 1000, warmUp: 200, calls: 40, aim: 1.3 },
  { rows: 100_000, warmUp: 2, calls: 1, aim: 1.5 },
];
/** More than the largest query, so that each says that there are more. */
export const FILL_TRADES = 101_000;

type Contender = { name: string; client: GoClient; times: number[]; cpuSeconds: number; rssBytes: number };

/**
 * The backend beside the Go twin, both driven by Grafana's client code, call by call in alternating rounds; our backend runs
 * twice, and the ratio of these two is how far equal things lie apart on this machine. First on the running control API, then on its
 * recorded answers, where the time of the host does not hide the difference. Throws when answers differ by a single value.
 */
export async function queryBench(
  rig: BenchRig,
  { build, rounds, progress }: { build: BenchBuild; rounds: number; progress: (text: string) => void },
): Promise<Aimed[]> {
  await using ours = await GoClient.launch(build);
  await using go = await GoClient.launch({ client: build.client, backend: build.twin });
  await using again = await GoClient.launch(build);
  await using recorded = new RecordedApi(rig.pipeline.url);
  const clients = { ours, go, again };
  const aims: Aimed[] = [];
  const lines: string[][] = [];
  for (
    const [name, url] of [["control API", rig.pipeline.url], ["recorded answers", recorded.url]] as const
  ) {
    for (const size of SIZES) {
      progress(`${size.rows} rows from the ${name}`);
      const { line, ratio } = await oneSize(rig, { clients, url, size, rounds, name });
      lines.push(line);
      progress(line.join(" | "));
      aims.push({
        name: `query of ${size.rows} rows, p50 of the ${name}, ours / Go`,
        value: ratio,
        aim: size.aim,
        unit: "times",
      });
    }
  }
  printTable(
    `Queries: our backend beside a Go plugin, ${rounds} alternating rounds`,
    [
      "rows of",
      "rows",
      "calls each",
      "ours p50 ms",
      "p99",
      "Go p50 ms",
      "p99",
      "ours / Go p50",
      "p99",
      "A/A p50",
      "A/A p99",
      "CPU ms a call, ours",
      "Go",
      "memory MB, ours",
      "Go",
    ],
    lines,
  );
  return aims;
}

async function oneSize(
  rig: BenchRig,
  { clients, url, size, rounds, name }: {
    clients: Record<"ours" | "go" | "again", GoClient>;
    url: string;
    size: typeof SIZES[number];
    rounds: number;
    name: string;
  },
): Promise<{ line: string[]; ratio: number }> {
  const { now } = await rig.exchange.get<{ now: number }>("/admin/state");
  const step = {
    settings: rig.settings(url),
    queries: [{
      refId: "A",
      from: now - 86_400_000,
      to: now + 1,
      intervalMs: 1000,
      model: { kind: "trades", symbols: [SYMBOL], limit: size.rows },
    }],
  };
  await equalAnswers(clients.ours, clients.go, { step, rows: size.rows });
  const contenders = Object.entries(clients).map(([name, client]): Contender => ({
    name,
    client,
    times: [],
    cpuSeconds: 0,
    rssBytes: 0,
  }));
  // Compilers and connections warm up before anything counts.
  for (const { client } of contenders) {
    await calls(client, { step, size: { ...size, calls: size.warmUp }, times: [] });
  }
  for (let round = 0; round < rounds; round++) {
    // Each begins once in turn: none always comes after the same other.
    for (let at = 0; at < contenders.length; at++) {
      const contender = contenders[(at + round) % contenders.length]!;
      const before = costOf(contender.client.pid).cpuSeconds;
      await calls(contender.client, { step, size, times: contender.times });
      const { cpuSeconds, rssBytes } = costOf(contender.client.pid);
      contender.cpuSeconds += cpuSeconds - before;
      contender.rssBytes = rssBytes;
    }
  }
  const [ours, go, again] = contenders as [Contender, Contender, Contender];
  const [a, b, c] = [spread(ours.times), spread(go.times), spread(again.times)];
  // Both runs of ours count: a ratio of their mean is steadier than of either.
  const ratio = (a.p50 + c.p50) / 2 / b.p50;
  const cpu = ({ cpuSeconds, times }: Contender) => shown(cpuSeconds / times.length * 1000);
  return {
    ratio,
    line: [
      name,
      `${size.rows}`,
      `${a.count}`,
      ...[a.p50, a.p99, b.p50, b.p99, ratio, (a.p99 + c.p99) / 2 / b.p99, c.p50 / a.p50, c.p99 / a.p99].map(
        shown,
      ),
      cpu(ours),
      cpu(go),
      shown(ours.rssBytes / 1e6),
      shown(go.rssBytes / 1e6),
    ],
  };
}

async function calls(
  client: GoClient,
  { step, size, times }: {
    step: Record<string, unknown>;
    size: { rows: number; calls: number };
    times: number[];
  },
): Promise<void> {
  const told = await client.step("measure", { ...step, repeat: size.calls });
  assert.equal(told.failed, "");
  assert.equal(told.rows, size.rows * size.calls, "rows of all calls");
  times.push(...told.times);
}

/** Both answer with the same frame, value by value, and with as many rows as were asked for. */
async function equalAnswers(
  ours: GoClient,
  go: GoClient,
  { step, rows }: { step: { settings: StepSettings; queries: unknown[] }; rows: number },
): Promise<void> {
  const frame = async (client: GoClient): Promise<GoFrame> => {
    const { A } = (await client.step("query", step)).responses;
    assert.equal(A.error, "");
    assert.equal(A.frames.length, 1);
    return A.frames[0];
  };
  const [left, right] = [await frame(ours), await frame(go)];
  assert.equal(valuesOf(left, "trade_id").length, rows);
  assert.deepEqual(right, left, "the twin's frame");
}
