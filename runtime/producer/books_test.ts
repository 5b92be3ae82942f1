import assert from "node:assert/strict";
import { epochMs } from "../market/epoch.ts";
import { Books } from "./books.ts";
import type { DepthDiff } from "./source/market_source.ts";

const OPTIONS = { bookCadenceMs: 0, bookDepth: 100, snapshotLimit: 100 };
const NOW = epochMs(1_700_000_000_000);

function diff(id: number, bids: [string, string][], asks: [string, string][] = []): DepthDiff {
  return { symbol: "A", firstUpdateId: id, finalUpdateId: id, eventTime: epochMs(NOW + id), bids, asks };
}

/** A book of 100 levels a side that are told of more, bids 1000 to 901 and asks 1001 to 1100. */
function cutBook(): Books {
  const books = new Books(["A"], OPTIONS);
  books.connect(["A"]);
  books.apply(diff(10, []), NOW);
  const side = (first: number, step: number) =>
    Array.from({ length: 100 }, (_, i): [string, string] => [String(first + i * step), "1"]);
  assert.ok(books.join({ symbol: "A", lastUpdateId: 10, bids: side(1_000, -1), asks: side(1_001, 1) }, NOW));
  return books;
}

Deno.test("a stored book claims no level that was never told (I4)", () => {
  const books = cutBook();
  assert.equal(books.rows(NOW)[0]?.depth, 100);
  // The best three bids are taken; the exchange has others below 901, which nobody told.
  books.apply(diff(11, [["1000", "0"], ["999", "0"], ["998", "0"]]), NOW);
  const [row] = books.rows(NOW);
  assert.equal(row?.trusted, true);
  assert.equal(row?.depth, 97);
  assert.equal(JSON.parse(row!.bids).length, 97);
  assert.equal(JSON.parse(row!.asks).length, 97, "both sides are whole to the same depth");
  // One that is new beyond the known range fills no hole.
  books.apply(diff(12, [["5", "1"]]), NOW);
  assert.equal(books.rows(NOW)[0]?.depth, 97);
  books.apply(diff(13, [["997.5", "1"]]), NOW);
  assert.equal(books.rows(NOW)[0]?.depth, 98);
});

Deno.test("a stored book of which a side is not known any more is untrusted (I4)", () => {
  const books = cutBook();
  books.rows(NOW);
  books.apply(diff(11, Array.from({ length: 100 }, (_, i) => [String(901 + i), "0"])), NOW);
  const [row] = books.rows(NOW);
  assert.equal(row?.trusted, false);
  books.apply(diff(12, [["905", "2"]]), NOW);
  const [again] = books.rows(NOW);
  assert.deepEqual([again?.trusted, again?.depth, again?.bids], [true, 1, '[["905","2"]]']);
});

Deno.test("a side that is known whole has no others, however few its levels", () => {
  const books = new Books(["A"], OPTIONS);
  books.connect(["A"]);
  books.apply(diff(10, []), NOW);
  assert.ok(books.join({ symbol: "A", lastUpdateId: 10, bids: [["10", "1"]], asks: [] }, NOW));
  const [row] = books.rows(NOW);
  assert.deepEqual([row?.trusted, row?.depth, row?.bids, row?.asks], [true, 100, '[["10","1"]]', "[]"]);
});
