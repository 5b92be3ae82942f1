import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addDecimal } from "../../../runtime/console/decimal.js";
import { compareDecimals } from "../../../runtime/market/decimal.ts";
import { exactText, withDecimals } from "../../src/panels/exact_text.ts";
import type { FrameLike } from "../../src/panels/frame_reader.ts";
import { depthPaths, nearestStep, stepAt, stepX } from "../../src/panels/orderbook/depth_curve.ts";
import { groupLevels } from "../../src/panels/orderbook/grouping.ts";
import {
  bookModel,
  bookOfRow,
  booksOfFrames,
  type BookSource,
  type Level,
} from "../../src/panels/orderbook/model.ts";
import { bookWarnings } from "../../src/panels/orderbook/warnings.ts";

const BOOK: BookSource = {
  symbol: "BTCUSDT",
  bids: [["100.10", "1.50000000"], ["100.00", "0.50000000"], ["99.95", "3.00000000"]],
  asks: [["100.20", "0.10000000"], ["100.31", "0.20000000"]],
  trusted: true,
  depth: 1000,
  lastUpdateId: 7,
  updatedAt: 1_700_000_000_000,
  simulated: true,
  originLabel: "seed 1",
  exact: true,
};

function frame(columns: Record<string, unknown[]>, custom?: Record<string, unknown>): FrameLike {
  const names = Object.keys(columns);
  return {
    length: columns[names[0]!]?.length ?? 0,
    fields: names.map((name) => ({ name, values: columns[name]! })),
    meta: custom === undefined ? undefined : { custom },
  };
}

test("spread, mid and running totals are exact text", () => {
  const model = bookModel(BOOK, { levels: 2 });
  strictEqual(model.shape, "normal");
  strictEqual(model.spread, "0.10");
  strictEqual(model.mid, "100.15");
  deepStrictEqual(model.bids.map((row) => row.total), ["1.50000000", "2.00000000"]);
  strictEqual(model.curve.bids.length, 3, "the curve has all levels, the ladder only those asked for");
  ok(Math.abs(model.spreadBp! - 0.1 / 100.15 * 10_000) < 1e-9);
});

test("a crossed, a locked and a one-sided book are told apart, and grouping does not hide a cross", () => {
  const crossed = { ...BOOK, bids: [["100.25", "1"], ...BOOK.bids] as Level[] };
  strictEqual(bookModel(crossed, { levels: 5 }).shape, "crossed");
  strictEqual(bookModel(crossed, { levels: 5, tick: "10" }).shape, "crossed");
  strictEqual(bookModel({ ...BOOK, bids: [["100.2", "1"]] }, { levels: 5 }).shape, "locked");
  strictEqual(bookModel({ ...BOOK, asks: [] }, { levels: 5 }).shape, "one_sided");
  strictEqual(bookModel({ ...BOOK, asks: [], bids: [] }, { levels: 5 }).shape, "empty");
  const words = bookWarnings({ ...crossed, trusted: false }, bookModel(crossed, { levels: 5 })).map((
    warning,
  ) => warning.title);
  deepStrictEqual(words, ["UNTRUSTED", "CROSSED"]);
});

test("grouping never moves a level inwards and loses no quantity", () => {
  deepStrictEqual(groupLevels(BOOK.bids, "bid", "0.1"), [["100.1", "1.50000000"], ["100.0", "0.50000000"], [
    "99.9",
    "3.00000000",
  ]]);
  deepStrictEqual(groupLevels(BOOK.asks, "ask", "0.5"), [["100.5", "0.30000000"]]);
  deepStrictEqual(groupLevels([["100.10", "1"]], "bid", "0.25"), [["100.00", "1"]]);
  const decimal = (places: number) =>
    fc.tuple(fc.integer({ min: 1, max: 10_000_000 }), fc.integer({ min: 0, max: places })).map(
      ([units, scale]) => {
        const digits = String(units).padStart(scale + 1, "0");
        return scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
      },
    );
  fc.assert(fc.property(
    fc.array(fc.tuple(decimal(8), decimal(8)), { maxLength: 40 }),
    fc.constantFrom("bid" as const, "ask" as const),
    decimal(4),
    (levels, side, tick) => {
      const sorted = [...levels].sort((a, b) => compareDecimals(a[0], b[0]) * (side === "bid" ? -1 : 1));
      const grouped = groupLevels(sorted, side, tick);
      const sum = (rows: readonly Level[]) => rows.reduce((total, row) => addDecimal(total, row[1])!, "0");
      strictEqual(compareDecimals(sum(grouped), sum(sorted)), 0);
      for (let at = 1; at < grouped.length; at++) {
        strictEqual(compareDecimals(grouped[at - 1]![0], grouped[at]![0]), side === "bid" ? 1 : -1);
      }
      if (sorted.length > 0) {
        const moved = compareDecimals(grouped[0]![0], sorted[0]![0]);
        ok(side === "bid" ? moved <= 0 : moved >= 0);
      }
    },
  ));
});

