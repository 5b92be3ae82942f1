import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { FrameLike } from "../../src/panels/frame_reader.ts";
import { countTrades, isHole, TapeBuffer, tradesProblem } from "../../src/panels/tradetape/model.ts";
import { isLarge, type TapeFilter } from "../../src/panels/tradetape/tape_filter.ts";
import { pauseText, scrollToRow, TAPE_ROW_PX, tapeWindow } from "../../src/panels/tradetape/tape_window.ts";

const ALL: TapeFilter = { side: "all", sizeUnit: "quantity", minSize: 0, largeSize: 0 };

function trades(ids: readonly number[], symbol = "BTCUSDT"): FrameLike {
  const columns: Record<string, unknown[]> = {
    time: ids.map((id) => 1_700_000_000_000 + id),
    symbol: ids.map(() => symbol),
    trade_id: [...ids],
    price: ids.map((id) => 100 + id / 100),
    quantity: ids.map((id) => id % 10),
    is_buyer_maker: ids.map((id) => id % 2 === 0),
    backfill: ids.map(() => false),
    price_text: ids.map((id) => (100 + id / 100).toFixed(2)),
    quantity_text: ids.map((id) => (id % 10).toFixed(8)),
  };
  return {
    length: ids.length,
    fields: Object.entries(columns).map(([name, values]) => ({ name, values })),
  };
}

const idsOf = (tape: TapeBuffer) => tape.shown.map((trade) => trade.id);

test("frames in any order, repeated and overlapping, give each trade once and in order", () => {
  fc.assert(fc.property(
    fc.array(fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 60 }), { maxLength: 12 }),
    (batches) => {
      const tape = new TapeBuffer({ capacity: 1000, filter: ALL });
      for (const batch of batches) tape.addFrames([trades(batch)]);
      const expected = [...new Set(batches.flat())].sort((a, b) => a - b);
      deepStrictEqual(idsOf(tape), expected);
      strictEqual(tape.total, expected.length);
    },
  ));
});

test("the tape is bounded, keeps the newest, and what fell out does not come back", () => {
  const tape = new TapeBuffer({ capacity: 100, filter: ALL });
  for (let id = 1; id <= 1000; id++) tape.addFrames([trades([id])]);
  ok(tape.size <= 164 && tape.size >= 100);
  strictEqual(idsOf(tape).at(-1), 1000);
  const version = tape.version;
  tape.addFrames([trades([999, 1000])]);
  strictEqual(tape.version, version, "nothing new: nothing to draw");
  tape.addFrames([trades([1, 2, 3, 1000])]);
  strictEqual(tape.version, version, "a frame that still holds old rows changes nothing");
  tape.configure({ capacity: 10, filter: ALL });
  deepStrictEqual(idsOf(tape), [991, 992, 993, 994, 995, 996, 997, 998, 999, 1000]);
});

test("filters by side and size choose what is shown, as it comes and afterwards", () => {
  const tape = new TapeBuffer({ capacity: 100, filter: { ...ALL, side: "sell", minSize: 5 } });
  tape.addFrames([trades([1, 2, 5, 6, 7, 8])]);
  deepStrictEqual(idsOf(tape), [6, 8]);
  strictEqual(tape.size, 6);
  tape.configure({ capacity: 100, filter: { ...ALL, side: "buy", minSize: 5 } });
  deepStrictEqual(idsOf(tape), [5, 7]);
  const value: TapeFilter = { ...ALL, sizeUnit: "value", largeSize: 800 };
  deepStrictEqual(tape.shown.map((trade) => isLarge(trade, value)), [false, false]);
  tape.configure({ capacity: 100, filter: { ...value, minSize: 700 } });
  deepStrictEqual(idsOf(tape), [7, 8]);
  deepStrictEqual(tape.shown.map((trade) => isLarge(trade, value)), [false, true]);
});

test("a filtered tape stays in step when old trades fall out", () => {
  const tape = new TapeBuffer({ capacity: 50, filter: { ...ALL, side: "sell" } });
  for (let id = 1; id <= 400; id++) tape.addFrames([trades([id])]);
  const shown = idsOf(tape);
  ok(shown.every((id) => id % 2 === 0));
  deepStrictEqual(shown, Array.from({ length: shown.length }, (_, at) => 400 - 2 * (shown.length - 1 - at)));
  ok(shown.length <= tape.size / 2 + 1);
});

test("the control API's rows and frames are the same trades; text is the exchange's", () => {
  const tape = new TapeBuffer({ capacity: 10, filter: ALL });
  tape.addFrames([trades([1])]);
  const row = {
    symbol: "BTCUSDT",
    trade_id: 1,
    price: "101.01",
    quantity: "1",
    trade_time: 1,
    is_buyer_maker: true,
    backfill: false,
  };
  tape.addRows([row, { ...row, trade_id: 2, price: "0.10000000", backfill: true }, {
    ...row,
    symbol: "ETHUSDT",
    trade_id: 1,
    trade_time: 1_800_000_000_000,
  }]);
  strictEqual(tape.shown.length, 3, "ids are a symbol's own");
  strictEqual(tape.shown[1]!.priceText, "0.10000000");
  strictEqual(tape.shown[1]!.backfill, true);
  strictEqual(tape.shown[2]!.symbol, "ETHUSDT");
});

