import type { EpochMs } from "../../market/epoch.ts";

/** An exchange's text for a price or a quantity is never longer. */
const MAX_DIGITS = 40;

/** Times outside 2009 to 2100 are taken for another unit or for damage. */
const FIRST_MS = 1_230_768_000_000;
const LAST_MS = 4_102_444_800_000;

/** Plain unsigned decimal text: `0.01`, `61837.63000000`. A loop, for it is run on every level of every diff. */
export function isDecimal(value: unknown): value is string {
  return typeof value === "string" && isDigits(value, 0);
}

/** The same with an optional leading minus. */
export function isSignedDecimal(value: unknown): value is string {
  return typeof value === "string" && isDigits(value, value.charCodeAt(0) === 45 ? 1 : 0);
}

function isDigits(text: string, start: number): boolean {
  const length = text.length;
  if (length <= start || length > MAX_DIGITS) return false;
  let point = -1;
  for (let i = start; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 48 && code <= 57) continue;
    if (code !== 46 || point >= 0 || i === start) return false;
    point = i;
  }
  return point !== length - 1;
}

/** Epoch milliseconds within 2009 to 2100, whole. */
export function isTime(value: unknown): value is EpochMs {
  return typeof value === "number" && Number.isInteger(value) && value >= FIRST_MS && value < LAST_MS;
}

/** An id that a JSON number carries exactly. */
export function isId(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** An id, or -1 for "no trade". */
export function isIdOrNone(value: unknown): value is number {
  return value === -1 || isId(value);
}

/** A count that fits PostgreSQL's `integer`. */
export function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 2_147_483_647;
}

/** A symbol: letters and digits of any script (Binance lists some in Chinese), no separators, at most 40 units. */
export function isSymbol(value: unknown): value is string {
  return typeof value === "string" && SYMBOL.test(value);
}

const SYMBOL = /^[\p{L}\p{N}_.-]{1,40}$/u;

/** Pairs of price and quantity; undefined when a single one is damaged, for half a diff is a wrong book. */
export function decodeLevels(value: unknown): [string, string][] | undefined {
  if (!Array.isArray(value)) return undefined;
  for (let i = 0; i < value.length; i++) {
    const level = value[i];
    if (!Array.isArray(level) || level.length < 2 || !isDecimal(level[0]) || !isDecimal(level[1])) {
      return undefined;
    }
  }
  return value as [string, string][];
}

/** An object that is no array and not null. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What was there, shortened for a message. */
export function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
