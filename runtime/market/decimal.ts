/**
 * Exact decimal arithmetic on text. A decimal is `units` × 10^-`scale`; no float is ever involved, so sums of
 * trades equal the exchange's candles to the last digit.
 */
export type Decimal = { readonly units: bigint; readonly scale: number };

const DECIMAL = /^-?\d{1,40}(?:\.\d{1,40})?$/;

/** Text such as `-12.3400` to a decimal that keeps its scale; undefined for anything else. */
export function parseDecimal(text: string): Decimal | undefined {
  if (!DECIMAL.test(text)) return undefined;
  const point = text.indexOf(".");
  if (point < 0) return { units: BigInt(text), scale: 0 };
  return { units: BigInt(text.slice(0, point) + text.slice(point + 1)), scale: text.length - point - 1 };
}

/** Text to units at a fixed scale, such as 8; undefined when it is no decimal or has more digits than fit. */
export function unitsAt(text: string, scale: number): bigint | undefined {
  const value = parseDecimal(text);
  if (value === undefined) return undefined;
  if (value.scale <= scale) return value.units * 10n ** BigInt(scale - value.scale);
  const divisor = 10n ** BigInt(value.scale - scale);
  return value.units % divisor === 0n ? value.units / divisor : undefined;
}

/** Units at a scale to text with exactly that many decimals. */
export function formatUnits(units: bigint, scale: number): string {
  const negative = units < 0n;
  const digits = (negative ? -units : units).toString().padStart(scale + 1, "0");
  const text = scale === 0
    ? digits
    : `${digits.slice(0, digits.length - scale)}.${digits.slice(digits.length - scale)}`;
  return negative ? `-${text}` : text;
}

/** Orders two decimal texts by value, whatever their scales. Throws a RangeError on text that is no decimal. */
export function compareDecimals(left: string, right: string): -1 | 0 | 1 {
  const a = parseDecimal(left);
  const b = parseDecimal(right);
  if (a === undefined || b === undefined) throw new RangeError(`Compare decimals: "${left}" and "${right}"`);
  const scale = Math.max(a.scale, b.scale);
  const x = a.units * 10n ** BigInt(scale - a.scale);
  const y = b.units * 10n ** BigInt(scale - b.scale);
  return x < y ? -1 : x > y ? 1 : 0;
}
