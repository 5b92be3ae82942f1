import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { CHROMIUM, type Misdeeds, openBrowser, watch } from "../../../runtime/tests/browser/chromium.ts";
import { TestExchange, TestPipeline } from "../../../runtime/tests/pipeline_process.ts";
import { testSeed } from "../../../runtime/tests/seed.ts";
import { booksSettled, drained } from "../../../runtime/tests/truth_sqlite.ts";
import { MiniHost } from "../../preview/mini_host.ts";
import { isBuilt } from "../../tools/build_date.ts";
import { DIST, PLUGIN_ID } from "../../tools/paths.ts";

/** The built plugin that is tested; another one by `CANDLEWIRE_PLUGIN_DIST`. */
const TESTED = Deno.env.get("CANDLEWIRE_PLUGIN_DIST") ?? DIST;

const LACKING = CHROMIUM === undefined
  ? "Chromium is not installed"
  : isBuilt(TESTED)
  ? undefined
  : "the plugin is not built: deno task plugin build";
if (LACKING !== undefined) {
  console.log(`\n${"!".repeat(80)}\nTHE PLUGIN'S BROWSER TESTS ARE SKIPPED: ${LACKING}\n${"!".repeat(80)}\n`);
  // CI builds the plugin and installs Chromium: there it is a fault of ours.
  if (Deno.env.get("CI")) throw new Error(LACKING);
}

/** Options of every test of this folder: skipped without a build; a browser's pipes outlive the test that opened it. */
export const BROWSER_TEST = { ignore: LACKING !== undefined, sanitizeOps: false, sanitizeResources: false };
/** To be put into tests' names. */
export const WHY = LACKING === undefined ? "" : ` (skipped: ${LACKING})`;

/** How long a page may take to show what a test waits for. */
export const DEADLINE_MS = 20_000;
/** Symbols of the tests' market. */
export const SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT"];

/** Who opens a page, and how. */
export type OpenOptions = {
  role?: "Viewer" | "Editor" | "Admin";
  theme?: "light" | "dark";
  width?: number;
  height?: number;
  /** Uses this host in place of the rig's. */
  host?: MiniHost;
};

/** A page and what it did that it should not have. */
export type OpenPage = { page: Page; misdeeds: Misdeeds };

/**
 * The plugin in a browser: an exchange that moves only when told, the whole embedded pipeline behind it, the mini host before it.
 * All of it is real but Grafana's server.
 */
export class PluginRig implements AsyncDisposable {
  readonly #folder: string;
  readonly exchange: TestExchange;
  readonly host: MiniHost;
  readonly #settings: Record<string, unknown>;
  pipeline: TestPipeline;
  #browser: Promise<Browser> | undefined;

  private constructor(
    folder: string,
    parts: {
      exchange: TestExchange;
      pipeline: TestPipeline;
      host: MiniHost;
      settings: Record<string, unknown>;
    },
  ) {
    this.#folder = folder;
    this.exchange = parts.exchange;
    this.pipeline = parts.pipeline;
    this.host = parts.host;
    this.#settings = parts.settings;
  }

  /** Starts all of it; `name` chooses the market's seed. */
  static async start(name: string): Promise<PluginRig> {
    const folder = await Deno.makeTempDir({ prefix: "candlewire-plugin-" });
    const exchange = await TestExchange.start({
      "exchange.market.folder": join(folder, "exchange"),
      "exchange.market.seed": testSeed(name),
      "exchange.market.symbols": SYMBOLS,
      "exchange.server.port": 0,
      "exchange.server.speed": "max",
      "exchange.server.paused": true,
    });
    const settings = { "source.restUrl": exchange.url, "symbols": SYMBOLS };
    const pipeline = new TestPipeline(join(folder, "pipeline"), settings);
    try {
      await pipeline.start();
      const host = await MiniHost.start({
        dist: TESTED,
        settings: await appSettings(pipeline),
        print: console.log,
      });
      return new PluginRig(folder, { exchange, pipeline, host, settings });
    } catch (error) {
      // In order, or its PostgreSQL would go on.
      await Promise.allSettled([pipeline.process?.stop(), exchange.process.stop()]);
      await Deno.remove(folder, { recursive: true }).catch(() => {});
      throw error;
    }
  }

  /** Lets trades happen and waits until all that the exchange told is stored. */
  async run(trades: number): Promise<void> {
    await this.exchange.run(trades);
    await drained(this.exchange, this.pipeline, SYMBOLS);
    await booksSettled(this.exchange, this.pipeline, SYMBOLS);
  }

  /** Starts the pipeline again with more settings; the app is told its new address. */
  async restart(more: Record<string, unknown>): Promise<void> {
    await this.pipeline.process.stop();
    this.pipeline = new TestPipeline(this.pipeline.dataDir, { ...this.#settings, ...more });
    await this.pipeline.start();
    Object.assign(this.host.settings, await appSettings(this.pipeline));
  }

  /** A page of the app by its last path segments, `market/BTCUSDT`, or any path that begins with a slash. */
  async open(path: string, options: OpenOptions = {}): Promise<OpenPage> {
    const { role = "Admin", theme = "dark", width = 1440, height = 1000, host = this.host } = options;
    const browser = await (this.#browser ??= openBrowser());
    const context = await browser.newContext({
      viewport: { width, height },
      locale: "en-GB",
      timezoneId: "UTC",
    });
    const page = await context.newPage();
    page.setDefaultTimeout(DEADLINE_MS);
    const misdeeds = watch(page, host.url);
    const whole = path.startsWith("/") ? path : `/a/${PLUGIN_ID}/${path}`;
    await page.goto(`${host.url}${whole}${whole.includes("?") ? "&" : "?"}role=${role}&theme=${theme}`);
    return { page, misdeeds };
  }

  /** Everything is ended, the last first: what fails keeps nothing else from its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await using ends = new AsyncDisposableStack();
    ends.defer(() => Deno.remove(this.#folder, { recursive: true }));
    ends.defer(async () => void await this.exchange.process.stop());
    ends.defer(async () => void await this.pipeline.process.stop());
    ends.use(this.host);
    ends.defer(async () => await (await this.#browser)?.close());
  }
}

/** What an administrator would have saved for a pipeline. */
export async function appSettings(pipeline: TestPipeline) {
  const tokens = JSON.parse(await Deno.readTextFile(join(pipeline.dataDir, "tokens.json"))) as {
    viewer: string;
    operator: string;
  };
  return {
    jsonData: { controlUrl: pipeline.url } as Record<string, unknown>,
    secureJsonData: { viewerToken: tokens.viewer, operatorToken: tokens.operator } as Record<string, string>,
  };
}

/**
 * What a page did wrong. The font that Grafana's style names is not in its npm packages, and the cache of data sources' settings is
 * filled by Grafana's own frontend only: both are the mini host's lacks and no faults of the page's.
 * `allowed` are errors that the test itself provoked.
 */
export function faults({ errors, foreign }: Misdeeds, allowed: RegExp[] = []): string[] {
  return [...errors, ...foreign.map((url) => `called ${url}`)].filter((line) =>
    !/\/public\/fonts\/|legacy DataSourceSrv did/.test(line) && !allowed.some((pattern) => pattern.test(line))
  );
}

/** Takes a picture when `CANDLEWIRE_SCREENSHOTS` names a folder: for eyes, never compared. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = Deno.env.get("CANDLEWIRE_SCREENSHOTS");
  if (folder === undefined) return;
  await Deno.mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}
