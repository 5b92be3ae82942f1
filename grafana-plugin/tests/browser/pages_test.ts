import assert from "node:assert/strict";
import { until } from "../../../runtime/tests/pipeline_process.ts";
import { sameDecimal } from "./same_decimal.ts";
import { newestTrade, sameLevels, shownLevels } from "./shown_levels.ts";
import { accessibilityProblems } from "./accessibility.ts";
import { BROWSER_TEST, DEADLINE_MS, faults, picture, PluginRig, WHY } from "./plugin_rig.ts";

type BinanceTicker = { symbol: string; quoteVolume: string };

Deno.test({
  name: `the pages show the exchange's truth${WHY}`,
  ...BROWSER_TEST,
  async fn(t) {
    await using rig = await PluginRig.start("plugin pages");
    await rig.run(3000);
    const { exchange, pipeline } = rig;

    await t.step("Market: top ten by volume, the book and the tape equal the exchange's", async () => {
      const { page, misdeeds } = await rig.open("market/BTCUSDT");
      await page.getByText("SIMULATED").first().waitFor();
      // Statistics come at a cadence of the market's time, which stands still: the page equals the control API to the letter,
      // which follows the exchange; the order of the markets equals the exchange's own.
      const told = await exchange.get<BinanceTicker[]>("/api/v3/ticker/24hr");
      const ranked = told.sort((a, b) => Number(b.quoteVolume) - Number(a.quoteVolume)).map(({ symbol }) =>
        symbol
      );
      const ranking = async () => {
        const { rows } = await pipeline.get<{ rows: { symbol: string; quote_volume_usdt: string }[] }>(
          "market/tickers?limit=10",
        );
        return rows.map((row) => [row.symbol, row.quote_volume_usdt]);
      };
      const shown = () =>
        page.$$eval(
          "li[data-symbol]",
          (items) =>
            items.map((item) => [item.getAttribute("data-symbol"), item.getAttribute("data-volume")]),
        );
      await until(
        "the ranking to be the control API's",
        DEADLINE_MS,
        async () => JSON.stringify(await shown()) === JSON.stringify(await ranking()),
        async () => JSON.stringify({ shown: await shown(), stored: await ranking() }),
      );
      assert.deepEqual((await shown()).map(([symbol]) => symbol), ranked.slice(0, 10));

      const depth = await exchange.get<{ bids: [string, string][]; asks: [string, string][] }>(
        "/admin/truth/book?symbol=BTCUSDT&updateId=told&limit=5",
      );
      await until(
        "the best levels to be the exchange's",
        DEADLINE_MS,
        async () =>
          sameLevels(await shownLevels(page, "Bids"), depth.bids) &&
          sameLevels(await shownLevels(page, "Asks"), depth.asks),
        async () =>
          JSON.stringify({
            depth,
            bids: await shownLevels(page, "Bids"),
            asks: await shownLevels(page, "Asks"),
          }),
      );
      const range = await exchange.get<{ last: number }>("/admin/truth/range?symbol=BTCUSDT");
      const [last] = await exchange.get<{ price: string; quantity: string }[]>(
        `/admin/truth/trades?symbol=BTCUSDT&fromId=${range.last}&limit=1`,
      );
      await until("the newest trade on the tape", DEADLINE_MS, async () => {
        const cells = await newestTrade(page);
        return cells.some((text) => sameDecimal(text, last!.price)) &&
          cells.some((text) => sameDecimal(text, last!.quantity));
      }, async () => JSON.stringify({ last, shown: await newestTrade(page) }));
      await picture(page, "market");
      assert.deepEqual(await accessibilityProblems(page), []);
      assert.deepEqual(faults(misdeeds), []);
    });

    await t.step("Market moves by itself: a new trade appears without a new page", async () => {
      const { page, misdeeds } = await rig.open("market/ETHUSDT");
      const rows = page.locator('[role=table][aria-label^="Trades"] [role=rowgroup] [role=row]');
      await rows.first().waitFor();
      const before = await rows.first().textContent();
      await rig.run(200);
      await until(
        "another newest trade",
        DEADLINE_MS,
        async () => await rows.first().textContent() !== before,
      );
      assert.deepEqual(faults(misdeeds), []);
    });

    await t.step("Pipeline: every stage, and the way of one trade", async () => {
      const { page, misdeeds } = await rig.open("pipeline");
      const { stages } = await pipeline.get<{ stages: { title: string }[] }>("pipeline");
      const table = page.getByRole("table", { name: "Stages of the pipeline" });
      await table.waitFor();
      for (const { title } of stages) {
        await table.getByRole("rowheader", { name: title, exact: true }).first().waitFor();
      }
      const [trade] = await exchange.get<{ id: number }[]>("/api/v3/trades?symbol=SOLUSDT&limit=1");
      await page.getByLabel("Symbol").last().fill("SOLUSDT");
      await page.getByLabel("Trade id").fill(String(trade!.id));
      await page.getByRole("button", { name: "Look up" }).click();
      await page.getByText(`SOLUSDT ${trade!.id}`).waitFor();
      await page.getByText("binance.public.recent_trades").first().waitFor();
      await picture(page, "pipeline");
      assert.deepEqual(await accessibilityProblems(page), []);
      assert.deepEqual(faults(misdeeds), []);
    });

    await t.step("Modules: state, permissions and log of each", async () => {
      const { page, misdeeds } = await rig.open("modules/consumer");
      const { modules } = await pipeline.get<
        { modules: { name: string; permissions: { granted: string[] } }[] }
      >("modules");
      for (const { name } of modules) await page.getByRole("link", { name, exact: true }).first().waitFor();
      const consumer = modules.find(({ name }) => name === "consumer")!;
      await page.getByText(consumer.permissions.granted[0]!.split("=")[0]!, { exact: false }).first()
        .waitFor();
      await picture(page, "modules");
      assert.deepEqual(await accessibilityProblems(page), []);
      assert.deepEqual(faults(misdeeds), []);
    });

    await t.step("Dead letters and replay, Configuration: nothing wrong", async () => {
      for (const path of ["dead-letters", "dead-letters?tab=replays", "/plugins/candlewire-marketdata-app"]) {
        const { page, misdeeds } = await rig.open(path);
        await page.getByText(/No dead letters|No replays|Control API/).first().waitFor();
        await picture(page, path.replaceAll(/\W+/g, "-"));
        assert.deepEqual(await accessibilityProblems(page), [], path);
        assert.deepEqual(faults(misdeeds), [], path);
      }
    });

    await t.step("light theme, and a narrow window", async () => {
      for (const path of ["market/BTCUSDT", "pipeline", "modules", "dead-letters"]) {
        const { page, misdeeds } = await rig.open(path, { theme: "light", width: 900 });
        await page.getByText("SIMULATED").first().waitFor();
        await page.waitForLoadState("load");
        await picture(page, `light-${path.replaceAll(/\W+/g, "-")}`);
        assert.deepEqual(await accessibilityProblems(page), [], path);
        const wide = await page.evaluate(`document.documentElement.scrollWidth > innerWidth + 1`);
        assert.equal(wide, false, `${path} scrolls sideways`);
        if (path.startsWith("market")) {
          const chart = await page.getByRole("slider", { name: /^Candles/ }).boundingBox();
          assert.ok(chart!.y < 700, `the chart begins at ${chart!.y} px`);
        }
        assert.deepEqual(faults(misdeeds), [], path);
      }
    });

    await t.step("the first page loads less than 250 kB gzip of our own code", async () => {
      const { page } = await rig.open("market");
      await page.getByText("SIMULATED").first().waitFor();
      const paths = await page.evaluate(
        `performance.getEntriesByType("resource").map((entry) => new URL(entry.name)).filter((url) =>
          url.pathname.startsWith("/public/plugins/") && url.pathname.endsWith(".js")).map((url) => url.pathname)`,
      ) as string[];
      assert.ok(paths.length > 0);
      let total = 0;
      for (const path of new Set(paths)) {
        const answer = await fetch(`${rig.host.url}${path}`);
        const packed = answer.body!.pipeThrough(new CompressionStream("gzip"));
        total += (await new Response(packed).arrayBuffer()).byteLength;
      }
      console.log(`first page: ${new Set(paths).size} files, ${total} bytes gzip of our own code`);
      assert.ok(total < 250_000, `${total} bytes`);
    });
  },
});
