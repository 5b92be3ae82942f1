import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { type ExchangeMarketConfig, exchangeMarketConfig } from "../config.ts";
import type { ExchangeEvent, ExchangeMarket } from "../market.ts";
import { openMarket } from "../open_market.ts";
import { checkDerived, take } from "./contract.ts";
import { recordingOf } from "./recording_of.ts";

const START = 1_723_161_600_000;
const MINUTES = 17 * 60_000;
const fields = { seed: 5, symbols: ["BTCUSDT", "ETHUSDT"], ratePerSecond: 50, historyHours: 1 };

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    await body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Opens a market at a wall time. */
const at = (config: ExchangeMarketConfig, wall: number) => openMarket(config, { wall: () => wall });

/** An event without its time. */
const timeless = (event: ExchangeEvent) => ({ ...event, time: 0 });

/**
 * A life, a closed time, another life that is killed, a closed time, and a third. What a kill leaves is what the folder
 * holds at that moment.
 */
async function checkClosings(folder: string, config: ExchangeMarketConfig): Promise<void> {
  const copy = (from: string, to: string) => {
    cpSync(`${folder}/${from}`, `${folder}/${to}`, { recursive: true });
    return { ...config, folder: `${folder}/${to}` };
  };
  const told: ExchangeEvent[] = [];
  const first = await at({ ...config, folder: `${folder}/first` }, START);
  assert.equal(first.now, START);
  told.push(...take(first, 3000, () => 70));
  const end = first.now;
  const second = copy("first", "second");
  // The first life goes on undisturbed: what would have happened without the closing.
  const undisturbed = take(first, 9000, () => 300);
  await first[Symbol.asyncDispose]();

  const opened = end + MINUTES;
  let third: ExchangeMarketConfig;
  const later: ExchangeEvent[] = [];
  {
    await using market = await at(second, opened);
    assert.equal(market.now, opened);
    assert.ok(market.nextTime()! >= opened);
    later.push(...take(market, 3000, () => 70));
    assert.deepEqual(later.map(timeless), undisturbed.slice(0, later.length).map(timeless));
    assert.ok(later.every((event, i) => event.time === undisturbed[i]!.time + MINUTES));
    third = copy("second", "third");
    checkDerived(market);
  }
  {
    // Killed after its jump, and opened when the wall is behind what it told: nothing to skip, nothing told otherwise.
    await using market = await at(third, opened);
    assert.equal(market.now, later.at(-1)!.time > opened ? market.now : opened);
    const rest = take(market, 1000, () => 70);
    assert.deepEqual(
      rest.map(timeless),
      undisturbed.slice(later.length, later.length + rest.length).map(timeless),
    );
    checkTold(market, [...told, ...later, ...rest]);
    checkDerived(market);
  }
}

/** What a market knows of its trades is what it told. */
function checkTold(market: ExchangeMarket, events: ExchangeEvent[]): void {
  for (const { symbol } of market.symbols) {
    const trades = events.filter((event) => event.type === "trade" && event.symbol === symbol);
    const from = trades[0]?.type === "trade" ? trades[0].tradeId : 0;
    assert.deepEqual(market.trades(symbol, { fromId: from, limit: Infinity }), trades);
  }
}

Deno.test("engine: the time in which it was closed is skipped, and a kill after that changes nothing", () =>
  withFolder((folder) =>
    checkClosings(folder, exchangeMarketConfig.parse({ ...fields, checkpointSteps: 1000 }))
  ));

Deno.test("recording: the time in which it was closed is skipped, and a kill after that changes nothing", () =>
  withFolder(async (folder) => {
    const path = `${folder}/frames.txt`;
    {
      await using market = await openMarket(
        exchangeMarketConfig.parse({ ...fields, folder: `${folder}/recorded`, startTime: START }),
      );
      await Deno.writeTextFile(path, recordingOf(market, take(market, 6000, () => 500)));
    }
    const config = exchangeMarketConfig.parse({ source: [path], checkpointSteps: 1000 });
    await checkClosings(folder, config);
    await using market = await at({ ...config, folder: `${folder}/third` }, START + 10 * MINUTES);
    assert.equal(market.now, START + 10 * MINUTES);
    assert.match(market.notes!.join(" "), /shifted by \d+ ms/);
  }));

Deno.test("a run whose start was given, and one of original times, skip nothing", () =>
  withFolder(async (folder) => {
    const config = exchangeMarketConfig.parse({ ...fields, folder: `${folder}/run`, startTime: START });
    const path = `${folder}/frames.txt`;
    let end: number;
    {
      await using market = await at(config, START + MINUTES);
      assert.equal(market.now, START);
      const events = take(market, 3000, () => 70);
      end = market.now;
      await Deno.writeTextFile(path, recordingOf(market, events));
    }
    {
      await using market = await at({ ...config, startTime: null }, START + MINUTES);
      assert.equal(market.now, end);
    }
    const recorded = exchangeMarketConfig.parse({
      source: [path],
      folder: `${folder}/original`,
      originalTimes: true,
    });
    await using market = await openMarket(recorded);
    assert.ok(market.now < end);
  }));
