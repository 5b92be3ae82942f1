import { h } from "../dom.js";
import { stateElement, word } from "../parts.js";

/** @typedef {import("../types.js").Module} Module */

/**
 * Why an action makes no sense now; null when it does.
 * @param {Module} module
 * @param {string} action
 * @param {string | undefined} busy
 */
export function whyNot(module, action, busy) {
  if (busy !== undefined) return `${word(busy)} is under way`;
  const down = module.state === "stopped" || module.state === "failed";
  if (module.state === "awaiting_approval") return "Its code changed: approve it first";
  if (action === "start" && !down) return `It is ${module.state.replaceAll("_", " ")} already`;
  if (action !== "start" && module.state === "stopped") return "It is stopped";
  return null;
}

/**
 * @param {Module} module
 * @param {string | undefined} busy
 */
export function moduleState(module, busy) {
  const healthy = module.state !== "running" || module.health === "running";
  return h(
    "div",
    {},
    healthy ? stateElement(module.state) : stateElement(module.health),
    busy === undefined ? null : h("div", { class: "muted" }, `${busy}…`),
  );
}

/** @param {number | null | undefined} percent of one core */
export function percentText(percent) {
  return typeof percent !== "number" ? "–" : `${percent.toFixed(1)} %`;
}
