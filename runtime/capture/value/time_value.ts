import { jsonText } from "./json_text.ts";

/** Debezium's `time.precision.mode`. */
export type TimePrecisionMode =
  | "adaptive"
  | "adaptive_time_microseconds"
  | "connect"
  | "isostring"
  | "microseconds"
  | "nanoseconds";

/**
 * Encoders of PostgreSQL's date and time text (DateStyle ISO) as Debezium's JSON values. Sources: Debezium's
 * `TemporalPrecisionMode`, `JdbcValueConverters`, `PostgresValueConverter`, `ZonedTimestamp`, `ZonedTime`. Text that
 * is not of PostgreSQL's form is passed on as a string, so that nothing is lost.
 */

// `-5877611-06-21` and `-06-22` in days: what Debezium makes of date infinity.
const DATE_INFINITY = { "infinity": "-5877611-06-21", "-infinity": "-5877611-06-22" } as const;
// pgjdbc's DATE_POSITIVE_INFINITY and DATE_NEGATIVE_INFINITY, as Debezium writes timestamp infinity.
const TIMESTAMP_INFINITY = {
  "infinity": 9_223_372_036_825_200_000n,
  "-infinity": -9_223_372_036_832_400_000n,
} as const;
// The same, as seconds and fraction.
const ISO_INFINITY = {
  "infinity": [9_223_372_036_825, ".2"],
  "-infinity": [-9_223_372_036_833, ".6"],
} as const;
const LONG = { "infinity": "9223372036854775807", "-infinity": "-9223372036854775808" } as const;

/** `date`: days since 1970-01-01, or `2016-11-04Z` in mode isostring. */
export function dateEncoder(mode: TimePrecisionMode): (text: string) => string {
  return (text) => {
    const date = isInfinity(text) ? DATE_INFINITY[text] : text;
    const match = /^(-?\d{4,})-(\d\d)-(\d\d)( BC)?$/.exec(date);
    if (match === null) return jsonText(text);
    const year = match[4] === undefined ? Number(match[1]) : 1 - Number(match[1]);
    if (mode === "isostring") return `"${yearText(year)}-${match[2]}-${match[3]}Z"`;
    return String(daysOf(year, Number(match[2]), Number(match[3])));
  };
}

/** `time`: since midnight, in ms or µs by the column's precision, or `13:51:30.5Z`. */
export function timeEncoder(mode: TimePrecisionMode, precision: number): (text: string) => string {
  return (text) => {
    const match = /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/.exec(text);
    if (match === null) return jsonText(text);
    // java.time.LocalTime has no 24:00:00: in this mode Debezium's is midnight.
    if (mode === "isostring") return `"${text.startsWith("24") ? "00:00:00" : text}Z"`;
    const seconds = Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3]);
    const micros = seconds * 1_000_000 + microsOf(match[4]);
    if (mode === "nanoseconds") return String(micros * 1000);
    const inMillis = mode === "connect" || (mode === "adaptive" && precision <= 3);
    return String(inMillis ? Math.floor(micros / 1000) : micros);
  };
}

/** `timetz`: the time at UTC as text, `11:51:30.123789Z`. */
export function timetzEncoder(): (text: string) => string {
  return (text) => {
    const match = /^(\d\d):(\d\d):(\d\d)(\.\d{1,6})?([+-]\d\d)(?::(\d\d))?(?::(\d\d))?$/.exec(text);
    if (match === null) return jsonText(text);
    const local = Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3]);
    const offset = offsetSeconds(match[5]!, match[6], match[7]);
    const utc = (local - offset + 2 * 86_400) % 86_400;
    return `"${clockText(utc)}${match[4] ?? ""}Z"`;
  };
}

