import { reconcile, setText, svg } from "../dom.js";
import { bytes, count, duration, rate, sentence } from "../format.js";
import { tone, word } from "../parts.js";
import { flowLayout } from "./flow_layout.js";
import { sparkline } from "./sparkline.js";

/** @typedef {Omit<import("../types.js").Stage, "figures" | "rssBytes" | "cpuPercent" | "restarts">} FlowStage */

const BOX_HEIGHT = 162;
const PAD = 10;
const SPARK_HEIGHT = 26;

/** What holds data at rest is drawn as a drum, what runs as a box. */
const STORES = new Set(["postgres", "journal", "store"]);

/**
 * How far a stage is behind, with its unit.
 * @param {FlowStage["lag"]} lag
 * @returns {string}
 */
export function lagText(lag) {
  if (lag === null || lag === undefined) return "–";
  if (lag.unit === "seconds") return duration(lag.value * 1000);
  return lag.unit === "bytes" ? bytes(lag.value) : `${count(lag.value)} ${lag.unit}`;
}

/**
 * The pipeline as a picture. Elements are kept and updated in place: focus stays, a refresh is cheap.
 * @returns {{ element: SVGSVGElement, draw: (stages: FlowStage[], history: (id: string) => readonly number[], edges: { from: string, to: string, rate: number | null, unit: string }[]) => void }}
 */
export function flowPicture() {
  const wires = svg("g");
  const stagesGroup = svg("g", { role: "list", "aria-label": "Stages of the pipeline, in order" });
  const element = svg("svg", { class: "flow", role: "group", "aria-label": "Pipeline" }, wires, stagesGroup);

  /** @param {FlowStage} stage */
  const create = (stage) => {
    const link = stage.module !== null;
    const group = svg(link ? "a" : "g", {
      class: "stage",
      href: link ? `#/modules/${encodeURIComponent(stage.module ?? "")}` : null,
      role: "listitem",
      tabindex: 0,
      "data-stage": stage.id,
    });
    group.append(
      svg("title"),
      svg("path", { class: "box" }),
      svg("rect", { class: "edge", height: 3, rx: 1.5 }),
      svg("text", { class: "name" }),
      svg("path", { class: "mark" }),
      svg("text", { class: "word" }),
      svg("text", { class: "figure" }),
      svg("text", { class: "unit" }),
      svg("text", { class: "detail" }),
      svg("path", { class: "spark-fill" }),
      svg("path", { class: "spark" }),
    );
    return group;
  };

  return {
    element,
    draw(stages, history, edges) {
      const width = Math.max(120, element.clientWidth || 1200);
      const layout = flowLayout(stages.length, width, BOX_HEIGHT);
      element.setAttribute("viewBox", `0 0 ${width} ${layout.height}`);
      element.setAttribute("height", String(layout.height));
      reconcile(stagesGroup, stages.map((stage, index) => ({ stage, index })), {
        key: ({ stage }) => `${stage.id} ${stage.module}`,
        create: ({ stage }) => create(stage),
        update: (group, { stage, index }) => {
          const box = layout.boxes[index];
          if (box !== undefined) drawStage(group, stage, box, history(stage.id));
        },
      });
      reconcile(wires, layout.wires.map((wire, index) => ({ wire, index })), {
        key: ({ index }) => String(index),
        create: () =>
          svg("g", {}, svg("title"), svg("path", { class: "wire" }), svg("path", { class: "arrow" })),
        update: (group, { wire, index }) => {
          const from = stages[index];
          const to = stages[index + 1];
          const edge = edges.find((candidate) => candidate.from === from?.id && candidate.to === to?.id);
          const flowing = (edge?.rate ?? to?.rate ?? 0) > 0;
          const [title, line, tip] =
            /** @type {[Element, Element, Element]} */ (/** @type {unknown} */ (Array.from(group.children)));
          setText(
            title,
            edge === undefined ? "" : `${from?.title} → ${to?.title}: ${rate(edge.rate)} ${edge.unit}/s`,
          );
          line.setAttribute("d", wire.path);
          line.setAttribute("class", flowing ? "wire moving" : "wire");
          tip.setAttribute("d", wire.tip);
          tip.setAttribute("class", flowing ? "arrow moving" : "arrow");
        },
      });
    },
  };
}

/**
 * @param {Element} group
 * @param {FlowStage} stage
 * @param {import("./flow_layout.js").Box} box
 * @param {readonly number[]} history
 */
