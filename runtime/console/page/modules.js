import { h, reconcile, setText } from "../dom.js";
import { count, memory, sentence } from "../format.js";
import { perFrame } from "../frame.js";
import { moduleDetail } from "../module/module_detail.js";
import { moduleState, percentText, whyNot } from "../module/module_row.js";
import { allow, cells, confirmDialog, empty, panel, problemElement, spacer, table, word } from "../parts.js";

/** @typedef {import("../types.js").Module} Module */

const REFRESH_MS = 2000;
const ACTIONS = /** @type {const} */ (["start", "stop", "restart"]);

/**
 * The modules: state, cost, permissions, life cycle, logs.
 * @param {import("../main.js").App} app
 * @param {string[]} rest the module chosen in the address
 * @returns {import("../main.js").Page}
 */
export function modulesPage(app, rest) {
  const { state, api } = app;
  let chosen = rest[0] ?? "";
  /** Modules with an action under way. @type {Map<string, string>} */
  const busy = new Map();
  const body = h("tbody");
  const none = h("div");
  const problem = h("div");
  const summary = h("span", { class: "note" });
  const detail = h("div", { class: "grid" });
  const element = h(
    "div",
    { class: "grid" },
    panel(
      "Modules",
      { head: [spacer(), summary] },
      table(
        "Modules as a table",
        [
          "Module",
          "State",
          "Detail",
          "#PID",
          "Memory / ceiling",
          "#CPU",
          "#Restarts / left",
          "#Violations",
          "",
        ],
        body,
        {
          titles: {
            "CPU": "Of one core, over the last seconds",
            "Restarts / left": "Restarts, and how many are left in the window",
            "Violations": "Permission denials and protocol violations (I6)",
          },
        },
      ),
      none,
    ),
    problem,
    detail,
  );

  /**
   * @param {Module} module
   * @param {string} action
   * @param {() => Promise<any>} call
   */
  async function run(module, action, call) {
    busy.set(module.name, action);
    render.schedule();
    try {
      const answer = await call();
      problem.replaceChildren();
      if (answer?.module !== undefined) state.setModule(answer.module);
    } catch (error) {
      problem.replaceChildren(problemElement(error));
    } finally {
      busy.delete(module.name);
      render.schedule();
    }
  }

  /**
   * @param {string} name
   * @param {typeof ACTIONS[number]} action
   */
  async function act(name, action) {
    const module = state.modules.get(name);
    if (module === undefined) return;
    if (action === "stop" && module.builtIn) {
      const sure = await confirmDialog({
        title: `Stop ${name}?`,
        text:
          "The flow halts at this stage until it is started again. Nothing is lost: the stages before it wait.",
        action: `Stop ${name}`,
      });
      if (!sure) return;
    }
    await run(module, action, () => api.post(`modules/${encodeURIComponent(name)}/${action}`));
  }

  /** @param {Module} module */
  const createRow = (module) =>
    h(
      "tr",
      { "data-module": module.name },
      h(
        "th",
        { scope: "row" },
        h("a", { href: `#/modules/${encodeURIComponent(module.name)}` }, module.name),
        h("div", { class: "muted nowrap" }, `${module.kind} ${module.version}`),
      ),
      ...cells("", "wrap", "num"),
      h(
        "td",
        {},
        h("div", { class: "memory" }, h("span", { class: "meter" }, h("span")), h("span", { class: "num" })),
      ),
      ...cells("num", "num", "num"),
      h(
        "td",
        {},
        h(
          "div",
          { class: "actions" },
          ...ACTIONS.map((action) =>
            h("button", {
              type: "button",
              class: "small",
              "data-action": action,
              "aria-label": `${word(action)} ${module.name}`,
              on: { click: () => void act(module.name, action) },
            }, word(action))
          ),
        ),
      ),
    );

  /**
   * @param {HTMLElement} row
   * @param {Module} module
   */
  function updateRow(row, module) {
    const cells = /** @type {HTMLElement[]} */ (Array.from(row.children));
    row.className = module.name === chosen ? "selected" : "";
    const shape = `${module.state} ${module.health} ${busy.get(module.name) ?? ""}`;
    if (row.dataset.shape !== shape) {
      row.dataset.shape = shape;
      cells[1]?.replaceChildren(moduleState(module, busy.get(module.name)));
    }
    const violations = Object.entries(module.violations ?? {});
    const total = violations.reduce((sum, [, number]) => sum + number, 0);
    const texts = /** @type {[number, string][]} */ ([
      [2, sentence(module.detail || module.description)],
      [3, module.pid === null ? "–" : String(module.pid)],
      [5, percentText(module.cpuPercent)],
      [6, `${count(module.restarts)} / ${count(module.restartBudget)}`],
      [7, count(total)],
    ]);
    for (const [index, text] of texts) setText(cells[index], text);
    if (cells[7] !== undefined) {
      cells[7].title = violations.map(([name, number]) => `${name}: ${number}`).join("\n");
      cells[7].classList.toggle("down", total > 0);
    }
    const [meter, text] = /** @type {[HTMLElement, HTMLElement]} */ (/** @type {unknown} */ (Array.from(
      cells[4]?.firstElementChild?.children ?? [],
    )));
    const share = module.rssBytes === null ? 0 : module.rssBytes / module.memoryLimitBytes;
    meter.className = `meter ${share > 0.9 ? "bad" : share > 0.75 ? "warn" : ""}`;
    /** @type {HTMLElement} */ (meter.firstElementChild).style.width = `${
      Math.min(100, share * 100).toFixed(1)
    }%`;
    setText(text, `${memory(module.rssBytes)} / ${memory(module.memoryLimitBytes)}`);
    for (const button of row.querySelectorAll("button")) {
      const action = button.dataset.action ?? "";
      allow(button, state.operator, whyNot(module, action, busy.get(module.name)));
    }
  }

  const render = perFrame(() => {
    const modules = [...state.modules.values()];
    reconcile(body, modules, { key: (module) => module.name, create: createRow, update: updateRow });
    none.replaceChildren(
      ...(modules.length === 0 ? [empty("No modules yet", "The host has not told of any module.")] : []),
    );
    const running = modules.filter((module) => module.state === "running").length;
    setText(summary, `${running} of ${modules.length} running`);
    details.update();
  });
  const details = moduleDetail(app, detail, () => chosen, (module, call) => run(module, "approve", call));

  const abort = new AbortController();
  const load = async () => {
    try {
      state.setModules((await api.get("modules", {}, { signal: abort.signal })).modules);
    } catch {
      // The connection banner tells; the next round tries again.
    }
  };
  void load();
  const timer = setInterval(load, REFRESH_MS);
  const stop = state.on(["modules", "session"], render.schedule);
  render.schedule();
  return {
    element,
    route(next) {
      chosen = next[0] ?? "";
      render.schedule();
    },
    dispose() {
      abort.abort();
      clearInterval(timer);
      render.cancel();
      stop();
      details.dispose();
    },
  };
}