/** `timestamp`: since 1970-01-01T00:00:00, in ms or µs by the column's precision and the mode, or ISO text with Z. */
export function timestampEncoder(mode: TimePrecisionMode, precision: number): (text: string) => string {
  const inMillis = mode === "connect" ||
    (precision <= 3 && (mode === "adaptive" || mode === "adaptive_time_microseconds"));
  return (text) => {
    if (isInfinity(text)) {
      const micros = TIMESTAMP_INFINITY[text];
      if (mode === "nanoseconds") return LONG[text];
      if (mode === "isostring") {
        const [seconds, fraction] = ISO_INFINITY[text];
        return `"${isoText(seconds, fraction)}"`;
      }
      return String(inMillis ? micros / 1000n : micros);
    }
    const instant = parseTimestamp(text);
    if (instant === undefined) return jsonText(text);
    const { seconds, fraction } = instant;
    if (mode === "isostring") return `"${isoText(seconds, fraction === "" ? "" : `.${fraction}`)}"`;
    const micros = microsOf(fraction);
    if (inMillis) return String(seconds * 1000 + Math.floor(micros / 1000));
    const total = Number.isSafeInteger(seconds * 1_000_000)
      ? String(seconds * 1_000_000 + micros)
      : String(BigInt(seconds) * 1_000_000n + BigInt(micros));
    return mode === "nanoseconds" && total !== "0" ? `${total}000` : total;
  };
}

/** `timestamptz`: ISO text at UTC with as many decimals as the column has, `2024-08-08T23:54:13.123Z`; infinity as text. */
export function timestamptzEncoder(precision: number): (text: string) => string {
  return (text) => {
    const length = text.length;
    // The session runs at UTC: nearly every value has this form, and is only rearranged.
    if (
      length >= 22 && length <= 29 && text.charCodeAt(4) === 45 && text.charCodeAt(10) === 32 &&
      text.endsWith("+00")
    ) {
      const fraction = precision > 0
        ? "." + (text.slice(20, length - 3) + "000000").substring(0, precision)
        : "";
      return `"${text.substring(0, 10)}T${text.substring(11, 19)}${fraction}Z"`;
    }
    if (isInfinity(text)) return `"${text}"`;
    const instant = parseTimestamp(text);
    if (instant === undefined) return jsonText(text);
    const fraction = precision > 0 ? "." + (instant.fraction + "000000").substring(0, precision) : "";
    return `"${isoText(instant.seconds, fraction)}"`;
  };
}

const TIMESTAMP =
  /^(\d{4,})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:([+-]\d\d)(?::(\d\d))?(?::(\d\d))?)?( BC)?$/;

/** Seconds since 1970 at UTC and the digits of the fraction. */
function parseTimestamp(text: string): { seconds: number; fraction: string } | undefined {
  const m = TIMESTAMP.exec(text);
  if (m === null) return undefined;
  const year = m[11] === undefined ? Number(m[1]) : 1 - Number(m[1]);
  const local = daysOf(year, Number(m[2]), Number(m[3])) * 86_400 +
    Number(m[4]) * 3600 + Number(m[5]) * 60 + Number(m[6]);
  const offset = m[8] === undefined ? 0 : offsetSeconds(m[8], m[9], m[10]);
  return { seconds: local - offset, fraction: m[7] ?? "" };
}

function offsetSeconds(hours: string, minutes?: string, seconds?: string): number {
  const sign = hours.startsWith("-") ? -1 : 1;
  return sign * (Number(hours.slice(1)) * 3600 + Number(minutes ?? 0) * 60 + Number(seconds ?? 0));
}

function microsOf(fraction: string | undefined): number {
  return fraction === undefined || fraction === "" ? 0 : Number(fraction.padEnd(6, "0"));
}

/** Days since 1970-01-01 in the proleptic Gregorian calendar, any year. */
export function daysOf(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) +
    dayOfYear - 719_468;
}

/** ISO 8601 at UTC as Java writes it: a sign before years of more than four digits. */
function isoText(epochSeconds: number, fraction: string): string {
  const days = Math.floor(epochSeconds / 86_400);
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthIndex = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthIndex + 2) / 5) + 1;
  const month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${yearText(year)}-${two(month)}-${two(day)}T${clockText(epochSeconds - days * 86_400)}${fraction}Z`;
}

function yearText(year: number): string {
  const digits = String(Math.abs(year)).padStart(4, "0");
  return year < 0 ? `-${digits}` : year > 9999 ? `+${digits}` : digits;
}

function clockText(seconds: number): string {
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

function isInfinity(text: string): text is "infinity" | "-infinity" {
  return text === "infinity" || text === "-infinity";
}