test("foreign frames are named; frames without text fall back to doubles", () => {
  const tape = new TapeBuffer({ capacity: 10, filter: ALL });
  match(
    tradesProblem([{ length: 1, fields: [{ name: "time", values: [1] }, { name: "price", values: [1] }] }])!,
    /trade_id, quantity are missing/,
  );
  strictEqual(tradesProblem([]), undefined);
  const bare = trades([3]);
  bare.fields = bare.fields.filter((field) => !/text|maker|symbol/.test(field.name));
  strictEqual(tradesProblem([bare]), undefined);
  tape.addFrames([bare]);
  deepStrictEqual({ ...tape.shown[0]! }.priceText, "100.03");
  strictEqual(tape.shown[0]!.isBuyerMaker, null);
});

const linesOf = (tape: TapeBuffer) =>
  tape.shown.map((line) => isHole(line) ? `${line.symbol} ${line.missing} missing` : line.id);

test("what is missing between trades is told where it is, and no longer once it has come", () => {
  const tape = new TapeBuffer({ capacity: 100, filter: ALL, everyId: true });
  tape.addFrames([trades([1, 2, 10])]);
  deepStrictEqual(linesOf(tape), [1, 2, "BTCUSDT 7 missing", 10]);
  tape.addFrames([trades([5])]);
  deepStrictEqual(linesOf(tape), [1, 2, "BTCUSDT 2 missing", 5, "BTCUSDT 4 missing", 10]);
  tape.addFrames([trades([3, 4, 6, 7, 8, 9])]);
  deepStrictEqual(linesOf(tape), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  strictEqual(tape.total, 10);
  tape.addFrames([trades([12], "ETHUSDT"), trades([12]), trades([15], "ETHUSDT")]);
  deepStrictEqual(linesOf(tape).slice(10), ["BTCUSDT 1 missing", 12, 12, "ETHUSDT 2 missing", 15]);
  strictEqual(tape.size, 13);
  tape.configure({ capacity: 100, filter: ALL });
  strictEqual(tape.shown.some(isHole), false, "ids that do not follow one another have no holes");
  tape.configure({ capacity: 100, filter: { ...ALL, side: "sell" }, everyId: true });
  deepStrictEqual(linesOf(tape).slice(-4), ["BTCUSDT 1 missing", 12, 12, "ETHUSDT 2 missing"]);
});

test("in whatever order trades come, trades and what is missing between them are every id once", () => {
  fc.assert(fc.property(
    fc.array(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 }), {
      minLength: 1,
      maxLength: 12,
    }),
    (batches) => {
      const tape = new TapeBuffer({ capacity: 1000, filter: ALL, everyId: true });
      for (const batch of batches) tape.addFrames([trades(batch)]);
      const ids = [...new Set(batches.flat())].sort((a, b) => a - b);
      let next = ids[0]!;
      for (const line of tape.shown) {
        if (isHole(line)) {
          next += line.missing;
        } else {
          strictEqual(line.id, next++);
        }
      }
      strictEqual(next, ids.at(-1)! + 1);
      strictEqual(countTrades(tape.shown), ids.length);
    },
  ));
});

test("listeners hear of each change until they leave", () => {
  const tape = new TapeBuffer({ capacity: 10, filter: ALL });
  let heard = 0;
  const leave = tape.subscribe(() => heard++);
  tape.addFrames([trades([1, 2])]);
  tape.addFrames([trades([1, 2])]);
  tape.clear();
  strictEqual(heard, 2);
  leave();
  tape.addFrames([trades([1])]);
  strictEqual(heard, 2);
});

test("the window has the visible rows and one more at either end", () => {
  deepStrictEqual(tapeWindow(0, 0, 200), { first: 0, count: 0, height: 0 });
  const top = tapeWindow(5000, 0, 200);
  deepStrictEqual([top.first, top.count], [0, 12]);
  const down = tapeWindow(5000, 100 * TAPE_ROW_PX, 200);
  deepStrictEqual([down.first, down.count], [99, 12]);
  const end = tapeWindow(5000, 5000 * TAPE_ROW_PX, 200);
  ok(end.first + end.count <= 5000);
  const box = { scrollTop: 100, clientHeight: 200 };
  strictEqual(scrollToRow(7, box), 100, "seen already");
  strictEqual(scrollToRow(2, box), 40);
  strictEqual(scrollToRow(14, box), 120, "the header covers a row's height");
  strictEqual(pauseText(new Set(["hover"]), 3), "Paused, 3 new");
  match(pauseText(new Set(["scroll"]), 0), /scroll up/);
  strictEqual(pauseText(new Set(), 9), "");
});

test("of a stream's whole buffer of 5,000 rows that comes again, only the 17 new ones are read beyond id and time", () => {
  const tape = new TapeBuffer({ capacity: 5000, filter: { ...ALL, minSize: 1 } });
  tape.addFrames([trades(Array.from({ length: 5000 }, (_, at) => at + 1))]);
  const frame = trades(Array.from({ length: 5000 }, (_, at) => at + 18));
  const reads = new Map<string, number>();
  const counted = frame.fields.map((field) => ({
    ...field,
    values: new Proxy(field.values as unknown[], {
      get(values, name) {
        if (/^\d+$/.test(String(name))) reads.set(field.name, (reads.get(field.name) ?? 0) + 1);
        return Reflect.get(values, name);
      },
    }),
  }));
  tape.addFrames([{ ...frame, fields: counted }]);
  strictEqual(tape.total, 5017);
  for (const name of ["price", "quantity", "is_buyer_maker", "backfill", "price_text", "quantity_text"]) {
    strictEqual(reads.get(name), 17, name);
  }
  for (const name of ["time", "trade_id", "symbol"]) ok(reads.get(name)! <= 5000, name);
});
