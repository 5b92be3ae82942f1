import type { Page } from "playwright-core";
import { sameDecimal } from "./same_decimal.ts";

/** A level as text: price, quantity. */
export type ShownLevel = [price: string, quantity: string];

/** Exact price and quantity of the levels that an order book shows, best first. */
export async function shownLevels(page: Page, side: "Bids" | "Asks"): Promise<ShownLevel[]> {
  const rows = page.locator(`tbody[aria-label="${side}"]`).first().locator("tr");
  const texts = await rows.evaluateAll((found) =>
    found.map((row) => [...row.querySelectorAll("td")].map((cell) => cell.textContent ?? ""))
  );
  const levels = texts.map(([price = "", quantity = ""]) => [plain(price), plain(quantity)] as ShownLevel);
  // Above the bids, the best ask stands nearest to them, at the end; in a wide view bids and asks are tables beside each other, each
  // with the best at the top.
  const stacked = await rows.evaluateAll((found) =>
    found[0]?.closest("table")?.querySelector('tbody[aria-label="Bids"]') != null
  );
  return side === "Asks" && stacked ? levels.reverse() : levels;
}

/** Whether the shown levels begin with those of the truth. */
export function sameLevels(shown: ShownLevel[], truth: [string, string][]): boolean {
  return truth.length > 0 &&
    truth.every(([price, quantity], index) =>
      shown[index] !== undefined && sameDecimal(shown[index][0], price) &&
      sameDecimal(shown[index][1], quantity)
    );
}

/** A number's text without what groups its digits. */
export function plain(text: string): string {
  return text.replaceAll(/[,\s\u202f▲▼]/g, "");
}

/** The visible rows of a tape, in the document's order. */
const TAPE_ROWS = '[role=table][aria-label^="Trades"] [role=rowgroup] [role=row]:not([hidden])';

/** The places of a tape's rows as they are told to screen readers, in the document's order; the header is 1. */
export async function tapeRowIndexes(page: Page): Promise<number[]> {
  return await page.locator(TAPE_ROWS).evaluateAll((rows) =>
    rows.map((row) => Number(row.getAttribute("aria-rowindex")))
  );
}

/** The ids of the trades that a tape shows, in the document's order. */
export async function tapeTradeIds(page: Page): Promise<number[]> {
  return await page.locator(TAPE_ROWS).evaluateAll((rows) =>
    rows.flatMap((row) => / trade (\d+):/.exec(row.getAttribute("title") ?? "")?.[1] ?? []).map(Number)
  );
}

/** Texts of the cells of the newest trade on a tape. */
export async function newestTrade(page: Page): Promise<string[]> {
  const row = page.locator(TAPE_ROWS).first();
  return (await row.locator("[role=cell]").allTextContents()).map(plain);
}
