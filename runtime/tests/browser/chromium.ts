import { type Browser, chromium, type Page } from "playwright-core";

const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Where Chromium is; undefined when it is not installed. */
export const CHROMIUM = PATHS.find((path) => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
});

/** Why browser tests are skipped, to be put into their names; empty when they run. */
export const SKIPPED = CHROMIUM === undefined ? " (skipped: Chromium is not installed)" : "";

/** A headless Chromium that calls nobody. */
export async function openBrowser(): Promise<Browser> {
  return await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** What a page did that it should not have: console errors, exceptions, calls of other hosts. */
export type Misdeeds = { errors: string[]; foreign: string[] };

/** Watches a page from now on. */
export function watch(page: Page, url: string): Misdeeds {
  const misdeeds: Misdeeds = { errors: [], foreign: [] };
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") {
      misdeeds.errors.push(`${message.type()}: ${message.text()} (${message.location().url})`);
    }
  });
  page.on("pageerror", (error) => misdeeds.errors.push(`exception: ${error.stack ?? error.message}`));
  page.on("request", (request) => {
    const target = new URL(request.url());
    if (target.origin !== url && target.protocol !== "data:" && target.protocol !== "blob:") {
      misdeeds.foreign.push(request.url());
    }
  });
  return misdeeds;
}
