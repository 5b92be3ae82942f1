import { join } from "node:path";
import { CandlewireError } from "../../runtime/error.ts";
import { CHROMIUM, openBrowser } from "../../runtime/tests/browser/chromium.ts";
import { type TestPipeline, until } from "../../runtime/tests/pipeline_process.ts";
import { superuserOf } from "../../runtime/tests/superuser_postgres.ts";
import { DIST, PLUGIN_FOLDER, PLUGIN_ID } from "../tools/paths.ts";
import { DemoProcess, type Pipeline } from "./demo_process.ts";
import { MiniHost } from "./mini_host.ts";

type Browser = Awaited<ReturnType<typeof openBrowser>>;
type Page = Awaited<ReturnType<Browser["newPage"]>>;

/** A picture: what is opened, and what must be on it. */
type Screenshot = {
  name: string;
  path: string;
  width: number;
  height: number;
  theme?: "light" | "dark";
  ready: (page: Page) => Promise<unknown>;
};

const json = (value: object) => encodeURIComponent(JSON.stringify(value));
const APP = `/a/${PLUGIN_ID}`;
const PICTURES: readonly Screenshot[] = [
  {
    name: "market",
    path: `${APP}/market/BTCUSDT`,
    width: 1440,
    height: 1060,
    ready: async (page) => {
      await page.getByRole("slider", { name: /^Candles/ }).waitFor();
      await page.locator('tbody[aria-label="Bids"] tr').nth(10).waitFor();
      // Windows of a second are full soonest.
      await page.getByRole("radio", { name: "1s" }).dispatchEvent("click");
      await page.getByRole("heading", { name: "Trade counts, windows of 1s" }).waitFor();
      await page.getByText(/trades, partial/).waitFor();
    },
  },
  {
    name: "pipeline",
    path: `${APP}/pipeline`,
    width: 1280,
    height: 1000,
    ready: (page) =>
      page.getByRole("table", { name: "Stages of the pipeline" }).getByText("Running").nth(7).waitFor(),
  },
  {
    name: "modules",
    path: `${APP}/modules/producer`,
    width: 1280,
    height: 900,
    theme: "light",
    ready: (page) => page.getByText(/Running after/).waitFor(),
  },
  {
    name: "dead_letters",
    path: `${APP}/dead-letters`,
    width: 1280,
    height: 760,
    ready: async (page) => {
      await page.getByRole("button", { name: /^Inspect the letter/ }).first().click();
      await page.getByText(/TESTUSDT/).first().waitFor();
    },
  },
  {
    name: "order_book",
    path: `/panel/candlewire-orderbook-panel?width=1080&height=440&options=${json({ levels: 18 })}`,
    width: 1128,
    height: 488,
    ready: (page) => page.locator('tbody[aria-label="Asks"] tr').nth(17).waitFor(),
  },
  {
    name: "trade_tape",
    path: `/panel/candlewire-tradetape-panel?width=640&height=440&options=${json({ largeSize: 0.02 })}`,
    width: 688,
    height: 488,
    ready: (page) => page.getByText(/[1-9]\d* trades/).waitFor(),
  },
];

/** Rows that the demo has stored before the pictures are taken, so that charts and tables are full. */
const ROWS = 60_000;
const FILL_MS = 600_000;

/**
 * Takes the pictures of the plugin into `src/img`: the demo, the built plugin and Chromium, without Grafana's server. The market is
 * simulated and says so on each. Rejects with `plugin.no_chromium` where there is no browser.
 */
export async function takeScreenshots(print: (line: string) => void): Promise<void> {
  if (CHROMIUM === undefined) {
    throw new CandlewireError("plugin.no_chromium", "Take the screenshots: Chromium is not installed");
  }
  const folder = await Deno.makeTempDir({ prefix: "candlewire-screenshots-" });
  // PostgreSQL runs as another user when this one is root.
  await Deno.chmod(folder, 0o755);
  try {
    await using ends = new AsyncDisposableStack();
    const dataDir = join(folder, "demo");
    print("Starting the demo");
    const { pipeline } = ends.use(await DemoProcess.start(dataDir));
    const { url: controlUrl, viewerToken, operatorToken } = pipeline;
    const host = ends.use(
      await MiniHost.start({
        dist: DIST,
        settings: { jsonData: { controlUrl }, secureJsonData: { viewerToken, operatorToken } },
        print,
      }),
    );
    await makeDeadLetters(dataDir);
    print(`Waiting for ${ROWS} stored rows`);
    await until("the store to fill", FILL_MS, async () => await storedRows(pipeline) >= ROWS);
    const browser = await openBrowser();
    ends.defer(() => browser.close());
    for (const picture of PICTURES) {
      const path = join(PLUGIN_FOLDER, "src", "img", `${picture.name}.png`);
      const bytes = await take(browser, host.url, picture, path);
      print(`${picture.name}.png: ${(bytes / 1000).toFixed(0)} kB`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The plugin's part of a page as a picture; its size in bytes. */
async function take(browser: Browser, url: string, picture: Screenshot, path: string): Promise<number> {
  const { width, height, theme = "dark" } = picture;
  const context = await browser.newContext({
    viewport: { width, height },
    locale: "en-GB",
    timezoneId: "UTC",
  });
  try {
    const page = await context.newPage();
    const query = picture.path.includes("?") ? "&" : "?";
    await page.goto(`${url}${picture.path}${query}role=Admin&theme=${theme}`);
    await page.getByText("SIMULATED").first().waitFor();
    await picture.ready(page);
    // The mini host's own links are no part of the plugin.
    await page.getByRole("navigation", { name: "Mini host" }).evaluate((bar) => bar.remove());
    await page.screenshot({ path });
  } finally {
    await context.close();
  }
  return (await Deno.stat(path)).size;
}

/** Three trades under a column's wrong name, in one transaction: nobody else sees the table like that. */
async function makeDeadLetters(dataDir: string): Promise<void> {
  await using client = await superuserOf({ dataDir } as TestPipeline);
  await client.query(`BEGIN;
    ALTER TABLE recent_trades RENAME COLUMN quantity TO qty;
    INSERT INTO recent_trades (symbol, trade_id, price, qty, trade_time, is_buyer_maker, backfill)
      SELECT 'TESTUSDT', id, '1.50', '2.500', now(), false, false FROM generate_series(1, 3) AS id;
    ALTER TABLE recent_trades RENAME COLUMN qty TO quantity;
    COMMIT;`);
}

async function storedRows({ url, viewerToken }: Pipeline): Promise<number> {
  const response = await fetch(`${url}/api/v1/pipeline`, {
    headers: { authorization: `Bearer ${viewerToken}` },
  });
  const { stages } = await response.json() as { stages: { id: string; total: number | null }[] };
  return stages.find(({ id }) => id === "store")?.total ?? 0;
}
