import { h } from "./dom.js";

/** @typedef {import("./dom.js").Child} Child */

/**
 * Decimal text in two parts, so that zeros at its end can be shown paler. No digit is left out (I9): the parts joined
 * are the text.
 * @param {string} text
 * @returns {[string, string]}
 */
export function splitZeros(text) {
  const match = /^(-?\d+(?:\.\d*?[1-9])?)(\.?0+)$/.exec(text);
  return match === null || !text.includes(".") ? [text, ""] : [match[1] ?? "", match[2] ?? ""];
}

/**
 * Decimal text as children of an element.
 * @param {string} text
 * @returns {Child[]}
 */
export function decimalParts(text) {
  const [digits, zeros] = splitZeros(text);
  return [digits, zeros === "" ? null : h("span", { class: "zeros" }, zeros)];
}

/**
 * Sets decimal text only when it changed.
 * @param {Element | null | undefined} element
 * @param {string} text
 */
export function setDecimal(element, text) {
  if (!element || element.textContent === text) return;
  const [digits, zeros] = splitZeros(text);
  element.replaceChildren(digits, ...(zeros === "" ? [] : [h("span", { class: "zeros" }, zeros)]));
}
