import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../../tests/seed.ts";
import { StateReader, StateWriter } from "../state_bytes.ts";
import { ORDER_CAPACITY, OrderBook } from "./order_book.ts";

const seed = testSeed("order_book_test");

type Command =
  | { kind: "limit"; isBid: boolean; ticks: number; lots: number }
  | { kind: "market"; isBid: boolean; lots: number; worst: number | null }
  | { kind: "cancel"; which: number };

const commands = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant("limit" as const),
        isBid: fc.boolean(),
        ticks: fc.integer({ min: 90, max: 110 }),
        lots: fc.integer({ min: 1, max: 20 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("market" as const),
        isBid: fc.boolean(),
        lots: fc.integer({ min: 1, max: 60 }),
        worst: fc.option(fc.integer({ min: 90, max: 110 })),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant("cancel" as const), which: fc.nat() }),
    },
  ),
  { maxLength: 120 },
);

type Fill = { ticks: number; lots: number; isBuyerMaker: boolean; takerId: number; makerId: number };
type Resting = { id: number; isBid: boolean; ticks: number; lots: number; order: number };

/** The rule in its plainest form: of those that cross, the best price first, then the oldest. */
class Model {
  resting: Resting[] = [];
  #arrivals = 0;

  take(isBid: boolean, lots: number, worst: number): { makerId: number; ticks: number; lots: number }[] {
    const fills = [];
    while (lots > 0) {
      const crossing = this.resting
        .filter((order) => order.isBid !== isBid && (isBid ? order.ticks <= worst : order.ticks >= worst))
        .sort((a, b) => (isBid ? a.ticks - b.ticks : b.ticks - a.ticks) || a.order - b.order);
      const best = crossing[0];
      if (best === undefined) break;
      const filled = Math.min(lots, best.lots);
      fills.push({ makerId: best.id, ticks: best.ticks, lots: filled });
      best.lots -= filled;
      lots -= filled;
      this.resting = this.resting.filter((order) => order.lots > 0);
    }
    return fills;
  }

  rest(order: Omit<Resting, "order">): void {
    if (order.lots > 0) this.resting.push({ ...order, order: this.#arrivals++ });
  }

  side(isBid: boolean): number[] {
    const levels = new Map<number, number>();
    for (const order of this.resting) {
      if (order.isBid === isBid) levels.set(order.ticks, (levels.get(order.ticks) ?? 0) + order.lots);
    }
    return [...levels].sort(([a], [b]) => isBid ? b - a : a - b).flat();
  }
}

Deno.test("OrderBook matches by price, then time, and conserves every lot (against a plain model)", () => {
  fc.assert(
    fc.property(commands, (commands) => {
      const fills: Fill[] = [];
      const make = () =>
        new OrderBook(
          (ticks, lots, isBuyerMaker, takerId, makerId) =>
            fills.push({ ticks, lots, isBuyerMaker, takerId, makerId }),
          1000,
        );
      let book = make();
      const model = new Model();
      const ids: number[] = [];
      let placed = 0;
      let cancelled = 0;
      let dropped = 0;
      let traded = 0;
      for (const [index, command] of (commands as Command[]).entries()) {
        fills.length = 0;
        const before = book.updateId;
        let changes = 0;
        if (command.kind === "cancel") {
          const id = ids[command.which % Math.max(1, ids.length)];
          if (id === undefined) continue;
          const known = model.resting.find((order) => order.id === id);
          assert.equal(book.lotsOf(id), known?.lots ?? 0);
          assert.equal(book.cancel(id), known?.lots ?? 0, "cancel gives back what was left");
          assert.equal(book.cancel(id), 0, "once");
          model.resting = model.resting.filter((order) => order.id !== id);
          cancelled += known?.lots ?? 0;
          changes = known === undefined ? 0 : 1;
        } else {
          const worst = command.kind === "limit"
            ? command.ticks
            : command.worst ?? (command.isBid ? Infinity : 0);
          const expected = model.take(command.isBid, command.lots, worst);
          const result = command.kind === "limit"
            ? book.limit(command.isBid, command.ticks, command.lots)
            : book.market(command.isBid, command.lots, worst);
          assert.deepEqual(fills.map(({ makerId, ticks, lots }) => ({ makerId, ticks, lots })), expected);
          for (const fill of fills) {
            assert.equal(fill.takerId, result.id);
            assert.equal(fill.isBuyerMaker, !command.isBid);
          }
          const filled = expected.reduce((sum, fill) => sum + fill.lots, 0);
          assert.equal(result.filled, filled);
          placed += command.lots;
          traded += filled;
          if (command.kind === "limit") {
            assert.equal(result.rested, command.lots - filled);
            model.rest({ id: result.id, isBid: command.isBid, ticks: command.ticks, lots: result.rested });
            ids.push(result.id);
          } else dropped += command.lots - filled;
          changes = expected.length + (result.rested > 0 ? 1 : 0);
        }
        assert.equal(book.updateId, before + changes, "one update id for each change of a level");
        assert.deepEqual(book.side(true, Infinity), model.side(true));
        assert.deepEqual(book.side(false, Infinity), model.side(false));
        assert.ok(book.bid === 0 || book.ask === 0 || book.bid < book.ask, "never crosses");
        const resting = [...Array(book.orders).keys()].reduce(
          (sum, i) => sum + book.lotsOf(book.orderAt(i)),
          0,
        );
        // Each fill takes a lot from the taker and one from the maker.
        assert.equal(placed, resting + cancelled + dropped + 2 * traded, "conservation");
        if (index % 40 === 39) {
          const state = new StateWriter();
          book.save(state);
          book = make();
          book.restore(new StateReader(state.values().slice()));
        }
      }
    }),
    { seed, numRuns: 600 },
  );
});

Deno.test("OrderBook holds no more orders than its capacity, and still matches when full", () => {
  const book = new OrderBook(() => {});
  for (let i = 0; i < ORDER_CAPACITY; i++) assert.equal(book.limit(true, 1 + i % 500, 1).rested, 1);
  assert.ok(book.full);
  assert.equal(book.limit(true, 7, 1).rested, 0, "no room to rest");
  const taken = book.limit(false, 500, 3);
  assert.deepEqual([taken.filled, taken.rested], [3, 0]);
  assert.equal(book.orders, ORDER_CAPACITY - 3);
});

Deno.test("OrderBook collects every changed price once somebody asks", () => {
  const book = new OrderBook(() => {});
  const a = book.limit(true, 100, 5);
  book.limit(false, 103, 5);
  book.limit(false, 104, 5);
  book.changedBids.length = book.changedAsks.length = 0;
  book.market(true, 7);
  book.cancel(a.id);
  assert.deepEqual(book.changedBids, [100]);
  assert.deepEqual(book.changedAsks, [103, 104]);
  assert.deepEqual([book.lotsAt(false, 103), book.lotsAt(false, 104), book.lotsAt(true, 100)], [0, 3, 0]);
});