test("a frame becomes a book: columns before meta, text before doubles, any order of rows", () => {
  const books = booksOfFrames([frame({
    side: ["ask", "bid", "bid"],
    price: [100.2, 99, 100.1],
    quantity: [0.1, 2, 1.5],
    price_text: ["100.20", "99.00", "100.10"],
    quantity_text: ["0.10000000", "2.00000000", "1.50000000"],
    trusted: [false, false, false],
    last_update_id: [9, 9, 9],
  }, {
    symbol: "BTCUSDT",
    simulated: true,
    trusted: true,
    lastUpdateId: 3,
    origin: { kind: "exchange", id: "x", label: "seed 1" },
  })]);
  ok(Array.isArray(books));
  const book = books[0]!;
  deepStrictEqual(book.bids, [["100.10", "1.50000000"], ["99.00", "2.00000000"]]);
  strictEqual(book.trusted, false, "meta is the first frame's: a stream's columns are newer");
  strictEqual(book.lastUpdateId, 9);
  strictEqual(book.simulated, true);
  strictEqual(book.originLabel, "seed 1");
});

test("foreign frames say which fields are missing; doubles alone are shown as such", () => {
  const foreign = booksOfFrames([frame({ side: ["bid"], value: [1] })]);
  ok(!Array.isArray(foreign));
  match(foreign.problem, /price, quantity are missing/);
  const books = booksOfFrames([
    frame({ side: ["bid", "ask", "x"], price: [1e-7, 2, 3], quantity: [1, null, 1] }),
  ]);
  ok(Array.isArray(books));
  deepStrictEqual(books[0]!.bids, [["0.0000001", "1"]]);
  deepStrictEqual(books[0]!.asks, [], "a level without a quantity is none");
  strictEqual(books[0]!.trusted, null);
  deepStrictEqual(bookWarnings(books[0]!, bookModel(books[0]!, { levels: 3 })).map((one) => one.title), [
    "One side only",
    "Trust unknown",
    "Levels left out",
    "From doubles",
  ]);
  deepStrictEqual(booksOfFrames([]), []);
});

test("the control API's row becomes the same book; text that is none is a problem", () => {
  const row = {
    symbol: "Ω",
    bids: '[["1.0","2"]]',
    asks: "[]",
    depth: 5,
    last_update_id: 1,
    trusted: true,
    updated_at: 1,
    version: 1,
    levels: [],
    best_bid: null,
    best_ask: null,
    spread: null,
    mid: null,
  };
  const book = bookOfRow(row, { simulated: false, label: null });
  ok(!("problem" in book));
  deepStrictEqual(book.bids, [["1.0", "2"]]);
  const broken = bookOfRow({ ...row, asks: "[[1]]" }, { simulated: false, label: null });
  ok("problem" in broken);
  match(broken.problem, /cannot be read/);
});

test("decimals hide zeros only", () => {
  strictEqual(withDecimals("1.50000000", 2), "1.50");
  strictEqual(withDecimals("1.50000001", 2), "1.50000001");
  strictEqual(withDecimals("1", 2), "1.00");
  strictEqual(withDecimals("100.00", 0), "100");
  strictEqual(withDecimals("1.50", null), "1.50");
  strictEqual(exactText("12.30", 12.3), "12.30");
  strictEqual(exactText("x", 1e21), "1000000000000000000000");
  strictEqual(exactText(null, NaN), null);
  strictEqual(
    exactText("5.", 1e300),
    null,
    "what the runtime's decimals cannot hold would break every comparison",
  );
});

test("the curve is a staircase over the same distance on both sides, and tells the step under a pointer", () => {
  const { curve } = bookModel(BOOK, { levels: 5 });
  const paths = depthPaths(curve, { width: 200, height: 100 });
  ok(paths !== undefined);
  match(paths.bids, /^M/);
  ok(!/NaN|Infinity/.test(paths.bids + paths.asks));
  strictEqual(nearestStep(curve, paths, 0)?.total, 5);
  strictEqual(nearestStep(curve, paths, 200)?.side, "ask");
  strictEqual(nearestStep(curve, paths, 100), undefined, "between best bid and best ask there is nothing");
  const keys = [0, curve.bids.length - 1, curve.bids.length, 999].map((level) => stepAt(curve, level)!);
  deepStrictEqual(keys.map(({ side }) => side), ["bid", "bid", "ask", "ask"]);
  deepStrictEqual(keys.map(({ price }) => price), [
    curve.bids.at(-1)!.price,
    curve.bids[0]!.price,
    curve.asks[0]!.price,
    curve.asks.at(-1)!.price,
  ]);
  ok(keys.every((step) => nearestStep(curve, paths, stepX(paths, step))?.side === step.side));
  strictEqual(stepAt({ bids: [], asks: [] }, 0), undefined);
  strictEqual(depthPaths({ bids: [], asks: [] }, { width: 200, height: 100 }), undefined);
  const huge = depthPaths({ bids: [{ price: 1e300, total: 1e300 }], asks: [] }, { width: 200, height: 100 });
  ok(huge !== undefined && !/NaN/.test(huge.bids));
});
