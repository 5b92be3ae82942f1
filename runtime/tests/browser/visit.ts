import type { Browser, Page } from "playwright-core";
import { type Misdeeds, openBrowser, watch } from "./chromium.ts";
import { type ServeOptions, serveScene, TOKENS } from "./serve_scene.ts";
import { eventually } from "../until.ts";

/** A browser on the console of a scene, everything ended at the end. */
export type Visit = AsyncDisposable & {
  server: Awaited<ReturnType<typeof serveScene>>;
  browser: Browser;
  /** A page of its own, signed in. */
  open(
    role?: "operator" | "viewer",
    options?: { url?: string; hash?: string; width?: number },
  ): Promise<OpenPage>;
};

export type OpenPage = { page: Page; misdeeds: Misdeeds };

/** How long a page may take to show what a test waits for. */
export const DEADLINE_MS = 15_000;

/** One Chromium for all tests of a file: starting it is the dearest part of a test. */
let shared: Promise<Browser> | undefined;

/** Ends the file's Chromium. */
export async function closeBrowser(): Promise<void> {
  await (await shared)?.close();
  shared = undefined;
}

/** Serves a scene for a browser. */
export async function visit(options: ServeOptions = {}): Promise<Visit> {
  const server = await serveScene(options);
  let browser: Browser;
  try {
    browser = await (shared ??= openBrowser());
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
  return {
    server,
    browser,
    async open(role = "operator", { url = server.url, hash = "", width = 1280 } = {}) {
      const context = await browser.newContext({ viewport: { width, height: 800 }, locale: "en-GB" });
      const page = await context.newPage();
      page.setDefaultTimeout(DEADLINE_MS);
      const misdeeds = watch(page, url);
      if (role === "operator") {
        const code = new URL(server.control.newLoginUrl());
        await page.goto(`${url}${code.pathname}${code.search}`);
        if (hash !== "") await page.goto(`${url}/${hash}`);
      } else {
        await page.goto(`${url}/${hash}`);
        await page.getByLabel("Token").fill(TOKENS.viewer);
        await page.getByRole("button", { name: "Sign in" }).click();
      }
      return { page, misdeeds };
    },
    async [Symbol.asyncDispose]() {
      for (const context of browser.contexts()) await context.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/**
 * Waits until an expression is true in the page. Playwright's own way makes code of text within the page, which the
 * content security policy rightly forbids.
 */
export function until(page: Page, expression: string): Promise<void> {
  return eventually(async () => Boolean(await page.evaluate(expression)), expression, DEADLINE_MS);
}

/** Options of tests that run a browser: its pipes outlive the test that opened it. */
export const LEAVES_PIPES = { sanitizeOps: false, sanitizeResources: false };
