import assert from "node:assert/strict";
import fc from "fast-check";
import type { EpochMs } from "../../market/epoch.ts";
import { testSeed } from "../../tests/seed.ts";
import { PriceMove, type PriceMoveRule } from "./price_move.ts";
import type { Change } from "./transform.ts";

const T0 = 1_723_161_600_000;
const FALL: PriceMoveRule = { name: "eth_fall", symbols: ["ETHUSDT"], percent: -5, withinMs: 600_000 };

function seen(at: number, price: string, symbol = "ETHUSDT"): Change {
  return {
    table: "recent_trades",
    kind: "upsert",
    row: {
      symbol,
      trade_id: at,
      price,
      quantity: "1",
      trade_time: T0 + at as EpochMs,
      is_buyer_maker: false,
      backfill: false,
    },
    version: (T0 + at) * 1000,
    topic: "t",
    partition: 0,
    offset: at,
  };
}

function alerts(rule: PriceMoveRule, changes: Change[]) {
  const transform = new PriceMove([rule]);
  const outcomes = transform.apply(changes);
  assert.ok(outcomes.every(({ kind }) => kind === "keep"));
  return transform.takeAlerts();
}

Deno.test("a move of exactly the percentage raises one alert with its evidence", () => {
  const [alert, ...more] = alerts(FALL, [
    seen(0, "3000.00"),
    seen(1000, "2850.01"),
    seen(2000, "2850.00"),
    seen(3000, "2800.00"),
  ]);
  assert.deepEqual(more, []);
  assert.equal(alert!.message, "ETHUSDT −5.00 % within 10 minutes");
  assert.equal(alert!.id, `eth_fall:ETHUSDT:down:${Math.floor((T0 + 2000) / 600_000)}`);
  assert.deepEqual(alert!.evidence, {
    from_price: "3000.00",
    from_time: T0,
    to_price: "2850.00",
    to_time: T0 + 2000,
    percent: -5,
    limit_percent: -5,
    within_ms: 600_000,
    trade_id: 2000,
  });
});

Deno.test("rises, other symbols, too small and too slow moves", () => {
  assert.equal(
    alerts({ ...FALL, percent: 5 }, [seen(0, "100"), seen(1, "105")])[0]!.message.slice(0, 15),
    "ETHUSDT +5.00 %",
  );
  assert.deepEqual(alerts({ ...FALL, percent: 5 }, [seen(0, "105"), seen(1, "90")]), []);
  assert.deepEqual(alerts(FALL, [seen(0, "100", "BTCUSDT"), seen(1, "1", "BTCUSDT")]), []);
  assert.equal(
    alerts({ ...FALL, symbols: ["*"] }, [seen(0, "100", "BTCUSDT"), seen(1, "1", "BTCUSDT")]).length,
    1,
  );
  assert.deepEqual(alerts(FALL, [seen(0, "100"), seen(1, "95.0001")]), []);
  assert.deepEqual(alerts(FALL, [seen(0, "100"), seen(600_001, "90")]), []);
});

Deno.test("a price seen before a restart counts after it", () => {
  const transform = new PriceMove([FALL]);
  transform.warm([{ symbol: "ETHUSDT", price: "100", time: T0 as EpochMs }]);
  transform.apply([seen(1000, "94")]);
  assert.equal(transform.takeAlerts().length, 1);
});

Deno.test("every alert is true, and every move clearly within the time is told, late and repeated rows included", () => {
  const seed = testSeed("price move");
  const rule = { ...FALL, withinMs: 60_000 };
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ at: fc.integer({ min: 0, max: 200_000 }), price: fc.integer({ min: 80, max: 120 }) }),
        {
          minLength: 2,
          maxLength: 60,
        },
      ),
      (rows) => {
        const raised = alerts(rule, rows.map(({ at, price }) => seen(at, `${price}.0`)));
        for (const { evidence, raisedAt } of raised) {
          const { from_price, from_time, to_price } = evidence as Record<string, string & number>;
          assert.ok(Number(to_price) <= Number(from_price) * 0.95 + 1e-9);
          assert.ok(raisedAt - from_time! <= rule.withinMs && raisedAt >= from_time!);
        }
      },
    ),
    { seed, numRuns: 300 },
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 58_999 }),
      fc.array(fc.integer({ min: 0, max: 58_999 })),
      (gap, between) => {
        const middle = between.filter((at) => at < gap).sort((a, b) => a - b).map((at) => seen(at, "99.0"));
        assert.equal(alerts(rule, [seen(0, "100.0"), ...middle, seen(gap + 1, "95.0")]).length, 1);
      },
    ),
    { seed, numRuns: 200 },
  );
});

Deno.test("memory is bounded: symbols beyond the limit are not watched", () => {
  const transform = new PriceMove([{ ...FALL, symbols: ["*"] }]);
  for (let at = 0; at < 20_050; at++) transform.apply([seen(at, "1", `S${at}`)]);
  assert.equal(transform.watched, 20_000);
});
