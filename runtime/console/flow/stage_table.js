import { lagText } from "../chart/flow.js";
import { h, reconcile, setText } from "../dom.js";
import { bytes, count, duration, memory, rate, sentence } from "../format.js";
import { stateElement } from "../parts.js";

/** @typedef {import("../types.js").Stage} Stage */

/** The narrowest tile that holds its figure, in px. */
const TILE_WIDTH = 116;

/**
 * @param {HTMLElement} tiles
 * @param {import("../main.js").App} app
 */
export function drawTiles(tiles, app) {
  const { pipeline } = app.state;
  if (pipeline === null) return;
  const store = pipeline.stages.find((stage) => stage.id === "store");
  const consumer = pipeline.stages.find((stage) => stage.id === "consumer");
  const latency = store?.latency ?? consumer?.latency ?? null;
  const rss = pipeline.stages.reduce((sum, stage) => sum + (stage.rssBytes ?? 0), 0);
  // The host counts events, which are coalesced; the store has every alert.
  const kept = store?.figures.find((figure) => figure.label === "alerts")?.value;
  const alerts = typeof kept === "number" ? kept : pipeline.alerts;
  /** @type {[string, string, string][]} */
  const values = [
    ["Stored rows", count(store?.total), "Since the consumer started"],
    ["End to end p50", seconds(latency?.p50), "Event time to durable in the store, last minute"],
    ["End to end p99", seconds(latency?.p99), "Event time to durable in the store, last minute"],
    ["Dead letters", app.state.deadLetterCount, "Records that could not be stored and are kept (I5)"],
    ["Alerts", count(alerts), "Kept in the store"],
    ["Memory", rss === 0 ? "–" : memory(rss), "Resident memory of the stages that are our processes"],
    ...Object.entries(pipeline.diskBytes ?? {}).map((
      [name, size],
    ) => /** @type {[string, string, string]} */ ([`Disk: ${name}`, bytes(size), "On disk now"])),
    ["Uptime", duration(pipeline.uptimeMs), "Of the host"],
  ];
  // Rows of even length: no single tile is left over for a last row.
  const rows = Math.ceil(values.length / Math.max(1, Math.floor(tiles.clientWidth / TILE_WIDTH)));
  tiles.style.gridTemplateColumns = `repeat(${Math.ceil(values.length / rows)}, minmax(0, 1fr))`;
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
export function drawStages(body, stages) {
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
        [sentence(stage.detail), ...figures].filter((text) => text !== "").join(" · "),
        stage.rate === null ? "–" : `${rate(stage.rate)} ${stage.rateUnit}/s`,
        count(stage.total),
        lagText(stage.lag),
        seconds(stage.latency?.p50),
        seconds(stage.latency?.p99),
        typeof stage.cpuPercent === "number" ? `${stage.cpuPercent.toFixed(1)} %` : "–",
        memory(stage.rssBytes),
        stage.restarts === null ? "–" : count(stage.restarts),
      ];
      texts.forEach((text, index) => {
        const cell = cells[index + 2];
        if (cell === undefined) return;
        setText(cell, text);
        cell.classList.toggle("unknown", text === "–");
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
