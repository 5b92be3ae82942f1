import { chartColors, onThemeChange } from "./theme.js";
import { utc } from "../format.js";

// Not a literal: the file exists on the server, not beside this module.
const LIBRARY = "/vendor/uplot.js?v=1.6.32";

const LEAST_BARS = 30;

/**
 * Bars over time (trade counts of windows) with uPlot.
 * @param {HTMLElement} parent
 * @param {string} label of the values
 */
export async function countChart(parent, label) {
  /** @type {typeof import("npm:uplot@1.6.32")} */
  const Plot = (await import(LIBRARY)).default;
  /** Times, whole windows, windows that are not whole. @type {[number[], (number | null)[], (number | null)[]]} */
  let data = [[], [], []];
  let spacing = 60;
  /** @type {InstanceType<typeof Plot> | undefined} */
  let plot;
  const size = () => ({
    width: Math.max(120, parent.clientWidth),
    height: Math.max(80, parent.clientHeight),
  });
  const build = () => {
    plot?.destroy();
    const colors = chartColors();
    const bars = (/** @type {string} */ name, /** @type {string} */ fill) => ({
      label: name,
      stroke: colors.accent,
      fill,
      width: 0,
      points: { show: false },
      paths: Plot.paths.bars?.({ size: [0.8, 40], align: 1 }),
    });
    const axis = {
      stroke: colors.muted,
      font: "11px sans-serif",
      grid: { stroke: colors.line, width: 1 },
      ticks: { stroke: colors.line, width: 1, size: 4 },
    };
    plot = new Plot(
      {
        ...size(),
        padding: [8, 18, 0, 0],
        cursor: { drag: { x: false, y: false }, y: false },
        legend: { show: false },
        tzDate: (seconds) => Plot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        scales: {
          // A bar reaches from its time to the next: the last one needs room too.
          x: { range: (_plot, low, high) => [low, (high ?? 0) + spacing] },
          y: { range: (_plot, _low, high) => [0, Math.max(1, (high ?? 0) * 1.05)] },
        },
        axes: [
          {
            ...axis,
            values: (_plot, ticks) => ticks.map((tick) => utc(tick * 1000).slice(0, spacing < 60 ? 8 : 5)),
            space: 70,
            size: 28,
          },
          { ...axis, size: 44 },
        ],
        series: [
          {},
          bars(label, `${colors.accent}b0`),
          bars(`${label}, not whole`, `${colors.accent}40`),
        ],
      },
      data,
      parent,
    );
  };
  build();
  const resize = new ResizeObserver(() => plot?.setSize(size()));
  resize.observe(parent);
  const unlisten = onThemeChange(build);
  return {
    /**
     * @param {readonly number[]} times seconds, rising
     * @param {readonly number[]} values
     * @param {{ between: number, whole: readonly boolean[] }} options seconds between two times, and which of the
     *   values count a whole window
     */
    set(times, values, { between, whole }) {
      spacing = between;
      // The time line has a least length, so that the first windows are bars and not a wall.
      const missing = times.length === 0 ? 0 : Math.max(0, LEAST_BARS - times.length);
      const blank = Array.from({ length: missing }, () => null);
      data = [
        [...blank.map((_, index) => (times[0] ?? 0) - (missing - index) * between), ...times],
        [...blank, ...values.map((value, index) => whole[index] ? value : null)],
        [...blank, ...values.map((value, index) => whole[index] ? null : value)],
      ];
      plot?.setData(data);
    },
    remove() {
      resize.disconnect();
      unlisten();
      plot?.destroy();
    },
  };
}
