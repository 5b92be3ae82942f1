/**
 * The shortest decimal text that reads back as the same double, without an exponent: the exchange's text without its
 * trailing zeros, where that has at most 15 significant digits (I9). `NaN` and infinities stay words.
 */
export function decimalText(value: number): string {
  const text = String(value);
  const e = text.indexOf("e");
  if (e < 0) return text;
  const exponent = Number(text.slice(e + 1));
  const negative = text.startsWith("-");
  const mantissa = text.slice(negative ? 1 : 0, e);
  const [whole, fraction = ""] = mantissa.split(".") as [string, string?];
  const digits = whole + fraction;
  const point = whole.length + exponent;
  const plain = point <= 0
    ? `0.${"0".repeat(-point)}${digits}`
    : point >= digits.length
    ? digits + "0".repeat(point - digits.length)
    : `${digits.slice(0, point)}.${digits.slice(point)}`;
  return negative ? `-${plain}` : plain;
}
