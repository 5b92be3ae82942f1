import assert from "node:assert/strict";
import { until } from "../../../runtime/tests/pipeline_process.ts";
import { accessibilityProblems } from "./accessibility.ts";
import { BROWSER_TEST, DEADLINE_MS, faults, picture, PluginRig, WHY } from "./plugin_rig.ts";
import { sameDecimal } from "./same_decimal.ts";
import { newestTrade, sameLevels, shownLevels, tapeRowIndexes, tapeTradeIds } from "./shown_levels.ts";

const BOOK = "/panel/candlewire-orderbook-panel";
const TAPE = "/panel/candlewire-tradetape-panel";
const PIPELINE = "/panel/candlewire-pipeline-panel";
type Depth = { bids: [string, string][]; asks: [string, string][] };

Deno.test({
  name: `the panels show the exchange's truth, by the data source's own backend, and move by streaming${WHY}`,
  ...BROWSER_TEST,
  async fn(t) {
    await using rig = await PluginRig.start("plugin panels");
    assert.ok(rig.host.hasBackend, "The plugin was built without its backend; run deno task plugin build");
    await rig.run(2000);
    const { exchange } = rig;
    const depthOf = (symbol: string) =>
      exchange.get<Depth>(`/admin/truth/book?symbol=${symbol}&updateId=told&limit=5`);
    const lastOf = async (symbol: string) => {
      const { last } = await exchange.get<{ last: number }>(`/admin/truth/range?symbol=${symbol}`);
      const [trade] = await exchange.get<{ price: string; quantity: string }[]>(
        `/admin/truth/trades?symbol=${symbol}&fromId=${last}&limit=1`,
      );
      return trade!;
    };

    await t.step("order book: equals the exchange's, and follows it", async () => {
      const { page, misdeeds } = await rig.open(`${BOOK}?symbol=BTCUSDT&height=700`);
      await page.getByText("SIMULATED").first().waitFor();
      const equals = async () => {
        const depth = await depthOf("BTCUSDT");
        return sameLevels(await shownLevels(page, "Bids"), depth.bids) &&
          sameLevels(await shownLevels(page, "Asks"), depth.asks);
      };
      const explain = async () =>
        JSON.stringify({ depth: await depthOf("BTCUSDT"), bids: await shownLevels(page, "Bids") });
      await until("the book to be the exchange's", DEADLINE_MS, equals, explain);
      await picture(page, "panel-book");
      assert.deepEqual(await accessibilityProblems(page), []);
      await rig.run(300);
      await until("the book to follow", DEADLINE_MS, equals, explain);
      assert.deepEqual(faults(misdeeds), []);
    });

    await t.step("trade tape: the newest trade is the exchange's, and comes by itself", async () => {
      const { page, misdeeds } = await rig.open(`${TAPE}?symbol=ETHUSDT`);
      await page.getByText("SIMULATED").first().waitFor();
      const equals = async () => {
        const last = await lastOf("ETHUSDT");
        const cells = await newestTrade(page);
        return cells.some((text) => sameDecimal(text, last.price)) &&
          cells.some((text) => sameDecimal(text, last.quantity));
      };
      const explain = async () =>
        JSON.stringify({ last: await lastOf("ETHUSDT"), shown: await newestTrade(page) });
      await until("the newest trade", DEADLINE_MS, equals, explain);
      await picture(page, "panel-tape");
      assert.deepEqual(await accessibilityProblems(page), []);
      const before = await newestTrade(page);
      await rig.run(300);
      await until("the tape to follow", DEADLINE_MS, equals, explain);
      // Rows are reused; a screen reader must still find them in the order in which they are seen.
      const places = await tapeRowIndexes(page);
      assert.ok(places.length > 10, `${places.length} rows`);
      assert.deepEqual(places, places.map((_, at) => at + 2));
      // The market stands still: each trade is followed by the one before it.
      const ids = await tapeTradeIds(page);
      assert.deepEqual(ids, ids.map((_, at) => ids[0]! - at));
      assert.notDeepEqual(await newestTrade(page), before);
      assert.deepEqual(faults(misdeeds), []);
    });

    await t.step("trade tape: by keyboard to a trade, and on to its way through the pipeline", async () => {
      const { page, misdeeds } = await rig.open(`${TAPE}?symbol=BTCUSDT`);
      await page.getByText("SIMULATED").first().waitFor();
      const { last } = await exchange.get<{ last: number }>("/admin/truth/range?symbol=BTCUSDT");
      await page.locator(`[role=row][title*=" trade ${last}:"]`).waitFor();
      const place = () =>
        page.evaluate(`document.activeElement.closest("[role=row]")?.getAttribute("aria-rowindex") ?? null`);
      await page.getByRole("table").focus();
      for (let row = 0; row < 40; row++) await page.keyboard.press("ArrowDown");
      // The header is row 1: the fortieth trade, scrolled into view.
      assert.equal(await place(), "41");
      await page.getByText(/^Paused/).waitFor();
      await page.keyboard.press("Escape");
      assert.equal(await place(), null);
      await page.getByRole("table").evaluate((table) => table.scrollTop = 0);
      await page.getByText(/ trades$/).waitFor();
      await page.keyboard.press("ArrowDown");
      assert.equal(await place(), "2");
      assert.deepEqual(await accessibilityProblems(page), []);
      await page.keyboard.press("Enter");
      await page.waitForURL(`**/pipeline?symbol=BTCUSDT&trade=${last}`);
      const told = page.getByText(`BTCUSDT ${last}`);
      await told.waitFor();
      await until("the trade's way to be in view", DEADLINE_MS, async () => {
        const box = await told.boundingBox();
        return box !== null && box.y >= 0 && box.y < 1000;
      });
      assert.deepEqual(faults(misdeeds), []);
    });

    await t.step("depth curve: by keyboard from the best price outwards", async () => {
      const { page, misdeeds } = await rig.open(`${BOOK}?symbol=BTCUSDT&height=700`);
      const curve = page.getByRole("slider", { name: /cumulative depth/ });
      await curve.focus();
      const text = () => curve.getAttribute("aria-valuetext");
      const { bids, asks } = await depthOf("BTCUSDT");
      await page.keyboard.press("ArrowRight");
      assert.match(await text() ?? "", new RegExp(`^Asks: .* to ${Number(asks[0]![0])}`));
      await page.keyboard.press("ArrowLeft");
      assert.match(await text() ?? "", new RegExp(`^Bids: .* to ${Number(bids[0]![0])}`));
      const first = await curve.getAttribute("aria-valuenow");
      await page.keyboard.press("ArrowLeft");
      assert.equal(await curve.getAttribute("aria-valuenow"), String(Number(first) - 1));
      await page.keyboard.press("Escape");
      assert.match(await text() ?? "", /^Best bid/);
      assert.deepEqual(faults(misdeeds), []);
    });

    await t.step("pipeline: every stage", async () => {
      const { page, misdeeds } = await rig.open(PIPELINE);
      const { stages } = await rig.pipeline.get<{ stages: { title: string }[] }>("pipeline");
      for (const { title } of stages) {
        await page.locator("main").getByText(title, { exact: true }).first().waitFor();
      }
      await picture(page, "panel-pipeline");
      assert.deepEqual(await accessibilityProblems(page), []);
      assert.deepEqual(faults(misdeeds), []);
    });

    await t.step("light theme", async () => {
      for (const [path, name] of [[BOOK, "book"], [TAPE, "tape"], [PIPELINE, "pipeline"]] as const) {
        const { page, misdeeds } = await rig.open(path, { theme: "light" });
        await page.getByText("SIMULATED").first().waitFor();
        await picture(page, `panel-${name}-light`);
        assert.deepEqual(await accessibilityProblems(page), [], name);
        assert.deepEqual(faults(misdeeds), [], name);
      }
    });

    await t.step("what cannot be shown is told in words, never a blank panel nor an exception", async () => {
      const query = (query: object) => `query=${encodeURIComponent(JSON.stringify(query))}`;
      const foreign = /is not an order book|is not a list of trades|is not the pipeline/;
      const asked = [
        ["foreign", query({ kind: "tickers", format: "table", live: false }), foreign],
        [
          "refused",
          query({ kind: "trades", symbols: [], format: "candles", live: false }),
          /No symbol; name at/,
        ],
        ["unknown symbol", "symbol=NOSUCHUSDT", /is empty|No trades/],
        ["any script", `symbol=${encodeURIComponent("币安人生USDT")}`, /币安人生USDT is empty|No trades/],
        ["reversed range", `from=now&to=now-1h&${query({ live: false })}`, /./],
        ["ten years", "from=now-10y&to=now", /SIMULATED/],
        ...Object.entries(BAD_FRAMES).map(([what, frames]) =>
          [
            what,
            `frames=${encodeURIComponent(JSON.stringify(frames))}`,
            /is (not an?|not the|empty)|no rows|No|Unknown/,
          ] as const
        ),
      ] as const;
      for (const path of [BOOK, TAPE, PIPELINE]) {
        for (const [what, search, words] of asked) {
          // The pipeline knows neither symbols nor times.
          if (path === PIPELINE && /symbol=|from=/.test(search)) continue;
          const { page, misdeeds } = await rig.open(`${path}?${search}`);
          const said = async () => (await page.locator("main section").first().innerText()).trim();
          const tells = async () =>
            (await said()).length > 10 && words.test(await said()) && !/Loading/.test(await said());
          await until(`${path} to tell of ${what}`, DEADLINE_MS, tells, said);
          console.log(`${path} ${what}: ${(await said()).replaceAll("\n", " ").slice(0, 120)}`);
          await picture(page, `panel-${path.slice(7)}-${what}`);
          assert.deepEqual(faults(misdeeds, [/status of 400/]), [], `${path} ${what}`);
          await page.context().close();
        }
      }
    });
  },
});

/** A frame as Grafana's API answers it. */
function frameJson(columns: Record<string, [type: string, values: unknown[]]>) {
  return {
    schema: { fields: Object.entries(columns).map(([name, [type]]) => ({ name, type })) },
    data: { values: Object.values(columns).map(([, values]) => values) },
  };
}

const NUMBERS: [string, unknown[]] = ["number", [1e300, -1e300, 1e-300, 9007199254740993, null]];
/** What other data sources answer, and numbers that no market has. */
const BAD_FRAMES = {
  "no fields": [frameJson({})],
  "a time series": [frameJson({ Time: ["time", [1, 2]], Value: ["number", [3, 4]] })],
  "logs": [frameJson({ timestamp: ["time", [1]], body: ["string", ["text"]] })],
  "huge numbers": [
    frameJson({ side: ["string", ["bid", "ask", "bid", "ask", "x"]], price: NUMBERS, quantity: NUMBERS }),
    frameJson({ time: ["time", NUMBERS[1]], trade_id: NUMBERS, price: NUMBERS, quantity: NUMBERS }),
    frameJson({ id: ["string", ["a", "b", "c", "d", "e"]], state: NUMBERS, rate: NUMBERS, lag: NUMBERS }),
  ],
};