function drawStage(group, stage, box, history) {
  const [title, frame, edge, name, mark, state, figure, unit, detail, area, line] =
    /** @type {[Element, Element, Element, Element, Element, Element, Element, Element, Element, Element, Element]} */ (
      /** @type {unknown} */ (Array.from(group.children))
    );
  const stageTone = tone(stage.state);
  const lag = stage.lag === null || stage.lag === undefined ? "" : `lag ${lagText(stage.lag)}`;
  const speed = stage.rate === null ? "" : `${rate(stage.rate)} ${stage.rateUnit} a second`;
  group.setAttribute("class", `stage ${stageTone}`);
  group.setAttribute("data-state", stage.state);
  group.setAttribute("transform", `translate(${box.x.toFixed(1)} ${box.y.toFixed(1)})`);
  group.setAttribute(
    "aria-label",
    [stage.title, word(stage.state), speed, lag, stage.detail].filter((part) => part !== "").join(", "),
  );
  setText(
    title,
    [`${stage.title}: ${word(stage.state)}`, stage.detail, lag].filter((part) => part !== "").join("\n"),
  );
  const drum = STORES.has(stage.id);
  frame.setAttribute("d", drum ? drumPath(box.width, box.height) : boxPath(box.width, box.height));
  place(edge, drum ? { x: PAD, y: 15 } : { x: 0, y: 0 });
  edge.setAttribute("width", (drum ? 0 : box.width).toFixed(1));
  place(name, { x: PAD, y: 30 });
  fit(name, stage.title, box.width - 2 * PAD, 7.4);
  mark.setAttribute("d", markPath(stageTone, PAD + 4, 46));
  place(state, { x: PAD + 14, y: 50 });
  setText(state, word(stage.state));
  place(figure, { x: PAD, y: 77 });
  setText(figure, rate(stage.rate));
  place(unit, { x: PAD, y: 93 });
  setText(unit, `${stage.rateUnit}/s`);
  place(detail, { x: PAD, y: 109 });
  fitTwoLines(detail, lag === "" ? sentence(stage.detail) : lag, box.width - 2 * PAD, 5.9);
  const spark = sparkline(history, box.width - 2 * PAD, SPARK_HEIGHT);
  for (const [path, shape] of /** @type {[Element, string][]} */ ([[area, spark.area], [line, spark.line]])) {
    path.setAttribute("d", shape);
    path.setAttribute("transform", `translate(${PAD} ${BOX_HEIGHT - SPARK_HEIGHT - 8})`);
  }
}

/**
 * @param {Element} element
 * @param {{ x: number, y: number }} at
 */
function place(element, at) {
  element.setAttribute("x", String(at.x));
  element.setAttribute("y", String(at.y));
}

/**
 * SVG text does not cut itself: the whole text is in the tooltip and in the table below.
 * @param {Element} element
 * @param {string} text
 * @param {number} width
 * @param {number} perCharacter px, a mean of the font
 */
function fit(element, text, width, perCharacter) {
  const most = Math.max(3, Math.floor(width / perCharacter));
  setText(element, text.length > most ? `${text.slice(0, most - 1).trimEnd()}…` : text);
}

/**
 * Text over at most two lines, broken between words.
 * @param {Element} element
 * @param {string} text
 * @param {number} width
 * @param {number} perCharacter px, a mean of the font
 */
function fitTwoLines(element, text, width, perCharacter) {
  const most = Math.max(3, Math.floor(width / perCharacter));
  const end = text.length <= most ? text.length : text.lastIndexOf(" ", most);
  const first = end <= 0 ? text : text.slice(0, end);
  const [one, two] = element.children.length === 2
    ? Array.from(element.children)
    : [svg("tspan"), svg("tspan", { x: PAD, dy: 14 })];
  if (one === undefined || two === undefined) return;
  if (element.children.length !== 2) element.replaceChildren(one, two);
  fit(one, first, width, perCharacter);
  fit(two, text.slice(first.length).trim(), width, perCharacter);
}

/**
 * @param {number} width
 * @param {number} height
 */
function boxPath(width, height) {
  return `M5 0H${width - 5}a5 5 0 0 1 5 5V${height - 5}a5 5 0 0 1 -5 5H5a5 5 0 0 1 -5 -5V5a5 5 0 0 1 5 -5Z`;
}

/**
 * @param {number} width
 * @param {number} height
 */
function drumPath(width, height) {
  const radius = width / 2;
  return `M0 7A${radius} 7 0 0 1 ${width} 7V${height - 7}A${radius} 7 0 0 1 0 ${
    height - 7
  }ZM0 7A${radius} 7 0 0 0 ${width} 7`;
}

/**
 * A shape per tone, so that a state is not told by its color alone.
 * @param {import("../parts.js").Tone} kind
 * @param {number} x
 * @param {number} y
 */
function markPath(kind, x, y) {
  if (kind === "warn") return `M${x} ${y - 5}l5 5l-5 5l-5 -5Z`;
  if (kind === "bad") return `M${x - 4} ${y - 4}h8v8h-8Z`;
  return `M${x - 4} ${y}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z`;
}
