import assert from "node:assert/strict";
import fc from "fast-check";
import { epochMs } from "../market/epoch.ts";
import type { CompletenessRow } from "../market/table.ts";
import { testSeed } from "../tests/seed.ts";
import { GapLedger } from "./gap_ledger.ts";
import { IdRanges } from "./id_ranges.ts";

const AT = 1_768_000_000_000;
const at = (ms: number) => epochMs(AT + ms);
const OPTIONS = { graceMs: 100, maxIds: 1_000, step: 1 };

/** State, first and last id of rows, newest of each key. */
function told(rows: CompletenessRow[]): [string, number, number, string][] {
  const newest = new Map<number, CompletenessRow>();
  for (const row of rows) {
    const known = newest.get(row.first_id);
    assert.ok(known === undefined || row.version > known.version, "versions rise");
    newest.set(row.first_id, row);
  }
  return [...newest.values()].sort((a, b) => a.first_id - b.first_id).map((row) => [
    row.state,
    row.first_id,
    row.last_id,
    row.cause,
  ]);
}

Deno.test("a gap is told at once, asked for after the grace time, and closed when all is there (I3)", () => {
  const ledger = new GapLedger("trade", OPTIONS);
  const rows: CompletenessRow[] = [];
  assert.equal(ledger.seen("A", 10, at(0)), "next");
  assert.equal(ledger.seen("A", 11, at(0)), "next");
  ledger.broke(["A"], "disconnect");
  assert.equal(ledger.seen("A", 15, at(1)), "next");
  rows.push(...ledger.takeRows());
  assert.deepEqual(told(rows), [["open", 12, 14, "disconnect"]]);
  assert.equal(ledger.due(AT + 50), undefined);
  assert.deepEqual(ledger.due(AT + 200), { symbol: "A", first: 12, last: 14 });
  assert.equal(ledger.seen("A", 13, at(210)), "late");
  assert.equal(ledger.seen("A", 13, at(210)), "duplicate");
  const request = ledger.due(AT + 220)!;
  assert.deepEqual(request, { symbol: "A", first: 12, last: 12 });
  assert.deepEqual([...ledger.answered(request, [12, 13, 14, 15, 16], at(230))], [12, 14]);
  rows.push(...ledger.takeRows());
  assert.deepEqual(told(rows), [["refilled", 12, 14, "disconnect"]]);
  assert.equal(ledger.openGaps, 0);
  assert.deepEqual([...ledger.takeCounts()], [["disconnect", 1]]);
});

Deno.test("what only came late was reordered, not refilled", () => {
  const ledger = new GapLedger("trade", OPTIONS);
  for (const id of [1, 4, 3, 2, 5]) ledger.seen("A", id, at(0));
  assert.deepEqual(told(ledger.takeRows()), [["refilled", 2, 3, "reordered"]]);
});

Deno.test("ids that the exchange skips are lost at once, an empty answer only after several", () => {
  const ledger = new GapLedger("trade", OPTIONS);
  ledger.seen("A", 1, at(0));
  ledger.seen("A", 10, at(0));
  let request = ledger.due(AT + 1_000)!;
  ledger.answered(request, [5, 6], at(1_000));
  request = ledger.due(AT + 1_000)!;
  assert.deepEqual(request, { symbol: "A", first: 7, last: 9 });
  for (let i = 0; i < 3; i++) {
    assert.equal(ledger.openGaps, 1);
    ledger.answered(ledger.due(AT + 10_000 * (i + 1))!, [], at(10_000 * (i + 1)));
  }
  assert.deepEqual(told(ledger.takeRows()), [
    ["lost", 2, 4, "source_gap"],
    ["refilled", 5, 6, "source_gap"],
    ["lost", 7, 9, "source_gap"],
  ]);
});

Deno.test("an id that the exchange says it has is missed when it does not come", () => {
  const ledger = new GapLedger("trade", OPTIONS);
  ledger.expect("A", 5, AT);
  ledger.sweep(at(10_000));
  assert.equal(ledger.openGaps, 0, "nothing was seen yet, so nothing is missing");
  ledger.seen("A", 5, at(0));
  ledger.expect("A", 8, AT);
  ledger.sweep(at(500));
  assert.equal(ledger.openGaps, 0, "it may still come");
  ledger.sweep(at(60_000), true);
  assert.equal(ledger.openGaps, 0, "the stream was held back");
  ledger.sweep(at(70_000));
  assert.deepEqual(told(ledger.takeRows()), [["open", 6, 8, "source_gap"]]);
  assert.equal(ledger.seen("A", 7, at(70_001)), "late");
  assert.equal(ledger.seen("A", 9, at(70_002)), "next");
});

