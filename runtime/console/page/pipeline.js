import { flowPicture, lagText } from "../chart/flow.js";
import { h, reconcile, setText } from "../dom.js";
import { ago, bytes, count, duration, prettyJson, rate, timeElement } from "../format.js";
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
    setText(alertCount, state.alerts.length === 0 ? "" : `${state.alerts.length} kept`);
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
            { class: "body" },
            h(
              "summary",
              {},
              timeElement(alert.raised_at),
              " ",
              alert.message.includes(alert.symbol) ? null : h("strong", {}, `${alert.symbol} `),
              `${alert.message} `,
              h("span", { class: "tag" }, alert.rule),
              alert.delivered === false
                ? h("span", { class: "muted" }, " not delivered to the webhook")
                : null,
            ),
            h("pre", { class: "payload" }, prettyJson(alert.evidence)),
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
    detail: "events to this page",
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

/**
 * @param {HTMLElement} tiles
 * @param {import("../main.js").App} app
 */
function drawTiles(tiles, app) {
  const { pipeline } = app.state;
  if (pipeline === null) return;
  const store = pipeline.stages.find((stage) => stage.id === "store");
  const consumer = pipeline.stages.find((stage) => stage.id === "consumer");
  const latency = store?.latency ?? consumer?.latency ?? null;
  const rss = pipeline.stages.reduce((sum, stage) => sum + (stage.rssBytes ?? 0), 0);
  /** @type {[string, string, string][]} */
  const values = [
    ["Stored rows", count(store?.total), "Since the consumer started"],
    ["End to end p50", seconds(latency?.p50), "Event time to durable in the store, last minute"],
    ["End to end p99", seconds(latency?.p99), "Event time to durable in the store, last minute"],
    ["Dead letters", app.state.deadLetterCount, "Records that could not be stored and are kept (I5)"],
    ["Alerts", count(pipeline.alerts), "Raised since the host started"],
    ["Memory", rss === 0 ? "–" : bytes(rss), "Resident memory of the stages that are our processes"],
    ...Object.entries(pipeline.diskBytes ?? {}).map((
      [name, size],
    ) => /** @type {[string, string, string]} */ ([`Disk: ${name}`, bytes(size), "On disk now"])),
    ["Uptime", duration(pipeline.uptimeMs), "Of the host"],
  ];
  reconcile(tiles, values, {
    key: ([label]) => label,
    create: ([label, , title]) => h("div", { class: "tile", title }, h("dt", {}, label), h("dd")),
    update: (tile, [, value]) => setText(tile.lastElementChild, value),
  });
}

/**
 * @param {HTMLElement} body
 * @param {Stage[]} stages
 */
function drawStages(body, stages) {
  reconcile(body, stages, {
    key: (stage) => `${stage.id} ${stage.module}`,
    create: (stage) =>
      h(
        "tr",
        { "data-stage": stage.id },
        h(
          "th",
          { scope: "row" },
          stage.module === null
            ? stage.title
            : h("a", { href: `#/modules/${encodeURIComponent(stage.module)}` }, stage.title),
        ),
        h("td"),
        h("td", { class: "wrap" }),
        ...Array.from({ length: 8 }, () => h("td", { class: "num" })),
      ),
    update: (row, stage) => {
      const cells = /** @type {HTMLElement[]} */ (Array.from(row.children));
      if (cells[1]?.dataset.state !== stage.state) {
        cells[1]?.replaceChildren(stateElement(stage.state));
        if (cells[1] !== undefined) cells[1].dataset.state = stage.state;
      }
      const figures = stage.figures.map((figure) => `${figure.label} ${figureText(figure)}`);
      const texts = [
        [stage.detail, ...figures].filter((text) => text !== "").join(" · "),
        stage.rate === null ? "–" : `${rate(stage.rate)} ${stage.rateUnit}/s`,
        count(stage.total),
        lagText(stage.lag),
        seconds(stage.latency?.p50),
        seconds(stage.latency?.p99),
        typeof stage.cpuPercent === "number" ? `${stage.cpuPercent.toFixed(1)} %` : "–",
        stage.rssBytes === null ? "–" : bytes(stage.rssBytes),
        stage.restarts === null ? "–" : count(stage.restarts),
      ];
      texts.forEach((text, index) => {
        const cell = cells[index + 2];
        if (cell !== undefined) setText(cell, text);
      });
    },
  });
}

/** @param {{ value: number | string, unit: string }} figure */
function figureText({ value, unit }) {
  if (typeof value !== "number") return `${value} ${unit}`.trim();
  if (unit === "bytes") return bytes(value);
  if (unit === "seconds") return duration(value * 1000);
  return `${Number.isInteger(value) ? count(value) : rate(value)} ${unit}`.trim();
}

/** @param {number | null | undefined} value */
function seconds(value) {
  return typeof value === "number" ? duration(value * 1000) : "–";
}

/**
 * Gaps by kind and state, with the newest that is open or lost.
 * @param {import("../types.js").CompletenessRow[]} rows
 * @param {boolean} more
 */
function completenessSummary(rows, more) {
  if (rows.length === 0) {
    return empty("Nothing is missing", "Every trade, candle and book arrived by stream.");
  }
  const kinds = /** @type {const} */ (["trade", "kline", "book"]);
  const states = /** @type {const} */ (["open", "refilled", "lost"]);
  const worst =
    rows.filter((row) => row.state !== "refilled").sort((a, b) => b.detected_at - a.detected_at)[0];
  return h(
    "div",
    { class: "grid" },
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("th", { scope: "col" }, "Gaps in"),
          ...states.map((state) => h("th", { scope: "col", class: "num" }, state)),
        ),
      ),
      h(
        "tbody",
        {},
        ...kinds.map((kind) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, kind === "trade" ? "Trades" : kind === "kline" ? "Candles" : "Books"),
            ...states.map((state) => {
              const found = rows.filter((row) => row.kind === kind && row.state === state);
              return h(
                "td",
                { class: `num ${state === "lost" && found.length > 0 ? "ledger-lost" : ""}` },
                count(found.length),
              );
            }),
          )
        ),
      ),
    ),
    worst === undefined ? h("p", { class: "muted" }, "All gaps were refilled.") : h(
      "p",
      {},
      stateElement(worst.state),
      ` ${worst.symbol} ${worst.kind} ${worst.first_id}–${worst.last_id}, cause ${worst.cause}, `,
      h("span", { class: "muted" }, ago(worst.detected_at)),
    ),
    more && h("p", { class: "muted" }, `The newest ${rows.length} only.`),
  );
}
