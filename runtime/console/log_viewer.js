import { apiAddress } from "./api.js";
import { h, setText } from "./dom.js";
import { EventStream } from "./event_stream.js";
import { timeElement } from "./format.js";
import { perFrame, Ring } from "./frame.js";
import { button, segmented } from "./parts.js";

/** @typedef {import("./types.js").LogLine} LogLine */

const KEPT = 2000;
const SHOWN = 400;
const LEVELS = /** @type {const} */ (["debug", "info", "warn", "error"]);

/**
 * A module's log, live: least level, search, pause. Keeps the newest lines in memory and shows fewer still (I10).
 * @param {string} module
 * @returns {{ head: HTMLElement, element: HTMLElement, dispose: () => void }}
 */
export function logViewer(module) {
  /** @type {Ring<LogLine>} */
  const lines = new Ring(KEPT);
  let least = 1;
  let search = "";
  let paused = false;
  let arrived = 0;
  /** @type {readonly LogLine[]} */
  let frozen = [];

  const list = h("ol", {});
  const element = h("div", {
    class: "logs scroll",
    role: "log",
    "aria-label": `Log of ${module}`,
    tabindex: 0,
  }, list);
  const note = h("span", { class: "note", role: "status" });
  const pause = button("Pause", () => setPaused(!paused), { class: "small", "aria-pressed": "false" });
  const find = h("input", {
    type: "search",
    placeholder: "Search the log",
    "aria-label": "Search the log",
    on: {
      input: () => {
        search = find.value.trim().toLowerCase();
        render.schedule();
      },
    },
  });
  const head = h(
    "div",
    { class: "row" },
    segmented("Least level", LEVELS.map((level) => ({ value: level, text: level })), "info", (level) => {
      least = LEVELS.indexOf(level);
      render.schedule();
    }),
    find,
    pause,
    note,
  );

  /** @param {boolean} next */
  function setPaused(next) {
    paused = next;
    frozen = lines.last();
    arrived = 0;
    pause.setAttribute("aria-pressed", String(paused));
    setText(pause, paused ? "Resume" : "Pause");
    render.schedule();
  }

  const render = perFrame(() => {
    const all = paused ? frozen : lines.last();
    const matching = all.filter((line) =>
      LEVELS.indexOf(line.level) >= least && (search === "" || lineText(line).includes(search))
    );
    const shown = matching.slice(-SHOWN);
    const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 24;
    const byKey = new Map(Array.from(list.children).map((row) => [/** @type {any} */ (row).sequence, row]));
    const rows = shown.map((line) => byKey.get(line.sequence) ?? lineElement(line));
    if (rows.length !== list.children.length || rows.some((row, index) => row !== list.children[index])) {
      list.replaceChildren(...rows);
      // Follow only a reader who is at the end already.
      if (atEnd && !paused) element.scrollTop = element.scrollHeight;
    }
    setText(
      note,
      paused
        ? `Paused, ${arrived} new`
        : matching.length === 0
        ? all.length === 0 ? "No lines yet" : "No line matches"
        : matching.length > SHOWN
        ? `The newest ${SHOWN} of ${matching.length}`
        : "",
    );
  });

  let newest = -1;
  const stream = new EventStream(apiAddress(`modules/${encodeURIComponent(module)}/logs`), {
    onEvent(event) {
      if (event.event !== "log") return;
      /** @type {LogLine} */
      const line = JSON.parse(event.data).line;
      if (line.sequence === newest) return;
      // Sequences begin again with a new host: what was before is another log.
      if (line.sequence < newest) lines.clear();
      newest = line.sequence;
      lines.push(line);
      if (paused) arrived += 1;
      render.schedule();
    },
    onState(state, problem) {
      if (state === "waiting" && problem !== null) setText(note, problem.message);
    },
  });
  render.schedule();
  return {
    head,
    element,
    dispose() {
      stream.close();
      render.cancel();
    },
  };
}

/** @param {LogLine} line */
function lineText(line) {
  return `${line.message} ${fieldsText(line)}`.toLowerCase();
}

/** @param {LogLine} line */
function fieldsText(line) {
  return Object.entries(line.fields ?? {})
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
}

/** @param {LogLine} line */
function lineElement(line) {
  const fields = fieldsText(line);
  const row = h(
    "li",
    { class: line.level },
    timeElement(line.time, "millis"),
    h("span", { class: `level ${line.level}` }, line.level),
    h("span", {}, line.message, fields === "" ? null : h("span", { class: "fields-text" }, `  ${fields}`)),
  );
  /** @type {any} */ (row).sequence = line.sequence;
  return row;
}
