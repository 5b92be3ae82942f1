import assert from "node:assert/strict";
import { CandlewireError } from "../../error.ts";
import { seededRandom, testSeed } from "../../tests/seed.ts";
import { exchangeMarketConfig } from "../config.ts";
import type { EpochMs } from "../../market/epoch.ts";
import { openMarket } from "../open_market.ts";
import { take } from "./contract.ts";

const seed = testSeed("folder_test");
const small = { symbols: ["BTCUSDT", "ETHUSDT"], historyHours: 1, startTime: 1_723_161_600_000 };

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    await body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

async function refused(opening: Promise<unknown>, code: string, ...words: string[]): Promise<void> {
  await assert.rejects(opening, (error) => {
    assert.ok(error instanceof CandlewireError, String(error));
    assert.equal(error.code, code, error.message);
    for (const word of words) assert.ok(error.message.includes(word), `"${word}" in: ${error.message}`);
    assert.ok(error.hint !== undefined);
    return true;
  });
}

const open = (fields: Record<string, unknown>) =>
  openMarket(exchangeMarketConfig.parse({ ...small, ...fields }));

Deno.test("same seed, same events, however they are taken; another seed, others", async () => {
  await withFolder(async (folder) => {
    const random = seededRandom(seed);
    const runs: string[] = [];
    for (
      const [name, fields, portion] of [
        ["a", { seed }, () => 1],
        ["b", { seed }, () => 1 + Math.floor(random() * 900)],
        ["c", { seed: seed + 1 }, () => 50],
      ] as const
    ) {
      await using market = await open({ folder: `${folder}/${name}`, ...fields });
      runs.push(JSON.stringify(take(market, 5000, portion).slice(0, 5000)));
    }
    assert.equal(runs[0], runs[1]);
    assert.notEqual(runs[0], runs[2]);
  });
});

Deno.test("a market that was closed goes on, with the same origin; a fresh one has another", async () => {
  await withFolder(async (folder) => {
    const reference = await open({ folder: `${folder}/reference`, seed });
    const expected = take(reference, 4000, () => 100);
    const parts = [];
    const origins = new Set([reference.origin.id]);
    await reference[Symbol.asyncDispose]();
    for (let life = 0; life < 4; life++) {
      await using market = await open({
        folder: `${folder}/run`,
        seed,
        startTime: life === 0 ? small.startTime : null,
      });
      origins.add(market.origin.id);
      parts.push(...take(market, 700, () => 33));
    }
    assert.deepEqual(parts, expected.slice(0, parts.length));
    assert.equal(origins.size, 2);
    assert.match([...origins][0]!, /^exchange-/);
  });
});

Deno.test("a folder of another run, in use, foreign or damaged is refused with the remedy", async () => {
  await withFolder(async (folder) => {
    const run = `${folder}/run`;
    {
      await using market = await open({ folder: run, seed: 7 });
      market.advance(market.now + 2000 as EpochMs, 1e6);
      await refused(open({ folder: run, seed: 7 }), "exchange.folder_busy", run);
    }
    await refused(open({ folder: run, seed: 8 }), "exchange.folder_mismatch", "seed", "7", "8", run);
    await refused(open({ folder: run, seed: 7, symbols: null }), "exchange.folder_mismatch", "symbols");
    await refused(open({ folder: run, seed: 7, startTime: 5 }), "exchange.folder_mismatch", "startTime", "5");
    await refused(
      open({ folder: run, source: ["/dev/null"] }),
      "exchange.folder_mismatch",
      "source",
      "engine",
    );
    await refused(open({ folder: `${folder}/x`, symbols: ["NOPE"] }), "exchange.symbol", "NOPE");
    await refused(open({ folder: "/proc/none" }), "exchange.folder_open", "/proc/none");
    Deno.mkdirSync(`${folder}/foreign`);
    Deno.writeTextFileSync(`${folder}/foreign/thesis.txt`, "mine");
    await refused(open({ folder: `${folder}/foreign` }), "exchange.folder_foreign", "thesis.txt");

    const checkpoint = Deno.readFileSync(`${run}/checkpoint.f64`);
    checkpoint[100]! ^= 1;
    Deno.writeFileSync(`${run}/checkpoint.f64`, checkpoint);
    await refused(open({ folder: run, seed: 7 }), "exchange.folder_damaged", "checkpoint.f64");
    checkpoint[100]! ^= 1;
    Deno.writeFileSync(`${run}/checkpoint.f64`, checkpoint);
    Deno.truncateSync(`${run}/trades_0.f64`, 48);
    await refused(open({ folder: run, seed: 7 }), "exchange.spool_short", "trades_0");
    Deno.writeTextFileSync(`${run}/run.json`, "{");
    await refused(open({ folder: run, seed: 7 }), "exchange.folder_damaged", "run.json");
  });
});

Deno.test("a position that the replay does not come to again is refused, not told otherwise", async () => {
  await withFolder(async (folder) => {
    const run = `${folder}/run`;
    {
      await using market = await open({ folder: run, seed: 7 });
      market.advance(market.now + 2000 as EpochMs, 1e6);
    }
    // As if another version of the engine had told the last step otherwise.
    const cells = new Float64Array(Deno.readFileSync(`${run}/position.f64`).buffer);
    const slot = cells[0]! > cells[5]! ? 0 : 5;
    cells[slot + 3]! += 1;
    cells[slot + 4]! += 1;
    Deno.writeFileSync(`${run}/position.f64`, new Uint8Array(cells.buffer));
    await refused(open({ folder: run, seed: 7 }), "exchange.spool_diverged");
  });
});

Deno.test("the mean rate comes true, with bursts of more than 20 times the mean", async () => {
  await withFolder(async (folder) => {
    await using market = await openMarket(
      exchangeMarketConfig.parse({ folder, seed, ratePerSecond: 20, historyHours: 1, startTime: 0 }),
    );
    const perTenth = new Map<number, number>();
    let trades = 0;
    // Forty minutes: some thirty bursts.
    const end = 2_400_000;
    while (market.now < end) {
      for (const event of market.advance(end as EpochMs, 5000)) {
        if (event.type !== "trade") continue;
        trades++;
        const tenth = Math.floor(event.time / 100);
        perTenth.set(tenth, (perTenth.get(tenth) ?? 0) + 1);
      }
    }
    const mean = trades / (end / 1000);
    assert.ok(mean > 10 && mean < 40, `${mean} trades/s for 20`);
    const most = Math.max(...perTenth.values()) * 10;
    assert.ok(most > 20 * mean, `at most ${most} trades/s in 100 ms, mean ${mean}`);
  });
});
