import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { CHROMIUM, SKIPPED } from "./chromium.ts";
import { HOSTILE } from "./scene.ts";
import { closeBrowser, LEAVES_PIPES, until, visit } from "./visit.ts";

const ignore = CHROMIUM === undefined;
Deno.test.afterAll(closeBrowser);
const PAGES = ["pipeline", "modules", "markets", "dead-letters", "replays"];

async function go(page: Page, id: string): Promise<void> {
  await page.evaluate(
    (hash) => (globalThis as unknown as { location: { hash: string } }).location.hash = hash,
    `#/${id}`,
  );
}

/** Nothing that came as data may have become an element or have run. */
async function assertHarmless(page: Page): Promise<void> {
  const found = await page.evaluate(`({
    pwned: globalThis.pwned,
    images: [...document.images].map((image) => image.getAttribute("src")),
    scripts: [...document.scripts].map((script) => script.getAttribute("src")),
    handlers: document.querySelectorAll("[onerror],[onclick],[onload]").length,
  })`);
  assert.deepEqual(found, { pwned: undefined, images: ["/icon.svg"], scripts: ["/main.js"], handlers: 0 });
}

Deno.test({
  name: `every page shows the living pipeline, calls nobody else and logs no error${SKIPPED}`,
  ignore,
  ...LEAVES_PIPES,
  async fn(t) {
    await using site = await visit();
    const { page, misdeeds } = await site.open("operator");

    await t.step("pipeline: nine stages with state in words, rates and lag", async () => {
      await until(page, `document.querySelectorAll(".flow .stage").length === 9`);
      const stages = await page.$$eval(
        ".flow .stage",
        (elements) => elements.map((element) => element.querySelector(".name")!.textContent),
      );
      assert.deepEqual(stages, [
        "Exchange",
        "Producer",
        "PostgreSQL",
        "Capture",
        "Journal",
        "Transforms",
        "Consumer",
        "SQLite",
        "Control API",
      ]);
      // Rates need two samples; they are there as soon as the figure is a number above nothing.
      await until(page, `parseInt(document.querySelector("[data-stage=consumer] .figure").textContent) > 0`);
      assert.equal(await page.textContent(".flow [data-stage=transforms] .word"), "Blocked");
      await until(
        page,
        `document.querySelector(".flow [data-stage=producer] .detail").textContent === "lag 42 ms"`,
      );
      await page.getByText("ETHUSDT −5.1 % within 10 minutes").waitFor();
      await page.getByText("cause producer_down").waitFor();
      await until(page, `document.querySelector(".flow [data-stage=store] .spark").getAttribute("d") !== ""`);
    });

    await t.step("modules: the table, and a live log in which hostile text stays text", async () => {
      await go(page, "modules/producer");
      await page.locator("tr[data-module=producer]").waitFor();
      assert.equal(await page.locator("tr[data-module]").count(), 4);
      await page.getByText(`Drop a frame of an unknown stream: ${HOSTILE}`).first().waitFor();
      site.server.host.log("producer", "error", "A line of just now", { code: 17 });
      await page.getByText("A line of just now").waitFor();
      await page.getByRole("button", { name: "error", exact: true }).click();
      await page.getByText("Connected again").waitFor({ state: "detached" });
      await page.getByLabel("Search the log").fill("JUST now");
      await until(page, `document.querySelectorAll(".logs li").length === 1`);
      await page.getByText("net 127.0.0.1:8788").waitFor();
      await assertHarmless(page);
    });

    await t.step("markets: bars, candles, book and tape, in the exchange's own digits (I9)", async () => {
      await go(page, "markets");
      await page.locator(".bars li").nth(9).waitFor();
      assert.equal(await page.locator(".bars li").count(), 10);
      await page.locator("#panel-price-1-m canvas").first().waitFor();
      await page.locator(".uplot canvas").waitFor();
      await page.locator(".tape-row time").first().waitFor();
      await page.locator(".ladder .bid").first().waitFor();
      const shown = await page.locator(".tape-row span.up, .tape-row span.down").first().textContent();
      const price = shown!.replace(/^[▲▼] /, "");
      const { rows } = await site.server.market.trades({ symbol: "BTCUSDT", limit: 5000 });
      assert.ok(rows.some((row) => row.price === price), `${price} is no traded price`);
      // A symbol in another script is a symbol like any other.
      await page.getByLabel("Symbol", { exact: true }).fill("币安人生USDT");
      await page.getByLabel("Symbol", { exact: true }).press("Enter");
      await until(page, `location.hash === "#/markets/" + encodeURIComponent("币安人生USDT")`);
      await page.locator(".tape-row time").first().waitFor();
    });

    await t.step("dead letters: payload and key as text, digits kept", async () => {
      await go(page, "dead-letters");
      await page.locator("tr[data-letter]").first().waitFor();
      await page.locator("tr[data-letter=dl-3] [data-action=inspect]").click();
      const payload = await page.locator("pre.payload").textContent();
      assert.ok(payload!.includes(`"trade_id": 90071992547409931,`));
      assert.ok(payload!.includes(`"price": "61250.10000000"`));
      assert.ok(payload!.includes(`<script>`));
      await assertHarmless(page);
    });

    await t.step("replays: the ledger and the lineage of a trade", async () => {
      await go(page, "replays");
      await page.getByText("refill limit").waitFor();
      await page.getByLabel("Symbol", { exact: true }).fill("btcusdt");
      await page.getByLabel("Trade id").fill("1003000");
      await page.getByRole("button", { name: "Look up" }).click();
      await page.getByText("5,100–5,163").waitFor();
    });

    await t.step("I8: SIMULATED on every page and in its title", async () => {
      for (const id of PAGES) {
        await go(page, id);
        await until(page, `document.querySelector("[aria-current]")?.dataset.page === "${id}"`);
        assert.equal(await page.textContent("#origin strong"), "SIMULATED");
        assert.ok(await page.locator("#origin").isVisible());
        assert.match(await page.title(), /^SIMULATED · /);
      }
    });

    await t.step("each page has names for its controls and can be walked by keyboard", async () => {
      for (const id of PAGES) {
        await go(page, id);
        await until(page, `document.querySelector("[aria-current]")?.dataset.page === "${id}"`);
        await page.locator("#main .panel").first().waitFor();
        const unnamed = await page.evaluate(`[...document.querySelectorAll("button, input, select, a")]
          .filter((element) => !element.disabled && element.offsetParent !== null)
          .filter((element) => !(element.textContent.trim() || element.getAttribute("aria-label") || element.labels?.length))
          .map((element) => element.outerHTML)`);
        assert.deepEqual(unnamed, [], id);
      }
      await page.locator("body").click({ position: { x: 2, y: 2 } });
      await page.keyboard.press("Tab");
      assert.notEqual(await page.evaluate(`document.activeElement.tagName`), "BODY");
    });

    assert.deepEqual(misdeeds, { errors: [], foreign: [] });
  },
});

