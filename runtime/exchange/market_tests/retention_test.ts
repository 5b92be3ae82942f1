import assert from "node:assert/strict";
import { copyFileSync, cpSync } from "node:fs";
import { exchangeMarketConfig } from "../config.ts";
import type { EpochMs } from "../../market/epoch.ts";
import { type ExchangeMarket, INTERVALS } from "../market.ts";
import { openMarket } from "../open_market.ts";
import { queryAggTrades } from "../server/stream/agg_trade_query.ts";
import { checkTickers } from "./contract.ts";

const START = 1_723_161_600_000;
const HOUR = 3_600_000;
const SYMBOLS = ["BTCUSDT", "ETHUSDT"];
const fields = {
  seed: 3,
  symbols: SYMBOLS,
  ratePerSecond: 1.2,
  historyHours: 1,
  startTime: START,
  checkpointSteps: 10_000,
};

const configOf = (folder: string, spoolMb: number | null) =>
  exchangeMarketConfig.parse({ ...fields, folder, spoolMb });

function advanceTo(market: ExchangeMarket, time: number): void {
  while (market.now < time) market.advance(time as EpochMs, 100_000);
}

function bytesOf(folder: string): number {
  let bytes = 0;
  for (const { name } of Deno.readDirSync(folder)) {
    if (name !== "checkpoint.f64") bytes += Deno.statSync(`${folder}/${name}`).size;
  }
  return bytes;
}

/** A bounded market beside one that keeps all: where both answer, they answer the same. */
function compare(bounded: ExchangeMarket, all: ExchangeMarket): void {
  assert.equal(bounded.now, all.now);
  for (const { symbol } of all.symbols) {
    const truth = all.truth.tradeRange(symbol)!;
    const { kept, ...range } = bounded.truth.tradeRange(symbol)!;
    assert.deepEqual(range, truth, "what happened stays true");
    assert.ok(kept !== undefined && kept > truth.first, "something was let go");
    const trades = all.trades(symbol, { fromId: truth.first, limit: Infinity });
    const still = trades.filter((trade) => trade.tradeId >= kept);
    assert.deepEqual(bounded.trades(symbol, { fromId: kept, limit: Infinity }), still);
    for (const query of [{ fromId: 0 }, { fromAggregateId: 1 }, { from: START as EpochMs }]) {
      assert.deepEqual(
        bounded.trades(symbol, { ...query, limit: 7 }),
        still.slice(0, 7),
        "from the oldest kept",
      );
    }
    assert.deepEqual(bounded.trades(symbol, { limit: 20 }), trades.slice(-20));
    assert.deepEqual(
      queryAggTrades(bounded, symbol, { fromId: 1, limit: 9 }),
      queryAggTrades(all, symbol, { fromId: still[0]!.aggregateId!, limit: 9 }),
    );
    for (const interval of INTERVALS) {
      const candles = bounded.candles(symbol, interval, { from: 0 as EpochMs, limit: Infinity });
      const from = candles[0]!.openTime;
      assert.deepEqual(candles, all.candles(symbol, interval, { from, limit: Infinity }), interval);
      if (interval !== "1s") {
        assert.equal(from, all.candles(symbol, interval, { from: 0 as EpochMs, limit: 1 })[0]!.openTime);
      }
      assert.deepEqual(bounded.candle(symbol, interval), all.candle(symbol, interval));
    }
    checkTickers(bounded, symbol, trades, 59_999);
    const book = all.truth.bookAt(symbol)!;
    assert.deepEqual(bounded.truth.bookAt(symbol, book.lastUpdateId), book);
    const best = all.bookTicker(symbol)!;
    assert.deepEqual(bounded.truth.bookTickerAt(symbol, best.updateId), best);
    assert.equal(bounded.truth.bookTickerAt(symbol, 1), undefined);
  }
}

Deno.test("I10: a market with a limit stays within it, and candles, tickers and recent trades stay right", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const bounded = configOf(`${folder}/bounded`, 1);
    await using all = await openMarket(configOf(`${folder}/all`, null));
    let market = await openMarket(bounded);
    for (const hours of [7, 25.01, 27]) {
      advanceTo(market, START + hours * HOUR + 12_345);
      advanceTo(all, START + hours * HOUR + 12_345);
      compare(market, all);
      // What a kill leaves now goes on with the same; a file that it kept from being deleted goes at last.
      const killed = `${folder}/killed_${hours}`;
      cpSync(bounded.folder, killed, { recursive: true });
      const numbers = [...Deno.readDirSync(killed)].flatMap(({ name }) =>
        /^trades_0_s(\d+)\.f64$/.exec(name)?.[1] ?? []
      );
      const left = `${killed}/trades_0_s${Math.min(...numbers.map(Number)) - 1}.f64`.replace("_s0", "");
      copyFileSync(`${killed}/trades_0_s${numbers[0]}.f64`, left);
      await using again = await openMarket({ ...bounded, folder: killed });
      assert.throws(() => Deno.statSync(left), Deno.errors.NotFound);
      compare(again, all);
      await market[Symbol.asyncDispose]();
      market = await openMarket(bounded);
      compare(market, all);
    }
    await market[Symbol.asyncDispose]();
    // Two symbols with three files each that keep up to two segments of 256 kB, and what came since the checkpoint.
    const [kept, whole] = [bytesOf(`${folder}/bounded`), bytesOf(`${folder}/all`)];
    assert.ok(kept < 4_000_000, `${kept} bytes kept of ${whole}`);
    assert.ok(whole > 3 * kept, `${kept} bytes kept of ${whole}`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
