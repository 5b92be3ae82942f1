import assert from "node:assert/strict";
import { until } from "../pipeline_process.ts";
import type { FaultPipeline, FaultStep } from "./fault_pipeline.ts";

/**
 * Alters PostgreSQL's tables under load. What the pipeline can do without is done without, and counted; what it needs
 * stops the producer with the column's name, and becomes dead letters with it; nothing is silently wrong.
 */
export async function tableFaults(
  step: FaultStep,
  fault: FaultPipeline,
): Promise<void> {
  await step("columns added, dropped again, and types widened: the flow goes on", async () => {
    await using owner = await fault.owner();
    await fault.load();
    await fault.storedMore(50);
    await owner.query("ALTER TABLE recent_trades ADD COLUMN venue text DEFAULT 'here'");
    await owner.query("ALTER TABLE klines ADD COLUMN note text");
    await until("the columns to be counted that are not ours", 60_000, async () => {
      const metrics = await (await fault.pipeline.request("GET", "../../metrics")).text();
      return /unknown_columns\{[^}]*recent_trades\.venue/.test(metrics) &&
          /unknown_columns\{[^}]*klines\.note/.test(metrics) || undefined;
    }, () => fault.tail);
    await owner.query("ALTER TABLE klines ALTER COLUMN number_of_trades TYPE bigint");
    await owner.query("ALTER TABLE recent_trades ALTER COLUMN quantity TYPE numeric(38, 8)");
    await fault.storedMore(50);
    await owner.query("ALTER TABLE recent_trades DROP COLUMN venue");
    await owner.query("ALTER TABLE klines DROP COLUMN note");
    await fault.storedMore(50);
    assert.deepEqual(await fault.letters(), []);
    await fault.equalsTruth();
  });

  await step("a column of another type: dead letters, and the rows again once it is mended", async () => {
    await using owner = await fault.owner();
    await fault.load();
    await owner.query("ALTER TABLE klines ALTER COLUMN number_of_trades TYPE text");
    await until(
      "dead letters",
      60_000,
      async () => (await fault.letters()).length > 5 || undefined,
      () => fault.tail,
    );
    await owner.query(
      "ALTER TABLE klines ALTER COLUMN number_of_trades TYPE bigint USING number_of_trades::bigint",
    );
    await fault.exchange.post("/admin/pause");
    const letters = await fault.letters();
    for (const { code, message, topic } of letters) {
      assert.deepEqual([code, topic], ["transform.schema_mismatch", "binance.public.klines"]);
      assert.match(message, /column "number_of_trades" must be an integer within ±2\^53, found "\d+"/);
    }
    // What the letters hold is in the table in its right type: it is told again by any change of the rows.
    await fault.load();
    await fault.storedMore(50);
    await fault.exchange.post("/admin/pause");
    await owner.query("UPDATE klines SET version = version WHERE closed");
    await fault.dropLetters();
    await fault.equalsTruth();
    await fault.dropLetters();
  });

  await step("a column renamed: the producer says so, letters wait for consumer.columns", async () => {
    {
      await using owner = await fault.owner();
      await owner.query("ALTER TABLE klines RENAME COLUMN volume TO base_volume");
      await owner.query(
        "UPDATE klines SET version = version WHERE closed AND open_time = (SELECT max(open_time) FROM klines WHERE closed)",
      );
      await until("dead letters", 60_000, async () => (await fault.letters()).length > 0 || undefined);
      await fault.load();
      await fault.shows("producer", /blocked|degraded/, /column "volume" .*does not exist/);
      await fault.notReady(/^module\.producer$/, /column "volume" .*does not exist/);
      await owner.query("ALTER TABLE klines RENAME COLUMN base_volume TO volume");
    }
    await fault.storedMore(50);
    const letters = await fault.letters();
    for (const { code, message } of letters) {
      assert.equal(code, "transform.schema_mismatch");
      assert.match(message, /column "volume" is missing.*base_volume.*map it in consumer\.columns\.klines/);
    }
    await fault.restart({ "consumer.columns": { klines: { base_volume: "volume" } } });
    const retried = await fault.pipeline.post<Record<string, unknown>>("dead-letters/retry", {
      code: "transform.schema_mismatch",
    });
    assert.deepEqual(
      [retried.retried, retried.stored, retried.failed],
      [letters.length, letters.length, 0],
    );
    await fault.equalsTruth();
  });

  await step("a column dropped: the producer says so and goes on once it is back", async () => {
    await using owner = await fault.owner();
    await fault.load();
    await owner.query("ALTER TABLE crypto_24h_stats DROP COLUMN quote_volume");
    await fault.shows("producer", /blocked|degraded/, /column "quote_volume" .*does not exist/);
    await fault.notReady(/^module\.producer$/, /quote_volume/);
    await owner.query("ALTER TABLE crypto_24h_stats ADD COLUMN quote_volume numeric");
    await fault.storedMore(50);
    await fault.equalsTruth();
    await fault.dropLetters();
  });
}
