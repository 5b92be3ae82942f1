import { strict as assert } from "node:assert";
import type { KlineRow, WindowRow } from "../../src/api/types.ts";
import { candleGeometry, nearestIndex } from "../../src/model/candle_geometry.ts";
import { linearScale, niceStep, timeTicks, valueTicks } from "../../src/model/scale.ts";
import { stepKey } from "../../src/model/step_key.ts";
import { countBars, countBarsOfCandles, streamBegan } from "../../src/model/trade_counts.ts";

const MINUTE = 60_000;

function candle(minute: number, [open, high, low, close]: string[], volume = "1"): KlineRow {
  return {
    symbol: "BTCUSDT",
    open_time: minute * MINUTE,
    open_price: open,
    high_price: high,
    low_price: low,
    close_price: close,
    volume,
    version: 1,
  } as unknown as KlineRow;
}

const SIZE = { width: 400, height: 220, axisWidth: 70, axisHeight: 20 };

Deno.test("a scale maps its ends and what lies between; no extent goes to the middle", () => {
  const scale = linearScale([10, 20], [100, 0]);
  assert.deepEqual([scale(10), scale(15), scale(20)], [100, 50, 0]);
  assert.equal(linearScale([5, 5], [0, 80])(5), 40);
});

Deno.test("steps are 1, 2 or 5 times a power of ten, also for the smallest prices", () => {
  assert.equal(niceStep(100, 5), 20);
  assert.equal(niceStep(0.7, 7), 0.1);
  assert.equal(niceStep(0, 5), 1);
  const labels = valueTicks(0.00000012, 0.00000019, 4).map((tick) => tick.label);
  assert.ok(labels.length >= 3, labels.join());
  assert.equal(new Set(labels).size, labels.length, "labels differ");
});

Deno.test("value ticks lie within the axis; one without extent has none", () => {
  const ticks = valueTicks(98.4, 101.3, 4);
  assert.deepEqual(ticks.map((tick) => tick.label), ["99", "100", "101"]);
  assert.deepEqual(valueTicks(5, 5, 4), []);
  assert.deepEqual(valueTicks(NaN, 5, 4), []);
  assert.deepEqual(valueTicks(-0.2, 0.2, 4).map((tick) => tick.label), ["-0.2", "-0.1", "0.0", "0.1", "0.2"]);
});

Deno.test("time ticks are at whole minutes in UTC", () => {
  const from = Date.UTC(2026, 10, 29, 10, 3);
  const ticks = timeTicks(from, from + 30 * MINUTE, 4);
  assert.deepEqual(ticks.map((tick) => tick.label), ["10:10", "10:20", "10:30"]);
  assert.deepEqual(timeTicks(5, 5, 4), []);
});

Deno.test("candles go up or down by their open and close, and a missing minute stays empty", () => {
  const rows = [
    candle(0, ["10", "12", "9", "11"]),
    candle(1, ["11", "11", "8", "9"]),
    candle(3, ["9", "9", "9", "9"]),
  ];
  const geometry = candleGeometry(rows, SIZE);
  assert.equal(geometry.paths.up.bodies.match(/M/g)?.length, 2);
  assert.equal(geometry.paths.down.bodies.match(/M/g)?.length, 1);
  const [first, second, third] = geometry.centers;
  assert.ok(Math.abs((third - second) - 2 * (second - first)) < 1e-6, "the empty minute has its place");
  assert.ok(geometry.yOf(12) < geometry.yOf(8), "higher prices are higher");
  assert.ok(geometry.yOf(12) >= 0 && geometry.yOf(8) <= geometry.plotHeight);
  assert.equal(geometry.lastY, geometry.yOf(9));
});

Deno.test("a market that stands still, huge numbers and no candle make no NaN", () => {
  for (
    const rows of [[], [candle(0, ["5", "5", "5", "5"], "0")], [
      candle(0, ["99999999999999", "99999999999999.12345678", "1", "2"]),
    ]]
  ) {
    const geometry = candleGeometry(rows, SIZE);
    const text = JSON.stringify([geometry.paths, geometry.centers, geometry.lastY ?? 0]);
    assert.ok(!/NaN|Infinity|null/.test(text), text);
  }
  assert.equal(candleGeometry([candle(0, ["5", "6", "4", "5"])], { ...SIZE, width: 0 }).centers.length, 0);
});

Deno.test("the nearest candle is found on both sides of the plot", () => {
  assert.equal(nearestIndex([10, 20, 30], -5), 0);
  assert.equal(nearestIndex([10, 20, 30], 24), 1);
  assert.equal(nearestIndex([10, 20, 30], 99), 2);
  assert.equal(nearestIndex([], 5), undefined);
});

const window = (minute: number, count: number) =>
  ({ symbol: "A", window: "1m", open_time: minute * MINUTE, trade_count: count }) as unknown as WindowRow;

Deno.test("windows without trades are zeros; the newest and those before the stream are not whole", () => {
  const bars = countBars([window(1, 5), window(2, 7), window(5, 3)], {
    lengthMs: MINUTE,
    most: 10,
    streamBegan: 2 * MINUTE,
  });
  assert.deepEqual(bars.map((bar) => bar.count), [5, 7, 0, 0, 3]);
  assert.deepEqual(bars.map((bar) => bar.whole), [false, true, true, true, false]);
});

Deno.test("at most the asked number of windows, the newest of them", () => {
  const rows = Array.from({ length: 50 }, (_, index) => window(index, index));
  const bars = countBars(rows, { lengthMs: MINUTE, most: 10, streamBegan: null });
  assert.deepEqual(bars.map((bar) => bar.count), [40, 41, 42, 43, 44, 45, 46, 47, 48, 49]);
  assert.deepEqual(countBars([], { lengthMs: MINUTE, most: 10, streamBegan: null }), []);
});

Deno.test("trades a minute come from the candles, newest last, the open one not whole", () => {
  const rows = [1, 2, 3].map((minute) => ({
    ...candle(minute, ["1", "1", "1", "1"], `${minute}.50`),
    number_of_trades: minute * 10,
    closed: minute < 3,
  }));
  const bars = countBarsOfCandles(rows, 2);
  assert.deepEqual(bars.map(({ count, volume, whole }) => [count, volume, whole]), [[20, "2.50", true], [
    30,
    "3.50",
    false,
  ]]);
});

Deno.test("the stream began in the first minute that was not fetched", () => {
  const row = (minute: number, backfill: boolean) => ({ open_time: minute * MINUTE, backfill }) as never;
  assert.equal(streamBegan([row(1, true), row(2, true), row(3, false), row(4, true)]), 4 * MINUTE);
  assert.equal(streamBegan([row(1, false)]), null);
  assert.equal(streamBegan([row(1, true)]), null);
  assert.equal(streamBegan([]), null);
});

Deno.test("keys lead to the neighbours and the ends, never beyond; others mean nothing", () => {
  assert.equal(stepKey("ArrowLeft", 3, 5), 2);
  assert.equal(stepKey("ArrowLeft", 0, 5), 0);
  assert.equal(stepKey("ArrowRight", 4, 5), 4);
  assert.equal(stepKey("Home", 3, 5), 0);
  assert.equal(stepKey("End", 1, 5), 4);
  assert.equal(stepKey("Escape", 1, 5), null);
  assert.equal(stepKey("End", -1, 0), null, "nothing to choose from");
  assert.equal(stepKey("Tab", 1, 5), undefined);
});
