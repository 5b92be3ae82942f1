import assert from "node:assert/strict";
import { TextLineStream } from "./text_lines.ts";
import { seededRandom, testSeed } from "../../tests/seed.ts";
import { type ExchangeMarketConfig, exchangeMarketConfig } from "../config.ts";
import type { ExchangeEvent } from "../market.ts";
import { openMarket } from "../open_market.ts";
import { checkDerived, take } from "./contract.ts";
import { recordingOf } from "./recording_of.ts";

const seed = testSeed("restart_test");
const START = 1_723_161_600_000;
const TELLER = new URL("./teller.ts", import.meta.url).pathname;
const KILLS = 3;

/** Tells until `enough` lines came, then is killed. Returns the whole lines that came through. */
async function tellUntilKilled(config: Partial<ExchangeMarketConfig>, portion: number, enough: number) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-prompt", TELLER, JSON.stringify(config), String(portion)],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines: string[] = [];
  for await (
    const line of child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())
  ) {
    lines.push(line);
    // A progress marker, never a time.
    if (lines.length === enough) child.kill("SIGKILL");
  }
  const { signal } = await child.status;
  assert.equal(signal, "SIGKILL");
  assert.equal(lines[0], "open");
  return lines.slice(1);
}

async function checkKills(folder: string, config: ExchangeMarketConfig, portions: number): Promise<void> {
  const random = seededRandom(seed);
  const told: string[][] = [];
  for (let life = 0; life < KILLS; life++) {
    const enough = 2 + Math.floor(random() * 8000);
    told.push(await tellUntilKilled(config, 1 + Math.floor(random() * portions), enough));
  }
  const lives = told.map((lines) => lines.length);
  // What an undisturbed market tells, as far as needed.
  await using reference = await openMarket({ ...config, folder: `${folder}/reference` });
  const all: string[] = [];
  let at = 0;
  for (const [life, lines] of told.entries()) {
    if (lines.length === 0) continue;
    const more = () => all.push(...take(reference, 5000, () => 700).map((event) => JSON.stringify(event)));
    // A life goes on where the one before left off, or after events that were on their way when it was killed.
    let first = -1;
    for (let tries = 0; first < 0 && tries < 100; tries++) {
      if (all.length < at + 1 || tries > 0) more();
      first = all.indexOf(lines[0]!, at);
    }
    assert.ok(first >= at, `life ${life} (${lives}) begins with what was never to be told: ${lines[0]}`);
    while (all.length < first + lines.length) more();
    for (const [i, line] of lines.entries()) {
      assert.equal(
        line.slice(0, 500),
        all[first + i]!.slice(0, 500),
        `event ${i} of life ${life} of ${lives}`,
      );
      assert.ok(
        line === all[first + i],
        `event ${i} of life ${life} of ${lives} differs: ${line.slice(0, 100)}`,
      );
    }
    at = first + lines.length;
  }
  // And what it knows afterwards is what was told.
  await using market = await openMarket(config);
  const next: ExchangeEvent[] = take(market, 200, () => 50);
  while (all.length < at + 20_000) {
    all.push(...take(reference, 5000, () => 700).map((e) => JSON.stringify(e)));
  }
  const first = all.indexOf(JSON.stringify(next[0]), at);
  assert.ok(first >= at);
  assert.deepEqual(next.map((event) => JSON.stringify(event)), all.slice(first, first + next.length));
  checkDerived(market);
}

Deno.test("engine: killed at seeded points it goes on with its ids and tells nothing twice or otherwise", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const config = exchangeMarketConfig.parse({
      folder: `${folder}/run`,
      seed: seed % 1000,
      symbols: ["BTCUSDT", "ETHUSDT", "ETHBTC", "DOGEUSDT"],
      ratePerSecond: 50,
      historyHours: 1,
      startTime: START,
      checkpointSteps: 3000,
    });
    await checkKills(folder, config, 3000);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("recording: killed at seeded points it goes on, across rounds", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const path = `${folder}/frames.txt`;
    {
      await using market = await openMarket(exchangeMarketConfig.parse({
        folder: `${folder}/recorded`,
        seed: seed % 1000,
        symbols: ["BTCUSDT", "SHIBUSDT"],
        ratePerSecond: 100,
        historyHours: 1,
        startTime: START,
      }));
      const events = take(market, 6000, () => 500);
      await Deno.writeTextFile(path, recordingOf(market, events));
    }
    const config = exchangeMarketConfig.parse({
      folder: `${folder}/run`,
      source: [path],
      startTime: START,
      checkpointSteps: 3000,
    });
    await checkKills(folder, config, 2000);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
