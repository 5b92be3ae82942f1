/** Decimal text for people: exact digits, the console's own form. Pure. */
import { splitZeros } from '../../../runtime/console/decimal_text.js';
import { decimalText } from '../../../runtime/query/decimal_text.ts';

/** As long as the runtime's decimals may be: no price has more digits, and what has cannot be compared. */
const DECIMAL = /^-?\d{1,40}(?:\.\d{1,40})?$/;

/**
 * The exchange's own text where the frame has it, else the shortest text of the double (15 significant digits, I9); null when
 * neither is a decimal of at most 40 digits before and after the point.
 */
export function exactText(text: unknown, value: unknown): string | null {
  if (typeof text === 'string' && DECIMAL.test(text)) {
    return text;
  }
  const shortest = typeof value === 'number' && Number.isFinite(value) ? decimalText(value) : '';
  return DECIMAL.test(shortest) ? shortest : null;
}

/**
 * Hides zeros at the end beyond `decimals` places, or adds zeros up to them. A digit that is not zero is never cut: what a
 * person reads stays the exact value (I9).
 */
export function withDecimals(text: string, decimals: number | null | undefined): string {
  if (decimals === null || decimals === undefined || !Number.isInteger(decimals) || decimals < 0) {
    return text;
  }
  const [whole = '', fraction = ''] = text.split('.');
  const kept = fraction.slice(0, decimals) + fraction.slice(decimals).replace(/0+$/, '');
  const shown = kept.padEnd(Math.min(decimals, 20), '0');
  return shown === '' ? whole : `${whole}.${shown}`;
}

/** The text in two parts, the zeros at its end apart, so that they can be shown paler. */
export function paleZeros(text: string): [digits: string, zeros: string] {
  return splitZeros(text);
}
