import assert from "node:assert/strict";
import { SqliteMarketStore } from "../consumer/store/sqlite.ts";
import { CandlewireError } from "../error.ts";
import { SqliteMarketQuery } from "./sqlite.ts";
import { ORIGIN } from "./testing/query_subject.ts";

// The contract that every adapter keeps is in market_query_test.ts.

Deno.test("a store that is not there yet is told as such, and found once it is", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    await using query = new SqliteMarketQuery(`${folder}/store.db`);
    await assert.rejects(
      query.counts(),
      (error) =>
        error instanceof CandlewireError && error.code === "query.unavailable" && error.retry === "retry",
    );
    await using _store = new SqliteMarketStore(`${folder}/store.db`, {
      origin: ORIGIN,
      writer: "consumer",
      epoch: 1,
    });
    assert.deepEqual(await query.origin(), ORIGIN);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