Deno.test("of a gap beyond the limit only the newest ids are asked for; the others are told as lost", () => {
  const ledger = new GapLedger("kline", { ...OPTIONS, maxIds: 10, step: 60_000 });
  ledger.start("A", 0, "producer_down");
  ledger.seen("A", 100 * 60_000, at(0));
  assert.deepEqual(told(ledger.takeRows()), [
    ["lost", 60_000, 89 * 60_000, "refill_limit"],
    ["open", 90 * 60_000, 99 * 60_000, "producer_down"],
  ]);
});

Deno.test("every id is stored once or listed, whatever is dropped, doubled, reordered, or killed (I3)", () => {
  const seed = testSeed("gap ledger against loss and kills");
  const happening = fc.record({
    dropped: fc.integer({ min: 0, max: 60 }),
    doubled: fc.boolean(),
    swapped: fc.boolean(),
    /** Kills the process before this chunk is written, and again after. */
    killed: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    /** Refill pages answered meanwhile. */
    pages: fc.integer({ min: 0, max: 3 }),
    /** Ids that the exchange says exist, and that never come. */
    announced: fc.integer({ min: 0, max: 8 }),
    passed: fc.constantFrom(70, 5_000),
  });
  fc.assert(
    fc.property(
      fc.array(happening, { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 0, max: 300 }),
      (happenings, oldest) => {
        const stored = new Map<number, number>();
        const rows = new Map<number, CompletenessRow>();
        let now = 0;
        let ledger = new GapLedger("trade", OPTIONS);
        /** One chunk, written as a whole or not at all. */
        const write = (ids: number[], lostByKill = false) => {
          const told = ledger.takeRows();
          if (lostByKill) return;
          for (const row of told) {
            if ((rows.get(row.first_id)?.version ?? 0) < row.version) rows.set(row.first_id, row);
          }
          for (const id of ids) stored.set(id, (stored.get(id) ?? 0) + 1);
        };
        const restart = () => {
          ledger = new GapLedger("trade", OPTIONS);
          if (stored.size > 0) ledger.start("A", Math.max(...stored.keys()), "producer_down");
          for (const row of rows.values()) if (row.state === "open") ledger.restore(row);
        };
        const refill = (limit: number) => {
          for (let i = 0; i < limit; i++) {
            const request = ledger.due(AT + now);
            if (request === undefined) return;
            const page: number[] = [];
            for (let id = Math.max(request.first, oldest); id <= next - 1 && page.length < 20; id++) {
              page.push(id);
            }
            const fresh = ledger.answered(request, page, at(now));
            write([...fresh].filter((id) => !stored.has(id)));
          }
        };
        let next = 1;
        for (const { dropped, doubled, swapped, killed, pages, announced, passed } of happenings) {
          now += passed;
          next += dropped;
          const ids = [next, next + 1, next + 2];
          next += 3;
          if (swapped) ids.reverse();
          if (doubled) ids.push(ids[0]!);
          const kept = ids.filter((id) => ledger.seen("A", id, at(now)) !== "duplicate");
          write(kept.filter((id) => !stored.has(id)), killed);
          if (killed) restart();
          if (announced > 0) {
            next += announced;
            ledger.expect("A", next - 1, AT + now);
            now += passed;
            ledger.sweep(at(now));
            write([]);
          }
          refill(pages);
        }
        // Whatever a kill left behind shows at the next trade.
        now += 100_000;
        ledger.seen("A", next, at(now));
        write([next]);
        next++;
        for (let i = 0; i < 200 && ledger.openGaps > 0; i++) {
          now += 100_000;
          refill(50);
        }
        assert.equal(ledger.openGaps, 0);
        const lost = new IdRanges(1);
        for (const row of [...rows.values()].sort((a, b) => a.first_id - b.first_id)) {
          assert.notEqual(row.state, "open");
          if (row.state === "lost") lost.append(row.first_id, row.last_id);
        }
        const first = Math.min(...stored.keys());
        for (let id = first; id < next; id++) {
          const listed = lost.ranges.some((range) => id >= range.first && id <= range.last);
          if (listed) assert.ok(id < oldest, `id ${id} could have been had`);
          else assert.equal(stored.get(id), 1, `id ${id}`);
        }
      },
    ),
    { seed, numRuns: 400 },
  );
});
