import { flowPicture } from "../chart/flow.js";
import { h, reconcile, setText } from "../dom.js";
import { completenessSummary } from "../flow/completeness.js";
import { drawStages, drawTiles } from "../flow/stage_table.js";
import { timeElement } from "../format.js";
import { evidenceElement } from "../flow/evidence.js";
import { perFrame, Ring } from "../frame.js";
import { attempt, empty, panel, spacer, stateElement, table } from "../parts.js";

/** @typedef {import("../types.js").Stage} Stage */

const COMPLETENESS_EVERY_MS = 10_000;
const SECONDS_KEPT = 120;

/**
 * The flow as a picture, its figures, what is missing, and alerts.
 * @param {import("../main.js").App} app
 * @returns {import("../main.js").Page}
 */
export function pipelinePage(app) {
  const { state } = app;
  const picture = flowPicture();
  const readiness = h("span", { class: "note" });
  const tiles = h("dl", { class: "tiles" });
  const stageRows = h("tbody");
  const gaps = h("div", { class: "body" }, h("span", { class: "muted" }, "Loading…"));
  const gapProblem = h("div");
  const alertCount = h("span", { class: "note" });
  const alerts = h("div", {
    class: "scroll",
    tabindex: 0,
    role: "region",
    "aria-label": "Alerts, newest first",
  });
  alerts.style.maxHeight = "280px";

  const element = h(
    "div",
    { class: "grid" },
    panel(
      "Flow",
      { head: [spacer(), readiness] },
      h("div", { class: "body" }, picture.element),
      tiles,
    ),
    panel(
      "Stages",
      {},
      table(
        "Stages as a table",
        [
          "Stage",
          "State",
          "Detail",
          "#Rate",
          "#Total",
          "#Lag",
          "#p50",
          "#p99",
          "#CPU",
          "#Memory",
          "#Restarts",
        ],
        stageRows,
      ),
    ),
    h(
      "div",
      { class: "grid two" },
      panel(
        "Completeness",
        { head: [spacer(), h("a", { href: "#/replays" }, "Ledger")] },
        gaps,
        gapProblem,
      ),
      panel("Alerts", { head: [spacer(), alertCount] }, alerts),
    ),
  );

  /** Events a second to this page, for the last stage's sparkline. @type {Ring<number>} */
  const arrivals = new Ring(SECONDS_KEPT);
  let drawnAt = 0;
  const drawPipeline = perFrame(() => {
    const pipeline = state.pipeline;
    const { stages, edges } = withControl(app);
    if (pipeline !== null && pipeline.at !== drawnAt) {
      drawnAt = pipeline.at;
      arrivals.push(stages.at(-1)?.rate ?? 0);
    }
    picture.draw(
      stages,
      (id) => (id === "control" ? arrivals : state.rates.get(id))?.last(SECONDS_KEPT) ?? [],
      edges,
    );
    readiness.replaceChildren(
      pipeline === null
        ? h("span", { class: "muted" }, "Waiting for the first figures")
        : pipeline.ready
        ? stateElement("ready")
        : h("span", { class: "state warn" }, `Not ready: ${pipeline.notReady.join("; ")}`),
    );
    drawTiles(tiles, app);
    drawStages(stageRows, pipeline?.stages ?? []);
  });
  const drawAlerts = perFrame(() => {
    setText(alertCount, state.alerts.length === 0 ? "" : `The newest ${state.alerts.length}`);
    if (state.alerts.length === 0) {
      alerts.replaceChildren(
        empty("No alerts", "A price move beyond a rule's bound appears here, with its evidence."),
      );
      return;
    }
    if (alerts.firstElementChild?.tagName !== "UL") alerts.replaceChildren(h("ul"));
    reconcile(/** @type {Element} */ (alerts.firstElementChild), state.alerts, {
      key: (alert) => alert.id,
      create: (alert) =>
        h(
          "li",
          {},
          h(
            "details",
            { class: "alert" },
            h(
              "summary",
              {},
              timeElement(alert.raised_at),
              " ",
              alert.message.includes(alert.symbol) ? null : h("strong", {}, `${alert.symbol} `),
              `${alert.message} `,
              h("span", { class: "tag" }, alert.rule),
              alert.delivered ? h("span", { class: "muted" }, " sent to the webhook") : null,
            ),
            evidenceElement(alert.evidence),
          ),
        ),
    });
  });

  const abort = new AbortController();
  const loadCompleteness = () =>
    attempt(gapProblem, async () => {
      const page = await app.api.get("completeness", { limit: 500 }, { signal: abort.signal });
      gaps.replaceChildren(completenessSummary(page.rows, page.next !== null));
    });
  void loadCompleteness();
  const timer = setInterval(loadCompleteness, COMPLETENESS_EVERY_MS);

  const resize = new ResizeObserver(drawPipeline.schedule);
  resize.observe(picture.element);
  const stops = [
    state.on(["pipeline", "connection", "deadLetters"], drawPipeline.schedule),
    state.on(["alerts"], drawAlerts.schedule),
  ];
  drawPipeline.schedule();
  drawAlerts.schedule();
  return {
    element,
    dispose() {
      abort.abort();
      clearInterval(timer);
      resize.disconnect();
      drawPipeline.cancel();
      drawAlerts.cancel();
      for (const stop of stops) stop();
    },
  };
}

/**
 * The stages of the host, and this page's own end of the flow: the control API, as far as this reader sees it.
 * @param {import("../main.js").App} app
 */
function withControl(app) {
  const { state, live } = app;
  const pipeline = state.pipeline;
  const last = pipeline?.stages.at(-1);
  const arriving = readerRate(live.received);
  const control = /** @type {Stage} */ ({
    id: "control",
    title: "Control API",
    module: null,
    state: state.connection.state === "live"
      ? "running"
      : state.connection.state === "connecting"
      ? "starting"
      : "degraded",
    detail: "To this page",
    rate: arriving,
    rateUnit: "events",
    total: live.received,
    lag: null,
    latency: null,
    rssBytes: null,
    cpuPercent: null,
    restarts: null,
    figures: [],
  });
  return {
    stages: pipeline === null ? [] : [...pipeline.stages, control],
    edges: [...(pipeline?.edges ?? []), {
      from: last?.id ?? "store",
      to: "control",
      rate: arriving,
      unit: "events",
    }],
  };
}

/** @type {{ at: number, received: number }[]} */
const readings = [];

/**
 * Events a second that reached this page, over the last ten seconds.
 * @param {number} received
 * @returns {number | null}
 */
function readerRate(received) {
  const at = performance.now();
  readings.push({ at, received });
  while (readings.length > 1 && at - /** @type {{ at: number }} */ (readings[0]).at > 10_000) {
    readings.shift();
  }
  const first = /** @type {{ at: number, received: number }} */ (readings[0]);
  return at - first.at < 1000 ? null : (received - first.received) / ((at - first.at) / 1000);
}
