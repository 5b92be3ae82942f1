import { h, reconcile, setText } from "../dom.js";
import { count, timeElement } from "../format.js";
import { allow, attempt, button, confirmDialog, empty, panel, spacer, table, topicParts } from "../parts.js";
import { letterPanel } from "../letter/letter_panel.js";

/** @typedef {import("../types.js").DeadLetter} DeadLetter */

const PAGE = 100;

/**
 * What could not be stored, and why (I5): look, retry, drop.
 * @param {import("../main.js").App} app
 * @param {string[]} rest the letter in the address
 * @returns {import("../main.js").Page}
 */
export function deadLettersPage(app, rest) {
  const { api, state } = app;
  /** @type {DeadLetter[]} */
  let letters = [];
  /** @type {string | null} */
  let next = null;
  /** @type {Set<string>} */
  const selected = new Set();
  let shown = "";
  let busy = false;
  let loaded = false;
  let telling = false;
  const abort = new AbortController();

  const body = h("tbody");
  const problem = h("div");
  const letterProblem = h("div");
  const actionProblem = h("div");
  const outcome = h("div", { role: "status" });
  const none = h("div", { class: "empty" }, "Loading…");
  const total = h("span", { class: "note" });
  const code = h(
    "select",
    { "aria-label": "Code", on: { change: () => void load() } },
    h("option", { value: "" }, "All codes"),
  );
  const topic = h(
    "select",
    { "aria-label": "Topic", on: { change: () => void load() } },
    h("option", { value: "" }, "All topics"),
  );
  const all = h("input", {
    type: "checkbox",
    "aria-label": "Select all shown",
    on: {
      change: () => {
        for (const letter of letters) {
          if (all.checked) selected.add(letter.id);
          else selected.delete(letter.id);
        }
        draw();
      },
    },
  });
  const retrySelected = button("Retry selected", () => retry({ ids: [...selected] }), { class: "primary" });
  const retryFiltered = button("Retry all", () => retryMatching());
  const more = button("Load more", () => load(true), { hidden: true });
  const inspector = h("div");
  const element = h(
    "div",
    { class: "grid" },
    problem,
    actionProblem,
    outcome,
    panel(
      "Dead letters",
      { head: [total, spacer(), code, topic, retrySelected, retryFiltered] },
      table(
        "Dead letters as a table",
        [all, "Last failed (UTC)", "Code", "Message", "Topic", "#Partition", "#Offset", "#Attempts", ""],
        body,
      ),
      none,
      h("div", { class: "row" }, more),
    ),
    letterProblem,
    inspector,
  );

  function draw() {
    reconcile(body, letters, {
      key: (letter) => letter.id,
      create: (letter) =>
        h(
          "tr",
          { "data-letter": letter.id },
          h(
            "td",
            {},
            h("input", {
              type: "checkbox",
              "aria-label": `Select the letter of ${letter.topic} ${letter.partition}/${letter.offset}`,
              on: {
                change: (/** @type {Event} */ event) => {
                  if (/** @type {HTMLInputElement} */ (event.target).checked) selected.add(letter.id);
                  else selected.delete(letter.id);
                  draw();
                },
              },
            }),
          ),
          h("td", { class: "nowrap" }, timeElement(letter.last_failed_at, "minute")),
          h("td", { class: "nowrap" }, h("span", { class: "tag bad" }, letter.code)),
          h("td", { class: "wrap" }, letter.message),
          h("td", { class: "mono" }, ...topicParts(letter.topic)),
          h("td", { class: "num" }, letter.partition),
          h("td", { class: "num" }, letter.offset),
          h("td", { class: "num" }),
          h(
            "td",
            {},
            h(
              "div",
              { class: "actions" },
              button("Inspect", () => inspect(letter.id), { class: "small", "data-action": "inspect" }),
              button("Retry", () => retry({ ids: [letter.id] }), { class: "small", "data-action": "retry" }),
              button("Drop…", () => drop(letter), { class: "small danger", "data-action": "drop" }),
            ),
          ),
        ),
      update: (row, letter) => {
        row.className = letter.id === shown ? "selected" : "";
        const box = row.querySelector("input");
        if (box !== null) box.checked = selected.has(letter.id);
        const failedAt = String(letter.last_failed_at);
        if (row.dataset.failedAt !== failedAt) {
          row.dataset.failedAt = failedAt;
          row.children[1]?.replaceChildren(timeElement(letter.last_failed_at, "minute"));
        }
        setText(row.children[2]?.firstElementChild, letter.code);
        setText(row.children[3], letter.message);
        setText(row.children[7], count(letter.attempts));
        for (const button of row.querySelectorAll("button")) {
          if (button.dataset.action !== "inspect") {
            allow(button, state.operator, busy ? "Another request is under way" : null);
          }
        }
      },
    });
    setText(total, loaded ? `${count(letters.length)}${next === null ? "" : "+"} kept` : "");
    none.hidden = letters.length > 0;
    if (loaded && letters.length === 0) {
      none.replaceChildren(
        code.value === "" && topic.value === ""
          ? empty("No dead letters", "Every record was stored or filtered by a named rule.")
          : empty("None match", "Choose another code or topic."),
      );
    }
    all.checked = letters.length > 0 && letters.every((letter) => selected.has(letter.id));
    more.hidden = next === null;
    setText(retrySelected, selected.size === 0 ? "Retry selected" : `Retry ${selected.size} selected`);
    setText(retryFiltered, code.value !== "" || topic.value !== "" ? "Retry all that match" : "Retry all");
    const busyReason = busy ? "Another request is under way" : null;
    allow(retrySelected, state.operator, busyReason ?? (selected.size === 0 ? "Select letters first" : null));
    allow(
      retryFiltered,
      state.operator,
      busyReason ?? (letters.length === 0 ? "There is nothing to retry" : null),
    );
    remember(code, letters.map((letter) => letter.code));
    remember(topic, letters.map((letter) => letter.topic));
  }

  /** @param {boolean} [further] the next page instead of the first */
  async function load(further = false) {
    await attempt(problem, async () => {
      const page = await api.get("dead-letters", {
        limit: PAGE,
        code: code.value,
        topic: topic.value,
        cursor: further ? next : null,
      }, { signal: abort.signal });
      letters = further ? [...letters, ...page.rows] : page.rows;
      next = page.next;
      loaded = true;
      if (code.value === "" && topic.value === "") told(page.rows, next !== null);
      for (const id of selected) if (!letters.some((letter) => letter.id === id)) selected.delete(id);
    });
    draw();
  }

  /**
   * Keeps the badge true: the channel does not tell of letters that were dropped or stored by a retry.
   * @param {DeadLetter[]} rows
   * @param {boolean} more
   */
  function told(rows, more) {
    state.deadLetters = rows;
    state.moreDeadLetters = more;
    telling = true;
    state.tell("deadLetters");
    telling = false;
  }

  /** @param {{ ids?: string[], code?: string, topic?: string, all?: boolean }} which */
  async function retry(which) {
    busy = true;
    draw();
    await attempt(actionProblem, async () => {
      const result = await api.post("dead-letters/retry", which);
      selected.clear();
      outcome.replaceChildren(
        h(
          "div",
          { class: "row" },
          h(
            "span",
            { class: `state ${result.failed > 0 ? "warn" : "good"}` },
            `Retried ${count(result.retried)}: ${count(result.stored)} stored, ${
              count(result.failed)
            } failed again`,
          ),
        ),
      );
    });
    busy = false;
    await load();
    if (shown === "") return;
    if (letters.some((letter) => letter.id === shown)) void show(shown, false);
    else close();
  }

  async function retryMatching() {
    const narrowed = code.value !== "" || topic.value !== "";
    const what = [code.value, topic.value].filter((text) => text !== "").join(" in ");
    const sure = await confirmDialog({
      title: narrowed ? `Retry all letters of ${what}?` : "Retry all dead letters?",
      text:
        "Each is read, transformed and written again. Those that fail again stay here. Nothing is stored twice.",
      action: "Retry",
    });
    if (!sure) return;
    await retry(
      narrowed
        ? {
          ...(code.value === "" ? {} : { code: code.value }),
          ...(topic.value === "" ? {} : { topic: topic.value }),
        }
        : { all: true },
    );
  }

  /** @param {DeadLetter} letter */
  async function drop(letter) {
    const sure = await confirmDialog({
      title: "Drop this dead letter?",
      text:
        `${letter.topic} ${letter.partition}/${letter.offset}: its record will never be stored. This cannot be undone.`,
      action: "Drop",
    });
    if (!sure) return;
    busy = true;
    await attempt(actionProblem, () => api.delete(`dead-letters/${encodeURIComponent(letter.id)}`));
    busy = false;
    if (shown === letter.id) close();
    await load();
  }

  /** @param {string} id */
  function inspect(id) {
    location.hash = `#/dead-letters/${encodeURIComponent(id)}`;
    if (id === shown) void show(id);
  }

  function close() {
    shown = "";
    letterProblem.replaceChildren();
    inspector.replaceChildren();
    history.replaceState(null, "", "#/dead-letters");
    draw();
  }

  /**
   * @param {string} id
   * @param {boolean} [scroll]
   */
  async function show(id, scroll = true) {
    shown = id;
    draw();
    await attempt(letterProblem, async () => {
      /** @type {DeadLetter} */
      const letter =
        (await api.get(`dead-letters/${encodeURIComponent(id)}`, {}, { signal: abort.signal })).deadLetter;
      if (shown !== id) return;
      inspector.replaceChildren(letterPanel(letter, close));
      if (scroll) inspector.scrollIntoView({ block: "nearest" });
    });
  }

  const stops = [
    state.on(["deadLetters"], () => {
      if (!telling) void load();
    }),
    state.on(["session"], draw),
  ];
  void load();
  if (rest[0] !== undefined) void show(rest[0]);
  return {
    element,
    route(parts) {
      if (parts[0] !== undefined && parts[0] !== "") void show(parts[0]);
      else if (shown !== "") close();
    },
    dispose() {
      abort.abort();
      for (const stop of stops) stop();
    },
  };
}

/**
 * Adds the values seen to the choices; a choice once offered stays.
 * @param {HTMLSelectElement} select
 * @param {readonly string[]} values
 */
function remember(select, values) {
  for (const value of new Set(values)) {
    if (!Array.from(select.options).some((option) => option.value === value)) {
      select.append(h("option", { value }, value));
    }
  }
}
