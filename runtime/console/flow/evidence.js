import { h } from "../dom.js";
import { duration, prettyJson, timeElement } from "../format.js";
import { facts, word } from "../parts.js";

/**
 * What an alert was raised for: its values by name, times and lengths of time readable, all else as it came (I9).
 * @param {unknown} evidence JSON text or a record
 */
export function evidenceElement(evidence) {
  const record = recordOf(evidence);
  return record === undefined
    ? h("pre", { class: "payload" }, prettyJson(evidence))
    : facts(Object.entries(record).map(([name, value]) => pair(name, value)));
}

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {[string, import("../dom.js").Child]}
 */
function pair(name, value) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (name === "percent") return ["Change", `${text} %`];
  if (name.endsWith("_percent")) return [word(name.slice(0, -"_percent".length)), `${text} %`];
  if (typeof value === "number" && name.endsWith("_time")) return [word(name), timeElement(value, "full")];
  if (typeof value === "number" && name.endsWith("_ms")) return [word(name.slice(0, -3)), duration(value)];
  return [word(name), text];
}

/**
 * @param {unknown} evidence
 * @returns {Record<string, unknown> | undefined}
 */
function recordOf(evidence) {
  try {
    const value = typeof evidence === "string" ? JSON.parse(evidence) : evidence;
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
