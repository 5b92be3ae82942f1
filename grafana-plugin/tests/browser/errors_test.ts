import assert from "node:assert/strict";
import { MiniHost } from "../../preview/mini_host.ts";
import { accessibilityProblems } from "./accessibility.ts";
import { appSettings, BROWSER_TEST, faults, picture, PluginRig, WHY } from "./plugin_rig.ts";

/** Lines that Chromium itself writes for an answer that a test provoked. */
const ANSWERED = (statuses: string) => new RegExp(`status of (${statuses})`);
const PAGES = ["market", "pipeline", "modules", "dead-letters"];

Deno.test({
  name: `what goes wrong is told in words${WHY}`,
  ...BROWSER_TEST,
  async fn(t) {
    await using rig = await PluginRig.start("plugin errors");
    await rig.run(500);

    await t.step("a viewer sees every page and is offered no change; the proxy refuses one too", async () => {
      for (const path of [...PAGES, "dead-letters?tab=replays"]) {
        const { page, misdeeds } = await rig.open(path, { role: "Viewer" });
        await page.getByText("SIMULATED").first().waitFor();
        for (
          const name of [/^Stop/, /^Start/, /^Restart/, /^Retry/, /^Drop/, /^Replay/, /^Dry run/, /^Approve/]
        ) {
          assert.equal(
            await page.locator("main").getByRole("button", { name }).count(),
            0,
            `${path}: ${name}`,
          );
        }
        const status = await page.evaluate(
          `fetch("/api/plugin-proxy/candlewire-marketdata-app/operate/modules/consumer/stop",
            { method: "POST", headers: { "content-type": "application/json" } }).then((answer) => answer.status)`,
        );
        assert.equal(status, 403);
        assert.deepEqual(faults(misdeeds, [ANSWERED("403")]), [], path);
      }
      const { module } = await rig.pipeline.get<{ module: { state: string } }>("modules/consumer");
      assert.equal(module.state, "running");
    });

    await t.step("a wrong token: each page names it", async () => {
      const settings = await appSettings(rig.pipeline);
      settings.secureJsonData.viewerToken = "not-the-token";
      await using host = await MiniHost.start({ dist: rig.host.plugin.dist, settings });
      for (const path of PAGES) {
        const { page, misdeeds } = await rig.open(path, { host });
        const alert = page.getByRole("alert").filter({ hasText: /token/i }).first();
        await alert.waitFor();
        await picture(page, `wrong-token-${path}`);
        assert.deepEqual(await accessibilityProblems(page), [], path);
        assert.deepEqual(faults(misdeeds, [ANSWERED("401|502")]), [], path);
      }
    });

    await t.step("an address where nothing answers: each page says so, and where to change it", async () => {
      const settings = await appSettings(rig.pipeline);
      settings.jsonData.controlUrl = "http://127.0.0.1:9";
      await using host = await MiniHost.start({ dist: rig.host.plugin.dist, settings });
      for (const path of PAGES) {
        const { page, misdeeds } = await rig.open(path, { host });
        await page.getByRole("alert").first().waitFor();
        await page.getByRole("link", { name: "Configuration" }).last().waitFor();
        await picture(page, `unreachable-${path}`);
        assert.deepEqual(faults(misdeeds, [ANSWERED("502")]), [], path);
      }
    });

    await t.step("no settings yet: the way to the configuration", async () => {
      await using host = await MiniHost.start({
        dist: rig.host.plugin.dist,
        settings: { jsonData: {}, secureJsonData: {} },
      });
      const { page, misdeeds } = await rig.open("market", { host });
      await page.getByText("The app is not configured yet").waitFor();
      assert.deepEqual(faults(misdeeds), []);
    });

    await t.step("the configuration page saves, tests and names what is wrong", async () => {
      const right = await appSettings(rig.pipeline);
      await using host = await MiniHost.start({
        dist: rig.host.plugin.dist,
        settings: { jsonData: {}, secureJsonData: {} },
      });
      const { page, misdeeds } = await rig.open("/plugins/candlewire-marketdata-app", { host });
      await page.locator("#controlUrl").fill("127.0.0.1:8787");
      await page.getByRole("alert").first().waitFor();
      await page.locator("#controlUrl").fill(`${rig.pipeline.url}/`);
      await page.locator("#viewerToken").fill("not-the-token");
      await page.locator("#operatorToken").fill(right.secureJsonData.operatorToken!);
      await page.getByRole("button", { name: /^Save/ }).click();
      await page.getByText("Saved", { exact: true }).waitFor();
      assert.deepEqual(host.settings.jsonData, { controlUrl: rig.pipeline.url });
      await page.getByRole("button", { name: "Test", exact: true }).click();
      await page.getByRole("alert").filter({ hasText: /viewer/i }).first().waitFor();
      await page.getByRole("button", { name: "Reset" }).first().click();
      await page.locator("#viewerToken").fill(right.secureJsonData.viewerToken!);
      await page.getByRole("button", { name: /^Save/ }).click();
      await page.getByText("Saved", { exact: true }).waitFor();
      await page.getByRole("button", { name: "Test", exact: true }).click();
      await page.locator("main").getByText(/SIMULATED|exchange, seed/).first().waitFor();
      await picture(page, "configuration-tested");
      assert.deepEqual(host.settings.secureJsonData, right.secureJsonData);
      // I6: no token is in the page.
      const html = await page.content();
      for (const token of Object.values(right.secureJsonData)) assert.ok(!html.includes(token));
      assert.deepEqual(await accessibilityProblems(page), []);
      assert.deepEqual(faults(misdeeds, [ANSWERED("401|404")]), []);
    });

    await t.step("the control API goes away: the page says that it is not live, and comes back", async () => {
      const { page } = await rig.open("pipeline");
      await page.getByText("Live", { exact: true }).first().waitFor();
      const before = rig.host.settings.jsonData.controlUrl;
      await rig.pipeline.process.stop();
      await page.getByText("Not live").first().waitFor();
      await picture(page, "not-live");
      await rig.restart({});
      assert.notEqual(rig.host.settings.jsonData.controlUrl, before);
      await page.getByRole("button", { name: "Connect now" }).click().catch(() => {});
      await page.getByText("Live", { exact: true }).first().waitFor();
    });
  },
});
