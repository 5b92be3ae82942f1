import assert from "node:assert/strict";
import type { DeadLetter } from "../../../runtime/query/market_query.ts";
import { until } from "../../../runtime/tests/pipeline_process.ts";
import { superuserOf } from "../../../runtime/tests/superuser_postgres.ts";
import { accessibilityProblems } from "./accessibility.ts";
import { BROWSER_TEST, DEADLINE_MS, faults, picture, PluginRig, WHY } from "./plugin_rig.ts";

Deno.test({
  name: `an operator stops and starts a module, retries dead letters and replays from the pages${WHY}`,
  ...BROWSER_TEST,
  async fn(t) {
    await using rig = await PluginRig.start("plugin actions");
    await rig.run(1000);
    const stateOf = async (name: string) =>
      (await rig.pipeline.get<{ module: { state: string } }>(`modules/${name}`)).module.state;
    const letters = async () => (await rig.pipeline.get<{ rows: DeadLetter[] }>("dead-letters")).rows;

    await t.step("a module is stopped and started; each asks first", async () => {
      const { page, misdeeds } = await rig.open("modules");
      await page.getByRole("button", { name: "Stop consumer" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByRole("button", { name: "Cancel" }).click();
      await dialog.waitFor({ state: "detached" });
      assert.equal(await stateOf("consumer"), "running");
      await page.getByRole("button", { name: "Stop consumer" }).click();
      await dialog.getByText("Nothing is lost").waitFor();
      assert.deepEqual(await accessibilityProblems(page), []);
      await dialog.getByRole("button", { name: "Stop consumer" }).click();
      await until(
        "the consumer to be stopped",
        DEADLINE_MS,
        async () => await stateOf("consumer") === "stopped",
      );
      const row = page.getByRole("row").filter({ hasText: "consumer" });
      await row.getByText("Stopped").first().waitFor();
      await picture(page, "modules-stopped");
      await page.getByRole("button", { name: "Start consumer", exact: true }).click();
      await dialog.getByRole("button", { name: "Start consumer" }).click();
      await until("the consumer to run", DEADLINE_MS, async () => await stateOf("consumer") === "running");
      await row.getByText("Running").first().waitFor();
      await rig.run(200);
      assert.deepEqual(faults(misdeeds), []);
    });

    await t.step("a dead letter that cannot be stored says so, and stays", async () => {
      await using client = await superuserOf(rig.pipeline);
      await client.query("ALTER TABLE recent_trades RENAME COLUMN quantity TO qty");
      const { now } = await rig.exchange.get<{ now: number }>("/admin/state");
      for (const id of [1, 2]) {
        await client.query(
          `INSERT INTO recent_trades (symbol, trade_id, price, qty, trade_time, is_buyer_maker, backfill)
          VALUES ('TESTUSDT', $1, '1.50', '2.500', $2, false, false)`,
          [id, new Date(now)],
        );
      }
      await client.query("ALTER TABLE recent_trades RENAME COLUMN qty TO quantity");
      await until("two dead letters", DEADLINE_MS, async () => (await letters()).length === 2);
      const { page, misdeeds } = await rig.open("dead-letters");
      await page.getByText(/column "quantity" is missing/).first().waitFor();
      await page.getByRole("button", { name: /^Inspect the letter/ }).first().click();
      await page.getByText(/"qty"/).first().waitFor();
      await picture(page, "dead-letter-inspected");
      assert.deepEqual(await accessibilityProblems(page), []);
      await page.getByRole("button", { name: /^Retry the letter/ }).first().click();
      await page.getByText("Retried 1: 0 stored, 1 failed again").waitFor();
      assert.equal((await letters()).length, 2);
      assert.deepEqual(faults(misdeeds), []);
    });

    await t.step("after the mapping was declared, the same letters are stored from the page", async () => {
      await rig.restart({ "consumer.columns": { recent_trades: { qty: "quantity" } } });
      const { page, misdeeds } = await rig.open("dead-letters");
      await page.getByRole("button", { name: /^Retry the letter/ }).first().click();
      await page.getByText("Retried 1: 1 stored, 0 failed again").waitFor();
      await page.getByRole("button", { name: "Retry all", exact: true }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Retry", exact: true }).click();
      await page.getByText("No dead letters").waitFor();
      assert.deepEqual(await letters(), []);
      const { rows } = await rig.pipeline.get<{ rows: { trade_id: number; quantity: string }[] }>(
        "market/trades?symbol=TESTUSDT",
      );
      assert.deepEqual(rows.map(({ trade_id, quantity }) => [trade_id, quantity]).sort(), [[1, "2.500"], [
        2,
        "2.500",
      ]]);
      assert.deepEqual(faults(misdeeds), []);
    });

    await t.step("a dry run and a replay show their progress to the end", async () => {
      const { page, misdeeds } = await rig.open("dead-letters?tab=replays");
      await page.getByRole("button", { name: "Dry run" }).click();
      const table = page.getByRole("table", { name: /^Replays/ });
      await table.getByText("dry run").waitFor();
      await page.getByRole("button", { name: "Replay and write" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Replay", exact: true }).click();
      await until("both replays to end", 60_000, async () => {
        const { replays } = await rig.pipeline.get<{ replays: { state: string }[] }>("replays");
        return replays.length === 2 && replays.every(({ state }) => state === "done");
      });
      await until("the page to say so", DEADLINE_MS, async () => await table.getByText("Done").count() === 2);
      await picture(page, "replays");
      assert.deepEqual(faults(misdeeds), []);
    });
  },
});
