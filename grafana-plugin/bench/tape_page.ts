import type { openBrowser } from "../../runtime/tests/browser/chromium.ts";
import { SYMBOL } from "./bench_rig.ts";
import type { Sighting } from "./stream_bench.ts";

type Browser = Awaited<ReturnType<typeof openBrowser>>;
/** A page of Chromium. */
export type Page = Awaited<ReturnType<Browser["newPage"]>>;

/** A page that shows the trade tape, as long as it is held. */
export async function openTape(browser: Browser, url: string): Promise<AsyncDisposable & { page: Page }> {
  const page = await browser.newPage({ viewport: { width: 1000, height: 700 }, timezoneId: "UTC" });
  await page.goto(`${url}/panel/candlewire-tradetape-panel?symbol=${SYMBOL}`);
  await page.getByText("SIMULATED").first().waitFor();
  // The stream is opened after the first answer.
  await page.waitForTimeout(1500);
  return { page, [Symbol.asyncDispose]: () => page.close() };
}

/** What runs in the page: notes the newest trade in the tape's rows whenever they change. */
type Watched = { sightings: Sighting[] };

/**
 * Notes from now on when the rows of the tape have a newer trade, by the id in their titles: after the script that drew them and before
 * the browser paints. The function gives the sightings.
 */
export async function watchNewest(page: Page): Promise<() => Promise<Sighting[]>> {
  await page.evaluate(() => {
    const watched: Watched = { sightings: [] };
    Object.assign(globalThis, { watched });
    let newest = 0;
    // deno-lint-ignore no-explicit-any
    const root = (globalThis as any).document.querySelector('[role="rowgroup"]');
    // deno-lint-ignore no-explicit-any
    new (globalThis as any).MutationObserver((changes: { target: { title: string } }[]) => {
      const before = newest;
      for (const { target } of changes) {
        const id = Number(/ trade (\d+):/.exec(target.title)?.[1] ?? 0);
        if (id > newest) newest = id;
      }
      if (newest > before) {
        watched.sightings.push({ id: newest, at: performance.timeOrigin + performance.now() });
      }
    }).observe(root, { subtree: true, attributes: true, attributeFilter: ["title"] });
  });
  return () => page.evaluate(() => (globalThis as unknown as { watched: Watched }).watched.sightings);
}

/** Id of the newest trade in the rows of the tape; 0 without rows. */
export async function newestShown(page: Page): Promise<number> {
  return await page.evaluate(() => {
    // deno-lint-ignore no-explicit-any
    const rows = [...(globalThis as any).document.querySelectorAll('[role="row"][title]')] as {
      title: string;
    }[];
    return Math.max(0, ...rows.map(({ title }) => Number(/ trade (\d+):/.exec(title)?.[1] ?? 0)));
  });
}
