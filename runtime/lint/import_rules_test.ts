import assert from "node:assert/strict";
import { importProblem } from "./import_rules.ts";

Deno.test("values import nothing but values", () => {
  assert.equal(importProblem("/x/runtime/market/table.ts", "./epoch.ts"), undefined);
  assert.match(importProblem("/x/runtime/market/table.ts", "../change/lsn.ts") ?? "", /not from change/);
});

Deno.test("modules never import each other", () => {
  assert.match(
    importProblem("/x/runtime/consumer/main.ts", "../producer/book.ts") ?? "",
    /not from producer/,
  );
  assert.match(
    importProblem("/x/runtime/producer/source/binance.ts", "../../capture/main.ts") ?? "",
    /not from capture/,
  );
});

Deno.test("a driver is imported only in the adapter named for it", () => {
  assert.equal(importProblem("/x/runtime/producer/table/postgres.ts", "pg"), undefined);
  assert.match(importProblem("/x/runtime/producer/main.ts", "pg") ?? "", /adapter named for it/);
  assert.match(importProblem("/x/runtime/consumer/main.ts", "node:sqlite") ?? "", /adapter named for it/);
});

Deno.test("importProblem() lets an adapter import the text of its schema", () => {
  assert.equal(
    importProblem("/p/runtime/consumer/store/sqlite.ts", "../../../schema/sqlite/store_0001.sql"),
    undefined,
  );
});
