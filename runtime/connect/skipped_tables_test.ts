import assert from "node:assert/strict";
import { skippedTables } from "./skipped_tables.ts";

const TABLES = ["klines", "recent_trades"].map((table) => ({ schema: "public", table, columns: ["symbol"] }));
const WANTED = {
  "table.include.list": "public\\.klines,public\\.recent_trades",
  "skipped.operations": "none",
  "poll.interval.ms": "10",
};

Deno.test("skippedTables() names what a connector with other settings may have passed over", () => {
  const skipped = (held: Record<string, string>) => skippedTables({ ...WANTED, ...held }, WANTED, TABLES);
  assert.deepEqual(skipped({}), []);
  assert.deepEqual(skipped({ "poll.interval.ms": "500", "tombstones.on.delete": "true" }), []);
  assert.deepEqual(skipped({ "table.include.list": "public\\.klines" }), ["public.recent_trades"]);
  const all = ["public.klines", "public.recent_trades"];
  // A pattern of a stranger's may mean anything.
  assert.deepEqual(skipped({ "table.include.list": "public.k.*" }), all);
  assert.deepEqual(skipped({ "skipped.operations": "u" }), all);
  assert.deepEqual(skipped({ "transforms": "drop", "table.include.list": "public\\.klines" }), all);
  const { "table.include.list": _, ...without } = WANTED;
  assert.deepEqual(skippedTables(without, WANTED, TABLES), all);
});
