import { ApiProblem } from "./api.js";
import { h } from "./dom.js";

/** @typedef {import("./dom.js").Child} Child */
/** @typedef {"good" | "warn" | "bad" | "idle"} Tone */

/** How each state of a stage or module looks; the word is always beside it. @type {Record<string, Tone>} */
const TONES = {
  running: "good",
  ready: "good",
  live: "good",
  done: "good",
  refilled: "good",
  starting: "warn",
  degraded: "warn",
  blocked: "warn",
  draining: "warn",
  stopping: "warn",
  backing_off: "warn",
  awaiting_approval: "warn",
  connecting: "warn",
  stale: "warn",
  open: "warn",
  cancelled: "idle",
  stopped: "idle",
  unknown: "idle",
  failed: "bad",
  disconnected: "bad",
  lost: "bad",
};

/**
 * @param {string} state
 * @returns {Tone}
 */
export function tone(state) {
  return TONES[state] ?? "idle";
}

/**
 * A state as people say it.
 * @param {string} state
 * @returns {string}
 */
export function word(state) {
  const text = state.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/**
 * A state as shape, color and word.
 * @param {string} state
 * @param {string} [title]
 */
export function stateElement(state, title) {
  return h("span", { class: `state ${tone(state)}`, title }, word(state));
}

/**
 * A titled panel.
 * @param {string} title
 * @param {{ head?: Child[], class?: string, id?: string }} options
 * @param {...Child} children
 */
export function panel(title, options, ...children) {
  const id = options.id ?? `panel-${title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}`;
  return h(
    "section",
    { class: `panel ${options.class ?? ""}`, "aria-labelledby": `${id}-title`, id },
    h("header", {}, h("h2", { id: `${id}-title` }, title), ...(options.head ?? [])),
    ...children,
  );
}

/** Pushes what follows it in a header to the right. */
export function spacer() {
  return h("span", { class: "spacer" });
}

/**
 * A button that submits nothing.
 * @param {Child} text
 * @param {() => unknown} onClick
 * @param {import("./dom.js").Attributes} [attributes]
 */
export function button(text, onClick, attributes = {}) {
  return h("button", { type: "button", ...attributes, on: { click: () => void onClick() } }, text);
}

/**
 * A table that scrolls by itself, also by keyboard. A column is its heading; one that begins with `#` holds numbers.
 * @param {string} label
 * @param {readonly (string | Node)[]} columns an empty heading is of a column of buttons
 * @param {HTMLElement} body
 * @param {{ height?: string, titles?: Record<string, string> }} [options] titles by heading
 */
export function table(label, columns, body, { height, titles = {} } = {}) {
  const heads = columns.map((column) => {
    if (column instanceof Node) return h("th", { scope: "col" }, column);
    const text = column.replace(/^#/, "");
    const shown = text === "" ? h("span", { class: "visually-hidden" }, "Actions") : text;
    return h("th", { scope: "col", class: text === column ? null : "num", title: titles[text] }, shown);
  });
  // On a narrow screen each row of a wide table becomes a block, its cells with their headings.
  const wide = columns.length > 4;
  if (wide) {
    columns.forEach((column, index) => {
      const text = typeof column === "string" ? column.replace(/^#/, "") : "";
      body.style.setProperty(`--column-${index + 1}`, JSON.stringify(text));
    });
  }
  const region = h(
    "div",
    { class: wide ? "scroll stacks" : "scroll", tabindex: 0, role: "region", "aria-label": label },
    h("table", {}, h("thead", {}, h("tr", {}, ...heads)), body),
  );
  if (height !== undefined) region.style.maxHeight = height;
  return region;
}

/**
 * A control with its label above it.
 * @param {string} label
 * @param {HTMLElement} control
 * @param {string} [more] classes
 */
export function field(label, control, more = "") {
  return h("label", { class: `field ${more}` }, label, control);
}

/**
 * Names with their values.
 * @param {readonly [string, Child][]} pairs a `dd` stands as it is
 */
export function facts(pairs) {
  return h(
    "dl",
    { class: "facts" },
    ...pairs.flatMap(([name, value]) => [
      h("dt", {}, name),
      value instanceof Element && value.tagName === "DD" ? value : h("dd", {}, value),
    ]),
  );
}

/**
 * Empty cells of a table row.
 * @param {...string} classes one cell each
 */
export function cells(...classes) {
  return classes.map((name) => h("td", { class: name === "" ? null : name }));
}

/**
 * A topic, which may break before its table.
 * @param {string} topic
 * @returns {Child[]}
 */
export function topicParts(topic) {
  const at = topic.lastIndexOf(".") + 1;
  return [topic.slice(0, at), h("wbr"), topic.slice(at)];
}

/**
 * What a list says when there is nothing in it.
 * @param {string} title
 * @param {string} [text]
 */
export function empty(title, text) {
  return h("div", { class: "empty" }, h("strong", {}, title), text);
}

/**
 * An error with its remedy.
 * @param {unknown} error
 * @returns {HTMLElement}
 */
export function problemElement(error) {
  const problem = error instanceof ApiProblem ? error : null;
  const text = error instanceof Error ? error.message : String(error);
  return h(
    "div",
    { class: "problem", role: "alert" },
    h("span", {}, h("strong", {}, text)),
    problem?.hint && h("span", { class: "hint" }, problem.hint),
    problem &&
      h(
        "span",
        { class: "muted" },
        h("code", {}, problem.code),
        problem.status > 0 ? ` · ${problem.status}` : "",
      ),
  );
}

/**
 * Shows what a call did wrong in `place`, or clears it.
 * @param {HTMLElement} place
 * @param {() => Promise<unknown>} work
 * @returns {Promise<boolean>} whether it went well
 */
export async function attempt(place, work) {
  try {
    await work();
    place.replaceChildren();
    return true;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return false;
    place.replaceChildren(problemElement(error));
    return false;
  }
}

/**
 * Asks before something that cannot be undone.
 * @param {{ title: string, text: string, action: string, refuse?: string }} question
 * @returns {Promise<boolean>}
 */
export function confirmDialog(question) {
  return new Promise((resolve) => {
    const yes = button(question.action, () => dialog.close("yes"), { class: "danger" });
    const no = button(question.refuse ?? "Cancel", () => dialog.close(""));
    const dialog = h(
      "dialog",
      { "aria-labelledby": "dialog-title" },
      h("h2", { id: "dialog-title" }, question.title),
      h("p", {}, question.text),
      h("div", { class: "row" }, no, yes),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
    no.focus();
  });
}

/**
 * A row of buttons of which one is pressed.
 * @template {string} Value
 * @param {string} label
 * @param {readonly { value: Value, text: string }[]} choices
 * @param {Value} chosen
 * @param {(value: Value) => void} onChoose
 */
export function segmented(label, choices, chosen, onChoose) {
  const buttons = choices.map((choice) =>
    h("button", {
      type: "button",
      "aria-pressed": String(choice.value === chosen),
      on: {
        click: () => {
          buttons.forEach((button, index) =>
            button.setAttribute("aria-pressed", String(choices[index]?.value === choice.value))
          );
          onChoose(choice.value);
        },
      },
    }, choice.text)
  );
  return h("div", { class: "segmented", role: "group", "aria-label": label }, ...buttons);
}

/** Why a viewer's button is disabled. */
export const OPERATOR_ONLY = "Needs the operator role; this session may only look";

/**
 * Enables a button for operators only, with the reason where it is not.
 * @param {HTMLButtonElement | HTMLInputElement} control
 * @param {boolean} operator
 * @param {string | null} [otherReason] why it is disabled for an operator too
 */
export function allow(control, operator, otherReason = null) {
  const reason = operator ? otherReason : OPERATOR_ONLY;
  if (control.disabled !== (reason !== null)) control.disabled = reason !== null;
  if (reason === null) control.removeAttribute("title");
  else if (control.title !== reason) control.title = reason;
}
