import { fileURLToPath } from "node:url";

/** Where a table's golden records lie. */
export function goldenFile(table: string): string {
  return fileURLToPath(new URL(`golden/${table}.json`, import.meta.url));
}
