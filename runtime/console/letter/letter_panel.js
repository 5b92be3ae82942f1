import { button, facts, panel, spacer } from "../parts.js";
import { h } from "../dom.js";
import { count, prettyJson, timeElement } from "../format.js";

/** @typedef {import("../types.js").DeadLetter} DeadLetter */

/**
 * One dead letter with its cause, position and payload, all as text.
 * @param {DeadLetter} letter
 * @param {() => void} close
 */
export function letterPanel(letter, close) {
  /** @type {[string, import("../dom.js").Child][]} */
  const pairs = [
    ["Cause", letter.message],
    ["Code", h("span", { class: "tag bad" }, letter.code)],
    ["Position", `${letter.topic}, partition ${letter.partition}, offset ${letter.offset}`],
    ["First failed", timeElement(letter.first_failed_at, "full")],
    ["Last failed", timeElement(letter.last_failed_at, "full")],
    ["Attempts", count(letter.attempts)],
    ["Key", letter.key === null ? "none" : h("code", {}, letter.key)],
  ];
  return panel(
    "Letter",
    {
      id: "letter",
      head: [
        h("span", { class: "note mono" }, letter.id),
        spacer(),
        button("Close", close, { class: "small" }),
      ],
    },
    h(
      "div",
      { class: "body" },
      facts(pairs),
    ),
    letter.value === null
      ? h("p", { class: "body muted" }, "It has no payload.")
      : h("pre", { class: "payload scroll", tabindex: 0, "aria-label": "Payload" }, prettyJson(letter.value)),
  );
}
