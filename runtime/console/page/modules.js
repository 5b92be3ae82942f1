import { h, reconcile, setText } from "../dom.js";
import { ago, bytes, count, rate, timeElement } from "../format.js";
import { perFrame } from "../frame.js";
import { logViewer } from "../log_viewer.js";
import {
  allow,
  cells,
  confirmDialog,
  empty,
  facts,
  panel,
  problemElement,
  spacer,
  stateElement,
  table,
  tone,
  word,
} from "../parts.js";

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
  /** CPU seconds at a time, for a percentage. @type {Map<string, { at: number, cpu: number, epoch: number, percent: number | null }>} */
  const cpu = new Map();
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
      [2, module.detail || module.description],
      [3, module.pid === null ? "–" : String(module.pid)],
      [5, percentText(cpuPercent(cpu, module))],
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
    setText(text, `${bytes(module.rssBytes)} / ${bytes(module.memoryLimitBytes)}`);
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

/**
 * Why an action makes no sense now; null when it does.
 * @param {Module} module
 * @param {string} action
 * @param {string | undefined} busy
 */
function whyNot(module, action, busy) {
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
function moduleState(module, busy) {
  const healthy = module.state !== "running" || module.health === "running";
  return h(
    "div",
    {},
    healthy ? stateElement(module.state) : stateElement(module.health),
    busy === undefined ? null : h("div", { class: "muted" }, `${busy}…`),
  );
}

/**
 * @param {Map<string, { at: number, cpu: number, epoch: number, percent: number | null }>} seen
 * @param {Module} module
 */
function cpuPercent(seen, module) {
  if (module.cpuSeconds === null) return null;
  const last = seen.get(module.name);
  const at = performance.now();
  if (last === undefined || last.epoch !== module.epoch || module.cpuSeconds < last.cpu) {
    seen.set(module.name, { at, cpu: module.cpuSeconds, epoch: module.epoch, percent: null });
    return null;
  }
  if (at - last.at < 1500) return last.percent;
  const percent = ((module.cpuSeconds - last.cpu) / ((at - last.at) / 1000)) * 100;
  seen.set(module.name, { at, cpu: module.cpuSeconds, epoch: module.epoch, percent });
  return percent;
}

/** @param {number | null} percent */
function percentText(percent) {
  return percent === null ? "–" : `${percent.toFixed(1)} %`;
}

/**
 * What one module was granted and did, with its log. Facts are rebuilt only when they changed; the log goes on.
 * @param {import("../main.js").App} app
 * @param {HTMLElement} place
 * @param {() => string} chosen
 * @param {(module: Module, call: () => Promise<any>) => Promise<void>} run
 */
function moduleDetail(app, place, chosen, run) {
  let shown = "";
  let signature = "";
  /** @type {ReturnType<typeof logViewer> | undefined} */
  let logs;
  const heartbeat = h("dd");
  const facts = h("div", { class: "body" });
  const metrics = h("tbody");
  const close = () => {
    logs?.dispose();
    logs = undefined;
  };
  /** @param {Module} module */
  const open = (module) => {
    close();
    logs = logViewer(module.name);
    place.replaceChildren(
      panel(
        `Log of ${module.name}`,
        { id: "module-log", head: [spacer(), logs.head] },
        logs.element,
      ),
      h(
        "div",
        { class: "grid two" },
        panel(`About ${module.name}`, { id: "module-about" }, facts),
        panel(
          "Metrics",
          { id: "module-metrics" },
          table("Metrics", ["Name", "#Value", "#per s"], metrics, { height: "320px" }),
        ),
      ),
    );
  };
  return {
    update() {
      const name = chosen();
      const module = app.state.modules.get(name);
      if (module === undefined) {
        close();
        shown = "";
        place.replaceChildren(
          name === ""
            ? h("p", { class: "muted" }, "Choose a module for its log, permissions and metrics.")
            : app.state.modules.size === 0
            ? h("p", { class: "muted" }, "Loading…")
            : empty(`There is no module "${name}"`, "It may have been removed."),
        );
        return;
      }
      if (shown !== name) {
        shown = name;
        signature = "";
        open(module);
      }
      setText(heartbeat, ago(module.lastHeartbeatAt));
      const next = JSON.stringify([
        module.name,
        module.state,
        module.health,
        module.epoch,
        module.lastExit,
        module.permissions,
        module.violations,
        module.digest,
        module.pendingDigest,
        app.state.operator,
      ]);
      if (next !== signature) {
        signature = next;
        facts.replaceChildren(aboutModule(app, module, heartbeat, run));
      }
      reconcile(metrics, Object.entries(module.metrics ?? {}).sort(([a], [b]) => a.localeCompare(b)), {
        key: ([key]) => key,
        create: ([key]) =>
          h(
            "tr",
            {},
            h("td", { class: "wrap mono" }, key),
            ...cells("num", "num"),
          ),
        update: (row, [key, value]) => {
          setText(row.children[1], Number.isInteger(value) ? count(value) : value.toPrecision(4));
          setText(row.children[2], module.rates?.[key] === undefined ? "" : rate(module.rates[key]));
        },
      });
    },
    dispose: close,
  };
}

/**
 * @param {import("../main.js").App} app
 * @param {Module} module
 * @param {HTMLElement} heartbeat kept up to date by the caller
 * @param {(module: Module, call: () => Promise<any>) => Promise<void>} run
 */
function aboutModule(app, module, heartbeat, run) {
  const tags = (/** @type {string[]} */ values, /** @type {string} */ kind) =>
    values.length === 0
      ? h("span", { class: "muted" }, "none")
      : h("div", { class: "row" }, ...values.map((value) => h("span", { class: `tag ${kind}` }, value)));
  const violations = Object.entries(module.violations ?? {}).filter(([, number]) => number > 0);
  // A module that runs goes on with its approved code while the changed one waits.
  const digest = module.pendingDigest ?? module.digest;
  const waiting = module.state === "awaiting_approval" || (module.pendingDigest ?? null) !== null;
  /** @type {[string, import("../dom.js").Child][]} */
  const pairs = [
    ["What", module.description],
    [
      "State",
      h("span", {}, stateElement(module.state), module.state === "running" ? ` health ${module.health}` : ""),
    ],
    [
      "Started",
      module.startedAt === null
        ? "–"
        : h("span", {}, timeElement(module.startedAt, "full"), ` (epoch ${module.epoch})`),
    ],
    ["Heartbeat", heartbeat],
    [
      "Last exit",
      module.lastExit === null ? "never" : h(
        "span",
        {},
        timeElement(module.lastExit.at, "full"),
        `: ${module.lastExit.cause} (code ${module.lastExit.code ?? "–"}, signal ${
          module.lastExit.signal ?? "–"
        })`,
      ),
    ],
    ["Granted", tags(module.permissions.granted, "")],
    ["Refused", tags(module.permissions.refused, "bad")],
    [
      "Violations",
      violations.length === 0
        ? "none"
        : violations.map(([name, number]) => `${name}: ${count(number)}`).join(", "),
    ],
    ["Code digest", h("code", {}, module.digest)],
    ...(waiting ? [/** @type {[string, Node]} */ (["Digest to approve", h("code", {}, digest)])] : []),
  ];
  const approve = h("button", {
    type: "button",
    class: "primary",
    on: {
      click: async () => {
        const sure = await confirmDialog({
          title: `Approve the changed code of ${module.name}?`,
          text: `It will run with the permissions listed. Digest ${digest}`,
          action: "Approve",
        });
        if (sure) {
          await run(
            module,
            () => app.api.post(`modules/${encodeURIComponent(module.name)}/approve`, { digest }),
          );
        }
      },
    },
  }, "Approve this code");
  allow(approve, app.state.operator);
  return h(
    "div",
    { class: "grid" },
    facts(pairs),
    waiting
      ? h(
        "div",
        { class: "row" },
        approve,
        h("span", { class: `state ${tone("awaiting_approval")}` }, "Its code changed since it was allowed"),
      )
      : null,
  );
}
