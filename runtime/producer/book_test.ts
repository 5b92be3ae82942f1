import assert from "node:assert/strict";
import fc from "fast-check";
import { compareDecimals, formatUnits } from "../market/decimal.ts";
import { epochMs } from "../market/epoch.ts";
import { testSeed } from "../tests/seed.ts";
import { BookSide } from "./book_side.ts";
import { BOOK_TRANSITIONS, type BookSignal, type BookState, OrderBook } from "./book.ts";
import { decodeFrame } from "./source/binance_frames.ts";
import { decodeSnapshot } from "./source/binance_rest.ts";
import type { DepthDiff } from "./source/market_source.ts";
import { haveRecorded, recordedFrames, skipReason } from "./testing/recorded.ts";

function diff(
  first: number,
  final: number,
  bids: [string, string][] = [],
  asks: [string, string][] = [],
): DepthDiff {
  return {
    symbol: "A",
    firstUpdateId: first,
    finalUpdateId: final,
    eventTime: epochMs(1_700_000_000_000 + final),
    bids,
    asks,
  };
}

const SNAPSHOT = {
  symbol: "A",
  lastUpdateId: 10,
  bids: [["9", "1"], ["8", "1"]] as [string, string][],
  asks: [["11", "1"], ["12", "1"]] as [string, string][],
};

Deno.test("the book's transitions are total, and only a joined snapshot makes it trusted (I4)", () => {
  const states = Object.keys(BOOK_TRANSITIONS) as BookState[];
  for (const state of states) {
    for (const [signal, next] of Object.entries(BOOK_TRANSITIONS[state]) as [BookSignal, BookState][]) {
      assert.ok(states.includes(next));
      if (next === "synced") assert.ok(state === "synced" || signal === "joined");
    }
  }
});

Deno.test("a book joins a snapshot inside its diffs and refuses one before them", () => {
  const book = new OrderBook("A");
  assert.equal(book.join(SNAPSHOT), "stale", "nothing is buffered yet");
  book.apply(diff(12, 13));
  assert.equal(book.join(SNAPSHOT), "stale", "11 is missing");
  const whole = new OrderBook("A");
  whole.apply(diff(9, 10, [["9", "5"]]));
  whole.apply(diff(11, 12, [["9.0", "0"]], [["10.5", "2"]]));
  assert.equal(whole.join(SNAPSHOT), "synced");
  assert.deepEqual(whole.best(), { bid: ["8", "1"], ask: ["10.5", "2"] });
  assert.equal(whole.lastUpdateId, 12);
  assert.equal(whole.eventTime, 1_700_000_000_012);
  assert.equal(whole.apply(diff(11, 12, [["9", "7"]])), "ignored");
  assert.equal(whole.apply(diff(12, 14, [["8.5", "3"]])), "applied", "it overlaps, which is harmless");
  assert.deepEqual(whole.best().bid, ["8.5", "3"]);
});

Deno.test("a hole between diffs breaks trust until a new snapshot joins (I4)", () => {
  const book = new OrderBook("A");
  book.apply(diff(10, 11));
  book.join(SNAPSHOT);
  assert.equal(book.trusted, true);
  assert.equal(book.apply(diff(13, 14)), "gap");
  assert.equal(book.trusted, false);
  assert.equal(book.state, "syncing");
  assert.equal(book.join({ ...SNAPSHOT, lastUpdateId: 11 }), "stale");
  assert.equal(book.join({ ...SNAPSHOT, lastUpdateId: 13 }), "synced");
  book.disconnect();
  assert.equal(book.state, "broken");
  assert.equal(book.apply(diff(20, 21)), "buffered");
  assert.equal(book.state, "syncing");
});

Deno.test("a hole within the buffered diffs is not joined over", () => {
  const book = new OrderBook("A");
  book.apply(diff(10, 11));
  book.apply(diff(14, 15));
  assert.equal(book.join(SNAPSHOT), "stale");
  assert.equal(book.join({ ...SNAPSHOT, lastUpdateId: 14 }), "synced");
  assert.equal(book.lastUpdateId, 15);
});

