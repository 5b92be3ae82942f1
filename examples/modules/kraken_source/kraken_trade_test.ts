import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../../../runtime/tests/seed.ts";
import { decodeKraken } from "./kraken_trade.ts";

/** As in Kraken's documentation of the trade channel. */
function update(data: string): string {
  return `{"channel":"trade","type":"update","data":[${data}]}`;
}
const TRADE =
  '{"symbol":"BTC/USD","side":"sell","price":67123.1,"qty":0.00012000,"ord_type":"market","trade_id":42,' +
  '"timestamp":"2024-11-22T10:00:00.123456Z"}';

Deno.test("decodeKraken() keeps the digits of prices and quantities (I9)", () => {
  const message = decodeKraken(update(TRADE));
  assert.deepEqual(message, {
    kind: "trades",
    snapshot: false,
    trades: [{
      symbol: "KRAKEN:BTCUSD",
      trade_id: 42,
      price: "67123.1",
      quantity: "0.00012000",
      trade_time: Date.parse("2024-11-22T10:00:00.123Z"),
      is_buyer_maker: true,
      backfill: false,
    }],
  });
});

Deno.test("decodeKraken() writes exponents out", () => {
  for (
    const [source, text] of [["5e-8", "0.00000005"], ["1.25E2", "125"], ["1.2345e1", "12.345"], [
      "12e-1",
      "1.2",
    ], ["0.5e-1", "0.05"]]
  ) {
    const message = decodeKraken(update(TRADE.replace("67123.1", source!)));
    assert.equal(message.kind === "trades" && message.trades[0]!.price, text, source!);
  }
});

Deno.test("decodeKraken() names what is wrong with a trade", () => {
  const wrong: [string, string, RegExp][] = [
    ["67123.1", '"67123.1"', /price/],
    ["67123.1", "-1", /price/],
    ["67123.1", "null", /price/],
    ['"sell"', '"up"', /side/],
    ["42", "4.2", /trade_id 4.2/],
    ["BTC/USD", "BTC USD", /symbol/],
    ["2024-11-22T10:00:00.123456Z", "yesterday", /timestamp/],
  ];
  for (const [from, to, message] of wrong) {
    const decoded = decodeKraken(update(TRADE.replace(from, to)));
    assert.ok(decoded.kind === "bad");
    assert.match(decoded.message, message);
  }
});

Deno.test("decodeKraken() takes any text, and is never out of step", () => {
  const seed = testSeed("decodeKraken");
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.json(),
    fc.nat(TRADE.length).map((length) => update(TRADE).slice(0, length)),
    fc.record({ channel: fc.constant("trade"), type: fc.constantFrom("update", "x"), data: fc.jsonValue() })
      .map((value) => JSON.stringify(value)),
  );
  fc.assert(fc.property(text, (value) => void decodeKraken(value)), { seed, numRuns: 500 });
});
