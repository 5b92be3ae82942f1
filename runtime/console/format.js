/**
 * How values look. Money and quantities are decimal text and are shown as received (I9): nothing here turns one into a
 * float; the short forms cut the text itself.
 */
import { h } from "./dom.js";

/**
 * Epoch milliseconds of a number or ISO text; NaN when it is neither.
 * @param {number | string | null | undefined} time
 * @returns {number}
 */
export function epochMs(time) {
  if (typeof time === "number") return time;
  return typeof time === "string" ? Date.parse(time) : NaN;
}

/**
 * UTC text of a time: `clock` 12:03:04, `millis` 12:03:04.567, `minute` 11-23 12:03, `full` 2026-11-23 12:03:04.567 UTC.
 * @param {number | string | null | undefined} time
 * @param {"clock" | "millis" | "minute" | "full"} [form]
 * @returns {string}
 */
export function utc(time, form = "clock") {
  const at = epochMs(time);
  if (!Number.isFinite(at)) return "–";
  const iso = new Date(at).toISOString();
  if (form === "clock") return iso.slice(11, 19);
  if (form === "millis") return iso.slice(11, 23);
  if (form === "minute") return iso.slice(5, 16).replace("T", " ");
  return `${iso.slice(0, 10)} ${iso.slice(11, 23)} UTC`;
}

/**
 * A `<time>` in UTC with the reader's local time as its tooltip.
 * @param {number | string | null | undefined} time
 * @param {"clock" | "millis" | "minute" | "full"} [form]
 */
export function timeElement(time, form = "clock") {
  const at = epochMs(time);
  if (!Number.isFinite(at)) return h("span", { class: "muted" }, "–");
  return h("time", {
    datetime: new Date(at).toISOString(),
    title: `${utc(at, "full")}\n${new Date(at).toLocaleString()} local`,
  }, utc(at, form));
}

const UNITS = ["", "k", "M", "B", "T"];

/**
 * A short form of decimal text, cut (not rounded) to three or more leading digits: `1234567.89` → `1.23 M`.
 * For scanning only; the exact text belongs in the tooltip.
 * @param {string | null | undefined} text
 * @returns {string}
 */
export function shortDecimal(text) {
  const match = /^(-?)0*(\d*?)(?:\.(\d*))?$/.exec(text ?? "–");
  if (match === null) return text ?? "–";
  const [, sign = "", whole = "", fraction = ""] = match;
  if (whole.length <= 3) {
    return `${sign}${whole === "" ? "0" : whole}${fraction === "" ? "" : `.${fraction.slice(0, 2)}`}`;
  }
  const unit = Math.min(Math.floor((whole.length - 1) / 3), UNITS.length - 1);
  const head = whole.slice(0, whole.length - unit * 3);
  const tail = whole.slice(whole.length - unit * 3, whole.length - unit * 3 + Math.max(0, 3 - head.length));
  return `${sign}${group(head)}${tail === "" ? "" : `.${tail}`} ${UNITS[unit]}`;
}

/**
 * Groups the whole digits of a count: `1234567` → `1,234,567`.
 * @param {string | number} digits
 * @returns {string}
 */
export function group(digits) {
  return String(digits).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/**
 * A whole count; an en dash when unknown.
 * @param {unknown} value
 * @returns {string}
 */
export function count(value) {
  return typeof value === "number" && Number.isFinite(value) ? group(Math.round(value)) : "–";
}

/**
 * A rate a second, short.
 * @param {unknown} value
 * @returns {string}
 */
export function rate(value) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  if (value >= 100_000) return `${(value / 1000).toFixed(0)}k`;
  if (value >= 100 || value === 0) return group(value.toFixed(0));
  return value.toFixed(value < 10 ? 2 : 1);
}

/**
 * @param {unknown} value bytes
 * @returns {string}
 */
export function bytes(value) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let scaled = value;
  let unit = 0;
  while (scaled >= 1000 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  return `${scaled.toFixed(unit === 0 || scaled >= 100 ? 0 : 1)} ${units[unit]}`;
}

/**
 * Memory in MiB, the unit of the ceilings that are configured.
 * @param {unknown} value bytes
 * @returns {string}
 */
export function memory(value) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  const mebibytes = value / 1_048_576;
  return `${mebibytes.toFixed(mebibytes < 10 ? 1 : 0)} MiB`;
}

/**
 * Text that begins in upper case.
 * @param {string} text
 * @returns {string}
 */
export function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/**
 * A length of time, short: 850 µs, 12 ms, 3.4 s, 5 min, 2 h 10 min, 3 d.
 * @param {unknown} ms
 * @returns {string}
 */
export function duration(ms) {
  if (typeof ms !== "number" || !Number.isFinite(ms)) return "–";
  const size = Math.abs(ms);
  if (size === 0) return "0 ms";
  if (size < 1) return `${Math.round(ms * 1000)} µs`;
  if (size < 1000) return `${size < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (size < 90_000) return `${seconds.toFixed(size < 10_000 ? 1 : 0)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/**
 * How long ago, for people.
 * @param {number | string | null | undefined} time
 * @param {number} [now]
 * @returns {string}
 */
export function ago(time, now = Date.now()) {
  const at = epochMs(time);
  return Number.isFinite(at) ? `${duration(Math.max(0, now - at))} ago` : "–";
}

/**
 * JSON made readable, as text; what is no JSON comes back as it is.
 * @param {unknown} value
 * @returns {string}
 */
export function prettyJson(value) {
  if (typeof value !== "string") return JSON.stringify(value, null, 2) ?? "";
  try {
    return indentJson(value);
  } catch {
    return value;
  }
}

/**
 * Indents JSON text without parsing its numbers, so that `0.10000000` and large ids stay as they were sent.
 * @param {string} text
 * @returns {string}
 */
function indentJson(text) {
  JSON.parse(text);
  let depth = 0;
  const pad = () => `\n${"  ".repeat(depth)}`;
  return text.replace(
    /"(?:[^"\\]|\\.)*"|[{[]\s*[}\]]|[{}[\],:]|\s+|[^\s"{}[\],:]+/g,
    (token) => {
      if (/^\s/.test(token)) return "";
      if (token === "{" || token === "[") {
        depth += 1;
        return token + pad();
      }
      if (token === "}" || token === "]") {
        depth -= 1;
        return pad() + token;
      }
      if (token === ",") return token + pad();
      if (token === ":") return ": ";
      return /^[{[]/.test(token) ? token.replace(/\s/g, "") : token;
    },
  );
}