Deno.test("levels beyond a cut snapshot stay unknown, and a shallow book asks for a new one", () => {
  const book = new OrderBook("A", { snapshotLimit: 100 });
  const bids = Array.from({ length: 100 }, (_, i): [string, string] => [String(1_000 - i), "1"]);
  book.apply(diff(10, 10));
  book.join({ ...SNAPSHOT, bids });
  book.apply(diff(11, 11, [["5", "1"]]));
  assert.equal(JSON.parse(book.top(1_000).bids).length, 100, "between 5 and 901 others may lie");
  assert.equal(book.shallow(100), false);
  book.apply(diff(12, 12, [["1000", "0"]]));
  assert.equal(book.shallow(100), true);
  assert.equal(book.shallow(99), false);
  // The refresh keeps the book meanwhile, and takes neither an older snapshot nor one before a hole.
  book.refresh();
  book.apply(diff(13, 13, [["999", "7"]]));
  assert.equal(book.trusted, true);
  assert.equal(book.join({ ...SNAPSHOT, lastUpdateId: 11, bids }), "stale");
  assert.equal(book.join({ ...SNAPSHOT, lastUpdateId: 12, bids }), "synced");
  assert.equal(book.lastUpdateId, 13);
  assert.equal(book.waiting, false);
  assert.deepEqual(JSON.parse(book.top(2).bids), [["1000", "1"], ["999", "7"]]);
});

Deno.test("the event time of a book never falls, though a server's clock may", () => {
  const book = new OrderBook("A");
  book.apply({ ...diff(10, 10), eventTime: epochMs(5_000) });
  book.join(SNAPSHOT);
  book.apply({ ...diff(11, 11), eventTime: epochMs(4_990) });
  assert.equal(book.lastUpdateId, 11);
  assert.equal(book.eventTime, 5_000);
  book.apply({ ...diff(12, 12), eventTime: epochMs(5_001) });
  assert.equal(book.eventTime, 5_001);
});

Deno.test("BookSide equals an exactly sorted map, whatever the changes", () => {
  const seed = testSeed("BookSide against a sorted map");
  // Prices around 10^9 with 8 decimals need 17 digits: doubles alone cannot tell them apart.
  const price = fc.oneof(
    fc.integer({ min: 1, max: 60 }).map((units) => formatUnits(BigInt(units), 1)),
    fc.integer({ min: 0, max: 40 }).map((units) => formatUnits(100_000_000_000_000_000n + BigInt(units), 8)),
  );
  const change = fc.tuple(
    price,
    fc.integer({ min: 0, max: 3 }).map((units) => formatUnits(BigInt(units), 2)),
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 120 }), fc.constantFrom("bid", "ask"), (changes, which) => {
      const side = new BookSide(which as "bid" | "ask", 1_000);
      const model = new Map<string, string>();
      for (const [text, quantity] of changes) {
        side.set(text, quantity);
        if (quantity === "0.00") model.delete(text);
        else model.set(text, quantity);
      }
      const sorted = [...model].sort((a, b) => compareDecimals(a[0], b[0]) * (which === "bid" ? -1 : 1));
      assert.deepEqual(JSON.parse(side.top(1_000)), sorted);
    }),
    { seed, numRuns: 300 },
  );
});

for (const symbol of ["BTCUSDT", "ETHUSDT"]) {
  Deno.test({
    name: `the recorded ${symbol} book equals bookTicker at every update id that both have${skipReason}`,
    ignore: !haveRecorded,
    fn() {
      const book = new OrderBook(symbol);
      const known = new Set([symbol]);
      // The recording interleaves both streams, so a ticker may come before the diff that reaches its id.
      const tickers = new Map<number, { b: string; B: string; a: string; A: string }>();
      const frames = recordedFrames(`${symbol.toLowerCase()}_20240808.gz`);
      for (const text of frames) {
        if (!text.includes("@bookTicker")) continue;
        const { data } = JSON.parse(text);
        tickers.set(data.u, data);
      }
      let compared = 0;
      let applied = 0;
      for (const text of frames) {
        if (text.includes("@bookTicker")) continue;
        if (text.startsWith('{"lastUpdateId"')) {
          const snapshot = decodeSnapshot(symbol, JSON.parse(text));
          assert.ok(typeof snapshot !== "string");
          assert.equal(book.join(snapshot), "synced");
        }
        const event = decodeFrame(text, known).events[0];
        if (event?.kind !== "depth") continue;
        const result = book.apply(event.diff);
        assert.notEqual(result, "gap");
        if (result !== "applied") continue;
        applied++;
        const ticker = tickers.get(book.lastUpdateId);
        const { bid, ask } = book.best();
        assert.ok(
          bid !== undefined && ask !== undefined && compareDecimals(bid[0], ask[0]) < 0,
          "it crosses",
        );
        if (ticker === undefined) continue;
        compared++;
        assert.deepEqual({ bid, ask }, { bid: [ticker.b, ticker.B], ask: [ticker.a, ticker.A] });
      }
      assert.ok(applied > 3_000);
      assert.ok(compared > 50, `only ${compared} update ids were common`);
      console.log(`${symbol}: ${applied} diffs, ${compared} compared with bookTicker`);
    },
  });
}
