/**
 * Exact sums and differences of decimal text, for spreads and running totals of a book (I9: no floats).
 */

/**
 * @param {string} text
 * @returns {{ digits: bigint, scale: number } | null} null when it is no decimal
 */
function parse(text) {
  const match = /^(-?)(\d+)(?:\.(\d*))?$/.exec(text);
  if (match === null) return null;
  const fraction = match[3] ?? "";
  return { digits: BigInt(`${match[1] ?? ""}${match[2] ?? ""}${fraction}`), scale: fraction.length };
}

/**
 * @param {bigint} digits
 * @param {number} scale
 */
function print(digits, scale) {
  const sign = digits < 0n ? "-" : "";
  const text = String(digits < 0n ? -digits : digits).padStart(scale + 1, "0");
  return scale === 0 ? `${sign}${text}` : `${sign}${text.slice(0, -scale)}.${text.slice(-scale)}`;
}

/**
 * `left + right` (or `left - right` with `sign` -1) at the finer scale of the two; null when one is no decimal.
 * @param {string} left
 * @param {string} right
 * @param {1 | -1} [sign]
 * @returns {string | null}
 */
export function addDecimal(left, right, sign = 1) {
  const a = parse(left);
  const b = parse(right);
  if (a === null || b === null) return null;
  const scale = Math.max(a.scale, b.scale);
  const scaled = (/** @type {{ digits: bigint, scale: number }} */ value) =>
    value.digits * 10n ** BigInt(scale - value.scale);
  return print(scaled(a) + scaled(b) * BigInt(sign), scale);
}

/**
 * How many digits after the point are not trailing zeros.
 * @param {string} text
 * @returns {number}
 */
export function significantScale(text) {
  return (/\.(\d*?)0*$/.exec(text)?.[1] ?? "").length;
}
