import type { EpochMs } from "../market/epoch.ts";

let knownDay = "";
let knownMidnight = 0;

/**
 * Debezium's ZonedTimestamp, ISO 8601 in UTC with 0 to 9 decimals (`2024-08-08T23:54:13.123Z`), to epoch milliseconds;
 * what is finer than a millisecond is cut. Undefined for anything else, `infinity` and dates that do not exist included.
 * Rows of a batch share their day, so only the time of day is computed: a third of what `Date.parse` costs.
 */
export function instantMs(text: string): EpochMs | undefined {
  const length = text.length;
  if (length < 20 || length > 30 || text.charCodeAt(length - 1) !== 90 || text.charCodeAt(10) !== 84) {
    return undefined;
  }
  if (!text.startsWith(knownDay) || knownDay === "") {
    const day = text.slice(0, 10);
    if (!/^\d{4}-\d\d-\d\d$/.test(day)) return undefined;
    const midnight = Date.parse(`${day}T00:00:00Z`);
    // Some engines roll 2024-02-31 over into March.
    if (Number.isNaN(midnight) || new Date(midnight).toISOString().slice(0, 10) !== day) return undefined;
    knownDay = day;
    knownMidnight = midnight;
  }
  const hours = pair(text, 11);
  const minutes = pair(text, 14);
  const seconds = pair(text, 17);
  if (
    hours > 23 || minutes > 59 || seconds > 59 || text.charCodeAt(13) !== 58 || text.charCodeAt(16) !== 58
  ) {
    return undefined;
  }
  let fraction = 0;
  if (length > 20) {
    if (text.charCodeAt(19) !== 46 || length === 21) return undefined;
    let scale = 100;
    for (let at = 20; at < length - 1; at++) {
      const digit = text.charCodeAt(at) - 48;
      if (digit < 0 || digit > 9) return undefined;
      if (scale >= 1) fraction += digit * scale;
      scale /= 10;
    }
  }
  return knownMidnight + ((hours * 60 + minutes) * 60 + seconds) * 1000 + fraction as EpochMs;
}

/** Two digits as a number; 99 for anything else. */
function pair(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48;
  const ones = text.charCodeAt(at + 1) - 48;
  return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? 99 : tens * 10 + ones;
}
