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

/**
 * Follows the tape's stream beside the page, so that counting costs the page nothing; the function gives the trades that came, each once,
 * and ends it.
 */
export async function countTrades(url: string): Promise<() => number> {
  const ending = new AbortController();
  const response = await fetch(`${url}/api/preview-live?path=${encodeURIComponent(`trades/${SYMBOL}`)}`, {
    signal: ending.signal,
  });
  const ids = new Set<number>();
  const follow = async () => {
    let rest = "";
    for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) if (line.startsWith("data: ")) take(JSON.parse(line.slice(6)));
    }
  };
  const take = (
    { schema, data }: { schema: { fields: { name: string }[] }; data: { values: number[][] } },
  ) => {
    for (const id of data.values[schema.fields.findIndex(({ name }) => name === "trade_id")] ?? []) {
      ids.add(id);
    }
  };
  follow().catch((error) => {
    if (!ending.signal.aborted) console.error(`The stream beside the page has ended: ${error}`);
  });
  return () => {
    ending.abort();
    return ids.size;
  };
}
