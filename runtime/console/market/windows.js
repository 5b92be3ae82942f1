import { countChart } from "../chart/counts.js";
import { h, setText } from "../dom.js";
import { count, timeElement } from "../format.js";
import { table } from "../parts.js";

/** @typedef {import("../types.js").WindowRow} WindowRow */
/** @typedef {WindowRow["window"]} WindowLength */

export const LENGTHS = /** @type {const} */ (["1s", "1m", "5m", "1h"]);
const KEPT = 180;
/** @type {Record<WindowLength, number>} */
const LENGTH_MS = { "1s": 1000, "1m": 60_000, "5m": 300_000, "1h": 3_600_000 };

/**
 * Windows of one symbol: trade counts over time of the chosen length, and the newest window of each length.
 */
export function tradeWindows() {
  /** @type {Map<WindowLength, Map<number, WindowRow>>} */
  const windows = new Map(LENGTHS.map((length) => [length, new Map()]));
  /** @type {WindowLength} */
  let chosen = "1m";
  const canvas = h("div", { class: "chart short", role: "img", "aria-label": "Trades per window over time" });
  const none = h("div", { class: "empty", hidden: true }, "No window of this length yet");
  /** @type {Awaited<ReturnType<typeof countChart>> | undefined} */
  let chart;
  const ready = countChart(canvas, "Trades").then((made) => {
    chart = made;
  });
  const cells = new Map(
    LENGTHS.map((length) => [length, Array.from({ length: 5 }, () => h("td", { class: "num" }))]),
  );
  const newest = table(
    "Newest window of each length",
    ["Window", "#From (UTC)", "#Trades", "#Volume", "#VWAP", "#Realised volatility"],
    h(
      "tbody",
      {},
      ...LENGTHS.map((length) =>
        h("tr", { "data-window": length }, h("th", { scope: "row" }, length), ...(cells.get(length) ?? []))
      ),
    ),
  );
  return {
    canvas,
    none,
    table: newest,
    ready,
    clear() {
      for (const rows of windows.values()) rows.clear();
    },
    /** @param {readonly WindowRow[]} rows */
    add(rows) {
      for (const row of rows) {
        const kept = windows.get(row.window);
        if (kept === undefined) continue;
        kept.set(row.open_time, row);
        if (kept.size > KEPT * 2) {
          const oldest = [...kept.keys()].sort((a, b) => a - b).slice(0, kept.size - KEPT);
          for (const time of oldest) kept.delete(time);
        }
      }
    },
    /** @param {WindowLength} length */
    choose(length) {
      chosen = length;
    },
    /** The chosen length. */
    get chosen() {
      return chosen;
    },
    draw() {
      const rows = [...(windows.get(chosen)?.values() ?? [])].sort((a, b) => a.open_time - b.open_time).slice(
        -KEPT,
      );
      const { times, values } = filled(rows, LENGTH_MS[chosen]);
      canvas.hidden = times.length === 0;
      none.hidden = times.length > 0;
      chart?.set(times, values, LENGTH_MS[chosen] / 1000);
      for (const length of LENGTHS) {
        let newest;
        for (const row of windows.get(length)?.values() ?? []) {
          if (newest === undefined || row.open_time > newest.open_time) newest = row;
        }
        const [from, trades, volume, vwap, volatility] =
          /** @type {HTMLElement[]} */ (cells.get(length) ?? []);
        if (newest === undefined) {
          for (const cell of cells.get(length) ?? []) setText(cell, "–");
          continue;
        }
        if (from !== undefined && from.dataset.at !== String(newest.open_time)) {
          from.dataset.at = String(newest.open_time);
          from.replaceChildren(timeElement(newest.open_time));
        }
        setText(trades, count(newest.trade_count));
        setText(volume, newest.volume);
        setText(vwap, newest.vwap ?? "–");
        setText(
          volatility,
          newest.realised_volatility === null ? "–" : `${(newest.realised_volatility * 100).toFixed(4)} %`,
        );
      }
    },
    dispose() {
      void ready.then(() => chart?.remove());
    },
  };
}

/**
 * Windows without trades have no row: they are zeros on the time line, not gaps squeezed out of it.
 * @param {readonly WindowRow[]} rows oldest first
 * @param {number} lengthMs
 * @returns {{ times: number[], values: number[] }} times in seconds
 */
export function filled(rows, lengthMs) {
  /** @type {number[]} */
  const times = [];
  /** @type {number[]} */
  const values = [];
  for (const row of rows) {
    const last = times.at(-1);
    if (last !== undefined) {
      const missing = Math.min(KEPT, Math.round((row.open_time - last * 1000) / lengthMs) - 1);
      for (let step = 1; step <= missing; step += 1) {
        times.push(last + (step * lengthMs) / 1000);
        values.push(0);
      }
    }
    times.push(row.open_time / 1000);
    values.push(row.trade_count);
  }
  return { times: times.slice(-KEPT), values: values.slice(-KEPT) };
}
