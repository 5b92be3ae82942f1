import { expect, test } from "@grafana/plugin-e2e";

const APP = "candlewire-marketdata-app";
const PAGES = ["market", "pipeline", "modules", "dead-letters"];

for (const path of PAGES) {
  test(`page ${path} shows the simulated market's pipeline without an error`, async ({ page }) => {
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(`/a/${APP}/${path}`);
    await expect(page.getByText("SIMULATED").first()).toBeVisible();
    expect(errors).toEqual([]);
  });
}

test("the data source is healthy", async ({ request }) => {
  const answer = await request.get("/api/datasources/uid/candlewire-market/health");
  expect(await answer.json()).toMatchObject({ status: "OK" });
});

test("the data source answers a query", async ({ request }) => {
  const answer = await request.post("/api/ds/query", {
    data: {
      from: "now-15m",
      to: "now",
      queries: [{ refId: "A", datasource: { uid: "candlewire-market" }, kind: "tickers", format: "table" }],
    },
  });
  expect(answer.ok()).toBe(true);
  const { results } = await answer.json();
  expect(results.A.frames[0].data.values[0].length).toBeGreaterThan(0);
});

test("the bundled dashboards are there", async ({ request }) => {
  const answer = await request.get(`/api/plugins/${APP}/dashboards`);
  const dashboards = await answer.json();
  expect(dashboards.length).toBeGreaterThan(0);
  expect(dashboards.every((dashboard: { imported: boolean }) => dashboard.imported)).toBe(true);
});

test("a viewer may read and not change", async ({ playwright }) => {
  const as = (login: string, password: string) =>
    playwright.request.newContext({
      baseURL: process.env.GRAFANA_URL,
      extraHTTPHeaders: { authorization: `Basic ${btoa(`${login}:${password}`)}` },
    });
  const admin = await as("admin", "admin");
  // New users are viewers.
  await admin.post("/api/admin/users", {
    data: { name: "Watcher", login: "watcher", password: "watcher-secret" },
  });
  const viewer = await as("watcher", "watcher-secret");
  const read = await viewer.get(`/api/plugin-proxy/${APP}/read/pipeline`);
  expect(read.ok()).toBe(true);
  const stop = await viewer.post(`/api/plugin-proxy/${APP}/operate/modules/consumer/stop`);
  expect(stop.status()).toBe(403);
});