Deno.test({
  name: `a page is whole at a narrow width and says when there is nothing${SKIPPED}`,
  ignore,
  ...LEAVES_PIPES,
  async fn() {
    await using site = await visit({ empty: true });
    const { page, misdeeds } = await site.open("operator", { width: 390 });
    const texts: Record<string, string> = {
      "pipeline": "Nothing is missing",
      "modules": "Choose a module",
      "markets": "No markets yet",
      "dead-letters": "No dead letters",
      "replays": "No replays",
    };
    for (const [id, text] of Object.entries(texts)) {
      await go(page, id);
      await page.getByText(text).first().waitFor();
      const overflow = await page.evaluate(`document.documentElement.scrollWidth - innerWidth`);
      assert.ok(Number(overflow) <= 0, `${id} is ${overflow} px too wide`);
    }
    assert.deepEqual(misdeeds, { errors: [], foreign: [] });
  },
});

Deno.test({
  name: `I9: no digit of the book and the tape is cut, at any width${SKIPPED}`,
  ignore,
  ...LEAVES_PIPES,
  async fn() {
    await using site = await visit();
    const { page } = await site.open("operator", { hash: "#/markets" });
    await page.locator(".tape-row time").first().waitFor();
    await page.locator(".ladder .bid").first().waitFor();
    for (const width of [1720, 1280, 1000, 821, 620, 390]) {
      await page.setViewportSize({ width, height: 800 });
      await page.evaluate(`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))`);
      const cut = await page.evaluate(`[...document.querySelectorAll(".ladder-row > span, .tape-row > span")]
        .filter((cell) => {
          const place = cell.closest(".panel").getBoundingClientRect();
          const range = document.createRange();
          range.selectNodeContents(cell);
          const text = range.getBoundingClientRect();
          const own = cell.getBoundingClientRect();
          return text.left < own.left - 1 || text.right > own.right + 1 ||
            text.left < place.left || text.right > place.right;
        }).map((cell) => cell.textContent)`);
      assert.deepEqual(cut, [], `${width} px`);
    }
  },
});

Deno.test({
  name: `I8: the live market is not called simulated, and an unknown origin says so${SKIPPED}`,
  ignore,
  ...LEAVES_PIPES,
  async fn() {
    await using site = await visit({ origin: { kind: "live", id: "binance", label: "Binance spot market" } });
    const { page } = await site.open("operator");
    await page.locator("#origin.live").waitFor();
    assert.doesNotMatch(await page.title(), /SIMULATED/);
    const blind = await site.browser.newPage();
    await blind.route("**/session", (route) => route.abort());
    await blind.goto(site.server.url);
    await blind.getByRole("heading", { name: "Sign in" }).first().waitFor();
    assert.equal(await blind.textContent("#origin strong"), "ORIGIN UNKNOWN");
    assert.match(await blind.title(), /^Origin unknown/);
  },
});
