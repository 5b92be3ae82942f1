import assert from "node:assert/strict";
import { TcpProxy } from "../tcp_proxy.ts";
import { eventually } from "../until.ts";
import { CHROMIUM, SKIPPED } from "./chromium.ts";
import { closeBrowser, LEAVES_PIPES, until, visit } from "./visit.ts";

const ignore = CHROMIUM === undefined;
Deno.test.afterAll(closeBrowser);

Deno.test({
  name: `I10: 5,000 events a second leave the page usable, bounded and right${SKIPPED}`,
  ignore,
  ...LEAVES_PIPES,
  async fn() {
    await using site = await visit({ tickMs: 1000 });
    const { page, misdeeds } = await site.open("operator", { hash: "#/markets/BTCUSDT" });
    const { host, market } = site.server;
    await page.locator(".tape-row time").first().waitFor();
    const nodes = () => page.evaluate(`document.querySelectorAll("*").length`) as Promise<number>;
    const before = await nodes();

    let sent = 0;
    const burst = new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        for (const trade of market.burst("BTCUSDT", 100, Date.now())) {
          host.publish("trades", { symbol: "BTCUSDT", trades: [trade] });
        }
        const book = market.bookOf(market.markets[0]!, Date.now());
        host.publish("books", { ...book });
        sent += 101;
        if (sent >= 10_000) {
          clearInterval(timer);
          resolve();
        }
      }, 20);
    });
    // In the midst of it the page answers to a hand.
    await page.getByRole("button", { name: "5m" }).click();
    await page.getByRole("link", { name: "Pipeline" }).click();
    await page.locator(".flow .stage").first().waitFor();
    await page.getByRole("link", { name: "Markets" }).click();
    await page.locator(".tape-row time").first().waitFor();
    await burst;

    const last = market.markets[0]!.trades.at(-1)!;
    host.publish("trades", { symbol: "BTCUSDT", trades: [last] });
    const newest = page.locator(`.tape-row[title^="Trade ${last.trade_id},"]`);
    const shown = await newest.waitFor().then(() => true, () => false);
    assert.ok(shown, "the newest trade is shown after the burst");
    assert.ok(await page.locator(".tape-row").count() <= 81);
    const grown = await nodes() - before;
    assert.ok(grown < 1500, `the page grew by ${grown} elements`);
    assert.deepEqual(misdeeds, { errors: [], foreign: [] });
  },
});

Deno.test({
  name: `trades that the stream left out are told as long as those around them are shown${SKIPPED}`,
  ignore,
  ...LEAVES_PIPES,
  async fn() {
    await using site = await visit({ tickMs: 0 });
    const { page, misdeeds } = await site.open("operator", { hash: "#/markets/BTCUSDT" });
    const { host, market } = site.server;
    await page.locator(".tape-row time").first().waitFor();
    // The tape is drawn from REST too, perhaps before the page listens.
    await eventually(() => site.server.control.parts.hub.wanted("trades"), "the page to listen to trades");
    const told = page.locator(".tape .notice");
    assert.ok(await told.isHidden());
    const publish = (count: number, more = {}) => {
      const trades = market.burst("BTCUSDT", count, Date.now());
      host.publish("trades", { symbol: "BTCUSDT", trades, ...more });
    };
    publish(10, { omitted: 120 });
    publish(10, { omitted: 5 });
    await told.filter({ hasText: "125 trades between these" }).waitFor();
    // 80 are shown: 65 more leave the first gap behind, another 20 the second.
    publish(65);
    await told.filter({ hasText: /^5 trades/ }).waitFor();
    publish(20);
    await told.waitFor({ state: "hidden" });
    assert.deepEqual(misdeeds, { errors: [], foreign: [] });
  },
});

Deno.test({
  name: `I4: an untrusted book says UNTRUSTED until it is trusted again${SKIPPED}`,
  ignore,
  ...LEAVES_PIPES,
  async fn() {
    await using site = await visit({ tickMs: 100 });
    const { page } = await site.open("operator", { hash: "#/markets/ETHUSDT" });
    await page.locator(".ladder .ask").first().waitFor();
    assert.ok(await page.locator(".untrusted").isHidden());
    site.server.market.trusted = false;
    await page.locator(".untrusted", { hasText: "UNTRUSTED" }).waitFor();
    site.server.market.trusted = true;
    await page.locator(".untrusted").waitFor({ state: "hidden" });
  },
});

Deno.test({
  name:
    `fault cut: the page says that it is disconnected, comes back and resumes after the last event${SKIPPED}`,
  ignore,
  ...LEAVES_PIPES,
  async fn() {
    await using site = await visit();
    await using proxy = new TcpProxy({ hostname: "127.0.0.1", port: Number(new URL(site.server.url).port) });
    const { page, misdeeds } = await site.open("operator", { url: `http://127.0.0.1:${proxy.port}` });
    await page.locator("#connection", { hasText: "Live" }).waitFor();
    await until(page, `document.querySelectorAll(".flow .stage").length === 9`);
    const resumed: string[] = [];
    page.on("request", (request) => {
      const id = request.headers()["last-event-id"];
      if (request.url().includes("/api/v1/events") && id !== undefined) resumed.push(id);
    });
    proxy.cut();
    await page.locator(".notice", { hasText: "Disconnected" }).waitFor();
    assert.equal(await page.textContent("#connection"), "Disconnected");
    // What was shown stays, under the notice, and so does the origin (I8).
    assert.equal(await page.locator(".flow .stage").count(), 9);
    assert.equal(await page.textContent("#origin strong"), "SIMULATED");
    proxy.restore();
    await page.getByRole("button", { name: "Connect now" }).click().catch(() => {});
    await page.locator("#connection", { hasText: "Live" }).waitFor();
    await page.locator(".notice").waitFor({ state: "detached" });
    assert.ok(resumed.some((id) => id !== ""), "it told the last event it had");
    assert.deepEqual(misdeeds.foreign, []);
    assert.deepEqual(misdeeds.errors.filter((line) => !/net::ERR_/.test(line)), []);
  },
});
