import { countChart } from "../chart/counts.js";
import { h, setText } from "../dom.js";
import { count, timeElement, utc } from "../format.js";
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
  const note = h("span", { class: "note" });
  /** Undefined until it is known. @type {number | null | undefined} */
  let begin;
  /** @type {Awaited<ReturnType<typeof countChart>> | undefined} */
  let chart;
  const ready = countChart(canvas, "Trades").then((made) => {
    chart = made;
  });
  const cells = new Map(
    LENGTHS.map((length) => [length, Array.from({ length: 5 }, () => h("td", { class: "num" }))]),
  );
  const marks = new Map(
    LENGTHS.map((length) => [length, h("span", { class: "tag", hidden: true }, "part")]),
  );
  const newest = table(
    "Newest window of each length",
    ["Window", "#From UTC", "#Trades", "#Volume", "#VWAP", "#Volatility"],
    h(
      "tbody",
      {},
      ...LENGTHS.map((length) =>
        h(
          "tr",
          { "data-window": length },
          h("th", { scope: "row" }, length, " ", marks.get(length)),
          ...(cells.get(length) ?? []),
        )
      ),
    ),
    {
      titles: { Volatility: "Realised volatility of the window: the root of the summed squared log returns" },
    },
  );
  return {
    canvas,
    none,
    note,
    table: newest,
    ready,
    /** From when on every trade is stored; null when windows of before are complete too, undefined when unknown. */
    get begin() {
      return begin;
    },
    set begin(time) {
      begin = time;
    },
    clear() {
      begin = undefined;
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
      const lengthMs = LENGTH_MS[chosen];
      const from = begin ?? -Infinity;
      const shown = rows.filter((row) => row.open_time + lengthMs > from);
      const { times, values } = filled(shown, lengthMs);
      canvas.hidden = times.length === 0;
      none.hidden = times.length > 0;
      const whole = times.map((time, index) => time * 1000 >= from && index < times.length - 1);
      chart?.set(times, values, { between: lengthMs / 1000, whole });
      const cut = shown.length < rows.length || (shown[0]?.open_time ?? from) < from;
      setText(note, `${cut ? `Complete from ${utc(from).slice(0, 5)} · ` : ""}pale: partial`);
      note.title = [
        cut
          ? "UTC. The stream began in the minute before; of the time before it only some trades are stored."
          : "",
        "A pale bar is of a window that is still open, or that began before the stream.",
      ].join("\n").trim();
      for (const length of LENGTHS) {
        let newest;
        for (const row of windows.get(length)?.values() ?? []) {
          if (newest === undefined || row.open_time > newest.open_time) newest = row;
        }
        const [opened, trades, volume, vwap, volatility] =
          /** @type {HTMLElement[]} */ (cells.get(length) ?? []);
        if (newest === undefined) {
          for (const cell of cells.get(length) ?? []) setText(cell, "–");
          continue;
        }
        if (opened !== undefined && opened.dataset.at !== String(newest.open_time)) {
          opened.dataset.at = String(newest.open_time);
          opened.replaceChildren(timeElement(newest.open_time));
        }
        const mark = marks.get(length);
        const part = newest.open_time < from;
        if (mark !== undefined && mark.hidden === part) {
          mark.hidden = !part;
          mark.title = `Without most of the trades before ${utc(from)} UTC, when the stream began`;
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
 * When the stream began: candles of before were fetched, and they are the oldest. The minute in which it began is the
 * last one that may lack trades.
 * @param {readonly { open_time: number, backfill: boolean }[]} rows the oldest candles, oldest first
 * @returns {number | null} null when the oldest came by stream
 */
export function beginOfStream(rows) {
  if (rows[0]?.backfill !== true) return null;
  const streamed = rows.find((row) => !row.backfill);
  return streamed === undefined ? null : streamed.open_time + 60_000;
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
