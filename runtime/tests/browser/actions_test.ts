import assert from "node:assert/strict";
import { CHROMIUM, SKIPPED } from "./chromium.ts";
import { closeBrowser, LEAVES_PIPES, until, visit } from "./visit.ts";

const ignore = CHROMIUM === undefined;
Deno.test.afterAll(closeBrowser);

Deno.test({
  name: `an operator stops, starts, approves, retries, drops, replays and cancels${SKIPPED}`,
  ignore,
  ...LEAVES_PIPES,
  async fn(t) {
    await using site = await visit();
    const { page, misdeeds } = await site.open("operator", { hash: "#/modules" });
    const { host, market } = site.server;

    await t.step("stop asks first; the state follows in words", async () => {
      await page.getByRole("button", { name: "Stop producer" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
      assert.deepEqual(host.asked, []);
      await page.getByRole("button", { name: "Stop producer" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Stop producer" }).click();
      await page.locator("tr[data-module=producer] .state", { hasText: "Stopped" }).waitFor();
      assert.ok(await page.getByRole("button", { name: "Stop producer" }).isDisabled());
      await page.getByRole("button", { name: "Start producer", exact: true }).click();
      await page.locator("tr[data-module=producer] .state", { hasText: "Running" }).waitFor();
      await page.getByRole("button", { name: "Restart capture" }).click();
      await page.getByText("Restarted by an operator").waitFor();
      assert.deepEqual(host.asked, ["stop producer", "start producer", "restart capture"]);
    });

    await t.step("changed code is approved by its digest", async () => {
      await page.getByRole("link", { name: "spread-filter" }).click();
      await page.getByRole("button", { name: "Approve this code" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
      await page.locator("tr[data-module=spread-filter] .state", { hasText: "Running" }).waitFor();
      assert.equal(host.asked.at(-1), `approve spread-filter ${"9f2c".repeat(16)}`);
    });

    await t.step("a refusal is shown with its hint", async () => {
      host.answer("consumer", "dead_letters.retry", () => {
        throw new Error("broken");
      });
      await page.goto(`${site.server.url}/#/dead-letters`);
      await page.locator("tr[data-letter=dl-1] [data-action=retry]").click();
      await page.locator(".problem").waitFor();
      assert.match((await page.textContent(".problem"))!, /\w+\.\w+/);
      // A refused call is an error line of Chromium's own, not of the page.
      misdeeds.errors = misdeeds.errors.filter((line) => !/status of 5\d\d/.test(line));
    });

    await t.step("letters are retried by code and dropped after a question", async () => {
      host.answer("consumer", "dead_letters.retry", (parameters) => {
        const { code } = parameters as { code?: string };
        const left = market.deadLetterRows.filter((row) => row.code !== code);
        const retried = market.deadLetterRows.length - left.length;
        market.deadLetterRows.splice(0, Infinity, ...left);
        return { retried, stored: retried, failed: 0 };
      });
      await page.getByLabel("Code").selectOption("transform.schema_mismatch");
      await page.locator("tr[data-letter=dl-3]").waitFor({ state: "detached" });
      await page.getByRole("button", { name: "Retry all that match" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Retry" }).click();
      await page.getByText("Retried 2: 2 stored, 0 failed again").waitFor();
      await page.getByLabel("Code").selectOption("");
      await page.locator("tr[data-letter=dl-3] [data-action=drop]").click();
      await page.getByRole("dialog").getByRole("button", { name: "Drop" }).click();
      await page.getByText("No dead letters").waitFor();
      assert.equal(market.deadLetterRows.length, 0);
      assert.ok(await page.locator("#dead-letter-badge").isHidden());
    });

    await t.step("a dry run is started, shows its progress and is cancelled", async () => {
      await page.goto(`${site.server.url}/#/replays`);
      await page.getByLabel("Partition").fill("2");
      await page.getByLabel("From offset").fill("100");
      await page.getByRole("button", { name: "Start replay" }).click();
      const row = page.locator("tr[data-replay=replay-1]");
      await row.waitFor();
      assert.deepEqual(
        { partition: 2, from: 100, dryRun: true },
        {
          partition: (site.server.replays[0]!.ranges as { partition: number }[])[0]!.partition,
          from: (site.server.replays[0]!.ranges as { from: number }[])[0]!.from,
          dryRun: site.server.replays[0]!.dry_run,
        },
      );
      await until(page, `document.querySelector("tr[data-replay] progress").value > 0`);
      await row.getByRole("button", { name: "Cancel" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Cancel the replay" }).click();
      await row.getByText("Cancelled").waitFor();
    });

    assert.deepEqual(misdeeds, { errors: [], foreign: [] });
  },
});

Deno.test({
  name: `a viewer sees everything and can change nothing, and is told why${SKIPPED}`,
  ignore,
  ...LEAVES_PIPES,
  async fn() {
    await using site = await visit();
    const { page, misdeeds } = await site.open("viewer", { hash: "#/modules" });
    const stop = page.getByRole("button", { name: "Stop producer" });
    await stop.waitFor();
    assert.ok(await stop.isDisabled());
    assert.match((await stop.getAttribute("title"))!, /operator/);
    await page.goto(`${site.server.url}/#/dead-letters`);
    await page.locator("tr[data-letter]").first().waitFor();
    for (const action of ["retry", "drop"]) {
      assert.ok(await page.locator(`[data-action=${action}]`).first().isDisabled());
    }
    assert.ok(await page.locator("[data-action=inspect]").first().isEnabled());
    await page.goto(`${site.server.url}/#/replays`);
    assert.ok(await page.getByRole("button", { name: "Start replay" }).isDisabled());
    assert.deepEqual(misdeeds, { errors: [], foreign: [] });
    // Not the page alone refuses: the API does.
    const status = await page.evaluate(
      `fetch("/api/v1/modules/producer/stop", { method: "POST" }).then((r) => r.status)`,
    );
    assert.equal(status, 403);
    assert.deepEqual(site.server.host.asked, []);
  },
});

Deno.test({
  name: `a wrong token is refused with a reason, and signing out ends the session${SKIPPED}`,
  ignore,
  ...LEAVES_PIPES,
  async fn() {
    await using site = await visit();
    const page = await site.browser.newPage();
    await page.goto(`${site.server.url}/#/modules`);
    await page.getByLabel("Token").fill("not-a-token-of-ours");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator(".problem .hint").waitFor();
    assert.equal(await page.textContent("#origin strong"), "SIMULATED");
    const { page: signedIn } = await site.open("viewer", { hash: "#/modules" });
    await signedIn.locator("tr[data-module=producer]").waitFor();
    await signedIn.getByRole("button", { name: "Sign out" }).click();
    await signedIn.getByLabel("Token").waitFor();
    assert.equal(await signedIn.textContent("#connection"), "Signed out");
  },
});
