import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { seededRandom, testSeed } from "../../tests/seed.ts";
import { type ExchangeMarketConfig, exchangeMarketConfig } from "../config.ts";
import type { ExchangeMarket } from "../market.ts";
import { openMarket } from "../open_market.ts";
import { checkDerived, checkWindowEdge, Client, take } from "./contract.ts";
import { recordingOf } from "./recording_of.ts";

const seed = testSeed("market_test");
const START = 1_723_161_600_000 - 45_000;
const DATA = new URL("../../../../shared/data/", import.meta.url).pathname;
const RECORDED = [`${DATA}btcusdt_20240808.gz`, `${DATA}ethusdt_20240808.gz`];
const absent = !RECORDED.every((path) => existsSync(path));

type Adapter = {
  name: string;
  ignore?: boolean;
  events: number;
  /** Compares of every candle over all trades: only where those are few. */
  derived: boolean;
  open: (folder: string) => Promise<ExchangeMarket>;
};

const config = (folder: string, fields: Partial<ExchangeMarketConfig>) =>
  exchangeMarketConfig.parse({ folder: `${folder}/run`, startTime: START, ...fields });

async function engineRecording(folder: string): Promise<string> {
  const symbols = ["BTCUSDT", "SHIBUSDT", "ETHBTC", "币安人生USDT"];
  await using market = await openMarket(
    config(`${folder}/recorded`, { seed, symbols, ratePerSecond: 200 }),
  );
  const random = seededRandom(seed);
  const events = take(market, 8000, () => 1 + Math.floor(random() * 300));
  const path = `${folder}/frames.txt`;
  await Deno.writeTextFile(path, recordingOf(market, events));
  return path;
}

const ADAPTERS: Adapter[] = [
  {
    name: "engine, all symbols",
    events: 30_000,
    derived: false,
    open: (folder) => openMarket(config(folder, { seed })),
  },
  {
    name: "engine, four symbols, slow",
    events: 8000,
    derived: true,
    open: (folder) =>
      openMarket(
        config(folder, {
          seed,
          symbols: ["BTCUSDT", "PEPEUSDT", "ETHBTC", "币安人生USDT"],
          ratePerSecond: 20,
        }),
      ),
  },
  {
    name: "recording of the engine, three rounds",
    events: 20_000,
    derived: true,
    open: async (folder) => openMarket(config(folder, { source: [await engineRecording(folder)] })),
  },
  {
    name: absent ? "recording of Binance (skipped: no ../shared/data)" : "recording of Binance, two rounds",
    ignore: absent,
    events: 100_000,
    derived: true,
    open: (folder) => openMarket(config(folder, { source: RECORDED, startTime: null, originalTimes: true })),
  },
];

for (const { name, ignore, events, derived, open } of ADAPTERS) {
  Deno.test({
    name: `market contract: ${name}`,
    ignore,
    async fn() {
      const folder = Deno.makeTempDirSync();
      try {
        await using market = await open(folder);
        const random = seededRandom(seed);
        const client = new Client(market);
        let taken = 0;
        let trades = 0;
        while (taken < events) {
          const some = take(market, 2000, () => 1 + Math.floor(random() * 400));
          assert.ok(some.length > 0);
          taken += some.length;
          trades += some.filter((event) => event.type === "trade").length;
          client.take(some);
        }
        await client.finish();
        assert.ok(trades > events / 30, `${trades} trades of ${taken} events`);
        assert.ok(client.compared > events / 50, `${client.compared} books compared`);
        // Neither the engine nor these recordings lack an id.
        assert.equal(client.tradeGaps, 0);
        for (const { symbol } of market.symbols) {
          assert.deepEqual(market.truth.missingTradeIds(symbol), []);
          checkQueries(market, symbol);
        }
        if (derived) checkDerived(market);
        if (derived) checkWindowEdge(market);
      } finally {
        Deno.removeSync(folder, { recursive: true });
      }
    },
  });
}

/** Trades by id, by aggregate, by time and the most recent. */
function checkQueries(market: ExchangeMarket, symbol: string): void {
  const { first, last } = market.truth.tradeRange(symbol)!;
  const recent = market.trades(symbol, { limit: 50 });
  assert.equal(recent.at(-1)!.tradeId, last);
  const middle = Math.floor((first + last) / 2);
  const some = market.trades(symbol, { fromId: middle, limit: 40 });
  assert.deepEqual(some.map((trade) => trade.tradeId), some.map((_, i) => middle + i));
  const time = some[0]!.time;
  const timed = market.trades(symbol, { from: time, to: time, limit: 1000 });
  assert.ok(timed.some((trade) => trade.tradeId === middle));
  assert.ok(timed.every((trade) => trade.time === time));
  const aggregate = some[5]!.aggregateId!;
  const group = market.trades(symbol, { fromAggregateId: aggregate, limit: 30 });
  assert.equal(group[0]!.aggregateId, aggregate);
  for (const [i, trade] of group.entries()) {
    const before = group[i - 1];
    if (before === undefined) continue;
    const same = before.aggregateId === trade.aggregateId;
    assert.ok(same || trade.aggregateId === before.aggregateId! + 1, "aggregate ids are contiguous");
    if (same) assert.equal(trade.price, before.price);
  }
  assert.deepEqual(market.trades(symbol, { fromId: last + 1, limit: 5 }), []);
  assert.deepEqual(market.trades("NOSUCH", { limit: 5 }), []);
  assert.equal(market.book("NOSUCH", 5), undefined);
  assert.equal(market.book(symbol, 5)!.bids.length, 5);
}
