import assert from "node:assert/strict";
import largeTrades from "../../examples/transforms/large_trades.ts";
import { applyRows, checkTransform } from "./child_transform.ts";
import type { ApplyRequest } from "./sdk.ts";

const columns = ["symbol", "trade_id", "price", "quantity", "trade_time", "is_buyer_maker", "backfill"];
const row = (
  price: string,
  quantity: string,
) => ["BTCUSDT", 7, price, quantity, 1_700_000_000_000, false, false];
const request = (rows: unknown[][]): ApplyRequest => ({ table: "recent_trades", columns, rows });

Deno.test("the example large_trades keeps, filters dust and raises an alert that a replay names alike", async () => {
  const transform = checkTransform("large_trades", largeTrades);
  const rows = [row("67000.10", "0.5"), row("0.01", "0.1"), row("67000.10", "2")];
  const response = await applyRows(transform, request(rows), { name: "large_trades" });
  assert.deepEqual(response.outcomes, [[0, rows[0]], [1, "dust"], [0, rows[2]]]);
  assert.equal(response.alerts?.length, 1);
  assert.equal(response.alerts[0]!.id, "large_trades:large_trade:BTCUSDT:7");
  assert.equal(response.alerts[0]!.raisedAt, 1_700_000_000_000);
  assert.deepEqual(await applyRows(transform, request(rows), { name: "large_trades" }), response);
});

Deno.test("applyRows() gives one outcome a row, whatever the transform returns or throws (I5)", async () => {
  const results: unknown[] = [
    undefined,
    null,
    5,
    [],
    { symbol: "x" },
    { ...Object.fromEntries(columns.map((column) => [column, 1])), extra: 1 },
    new Error("thrown"),
    Promise.reject(new RangeError("late")),
    "text thrown",
  ];
  let at = 0;
  const transform = {
    tables: ["recent_trades"],
    apply() {
      const result = results[at++];
      if (result instanceof Error || typeof result === "string") throw result;
      return result;
    },
  };
  const { outcomes } = await applyRows(transform, request(results.map(() => row("1", "1"))), { name: "t" });
  assert.deepEqual(outcomes.map(([kind, what]) => kind === 0 ? kind : `${kind} ${what}`), [
    "2 Transform t returned undefined, not a row or null",
    "1 t",
    "2 Transform t returned number, not a row or null",
    "2 Transform t returned object, not a row or null",
    "2 Transform t returned a row without column trade_id",
    "2 Transform t returned an unknown column extra",
    "2 Error: thrown",
    "2 RangeError: late",
    "2 text thrown",
  ]);
});

Deno.test("applyRows() bounds alerts (I10)", async () => {
  const transform = checkTransform("t", {
    tables: ["recent_trades"],
    apply(row: unknown, context: { emitAlert(alert: unknown): void }) {
      for (let i = 0; i < 5000; i++) context.emitAlert({ rule: "r", symbol: "s", message: "m" });
      return row;
    },
  });
  assert.equal((await applyRows(transform, request([row("1", "1")]), { name: "t" })).alerts?.length, 1000);
});

Deno.test("checkTransform() says what is wrong with an export", () => {
  const wrong: [unknown, RegExp][] = [
    [undefined, /undefined/],
    [null, /null/],
    [{}, /tables/],
    [{ tables: ["trades"], apply() {} }, /no such table: "trades"/],
    [{ tables: ["klines"], apply: 1 }, /apply is number/],
  ];
  for (const [exported, message] of wrong) {
    assert.throws(() => checkTransform("t", exported), { code: "transform.bad_export", message });
  }
});
