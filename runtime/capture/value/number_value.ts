import { Buffer } from "node:buffer";
import { jsonText } from "./json_text.ts";

/** Debezium's `decimal.handling.mode`. */
export type DecimalHandlingMode = "string" | "precise" | "double";

// Names that Debezium's SpecialValueDecimal gives them.
const SPECIAL: Record<string, string> = {
  "NaN": "NAN",
  "Infinity": "POSITIVE_INFINITY",
  "-Infinity": "NEGATIVE_INFINITY",
};

/**
 * `numeric`: `"12.30"` (string), a number (double), or the unscaled integer's bytes in base64 (precise; with its scale
 * when the column has none). Precise cannot hold NaN and infinity: Debezium fails there, here the value is null.
 */
export function decimalEncoder(mode: DecimalHandlingMode, modifier: number): (text: string) => string {
  switch (mode) {
    case "string":
      return (text) => {
        // Digits need no escape; the specials begin with a letter, or a letter after the sign.
        const first = text.charCodeAt(text.charCodeAt(0) === 45 ? 1 : 0);
        return first <= 57 ? `"${text}"` : jsonText(SPECIAL[text] ?? text);
      };
    case "double":
      return doubleEncoder;
    case "precise":
      return (text) => {
        if (SPECIAL[text] !== undefined) return "null";
        const point = text.indexOf(".");
        if (modifier >= 0) return bytesText(unscaled(text, point));
        // Without a declared scale, trailing zeros are dropped.
        const short = point < 0 ? text : text.replace(/\.?0+$/, "");
        const shortPoint = short.indexOf(".");
        const scale = shortPoint < 0 ? 0 : short.length - shortPoint - 1;
        return `{"scale":${scale},"value":${bytesText(unscaled(short, shortPoint))}}`;
      };
  }
}

/** Floats: PostgreSQL's shortest exact text is a JSON number; NaN and infinity are strings, as Jackson writes them. */
export function doubleEncoder(text: string): string {
  const first = text.charCodeAt(text.charCodeAt(0) === 45 ? 1 : 0);
  if (first > 57) return jsonText(text);
  return text;
}

/** `money` under lc_monetary C: `-$1,234.11`. */
export function moneyEncoder(mode: DecimalHandlingMode): (text: string) => string {
  return (text) => {
    const digits = text.replaceAll(/[^0-9.]/g, "");
    const value = text.startsWith("-") || text.startsWith("(") ? `-${digits}` : digits;
    if (mode === "string") return `"${value}"`;
    return mode === "double" ? String(Number(value)) : bytesText(unscaled(value, value.indexOf(".")));
  };
}

/** `bit`, `varbit`: a boolean for length 1, else the bits as little-endian bytes without leading zeros, in base64. */
export function bitsEncoder(length: number): (text: string) => string {
  // An empty varbit(1) is neither; Debezium makes it null.
  if (length === 1) return (text) => text === "1" ? "true" : text === "0" ? "false" : "null";
  return (text) => {
    const bits = text.replace(/^0+/, "");
    const bytes = new Uint8Array(Math.ceil(bits.length / 8));
    for (let i = 0; i < bits.length; i++) {
      if (bits[bits.length - 1 - i] === "1") bytes[i >> 3]! |= 1 << (i & 7);
    }
    return `"${Buffer.from(bytes).toString("base64")}"`;
  };
}

function unscaled(text: string, point: number): bigint {
  return BigInt(point < 0 ? text : text.slice(0, point) + text.slice(point + 1));
}

/** A big integer as Java's BigInteger.toByteArray gives it: big-endian two's complement, as short as possible. */
function bytesText(value: bigint): string {
  let bits = 8;
  while (BigInt.asIntN(bits, value) !== value) bits += 8;
  const hex = BigInt.asUintN(bits, value).toString(16).padStart(bits / 4, "0");
  return `"${Buffer.from(hex, "hex").toString("base64")}"`;
}
