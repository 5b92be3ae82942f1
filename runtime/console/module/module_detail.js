import { h, reconcile, setText } from "../dom.js";
import { ago, count, rate, timeElement } from "../format.js";
import { logViewer } from "../log_viewer.js";
import {
  allow,
  cells,
  confirmDialog,
  empty,
  facts,
  panel,
  spacer,
  stateElement,
  table,
  tone,
} from "../parts.js";

/** @typedef {import("../types.js").Module} Module */

/**
 * What one module was granted and did, with its log. Facts are rebuilt only when they changed; the log goes on.
 * @param {import("../main.js").App} app
 * @param {HTMLElement} place
 * @param {() => string} chosen
 * @param {(module: Module, call: () => Promise<any>) => Promise<void>} run
 */
export function moduleDetail(app, place, chosen, run) {
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
            // A long name breaks before its labels.
            h("td", { class: "wrap mono" }, key.replace(/\{.*/s, ""), h("wbr"), /\{.*/s.exec(key)?.[0]),
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
      h(
        "span",
        {},
        stateElement(module.state),
        module.state === "running" && module.health !== "running" ? `, ${module.health}` : "",
      ),
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
