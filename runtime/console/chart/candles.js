import { chartColors, onThemeChange } from "./theme.js";

/** @typedef {import("npm:lightweight-charts@5.2.1").UTCTimestamp} UTCTimestamp */
/** @typedef {{ open_time: number, open_price: string, high_price: string, low_price: string, close_price: string, volume: string }} Candle */

// Not a literal: the file exists on the server, not beside this module.
const LIBRARY = "/vendor/lightweight-charts.js?v=5.2.1";

/**
 * Candles with volume. Prices become floats here, for the drawing only (I9: the text is shown beside the chart).
 * @param {HTMLElement} parent
 */
export async function candleChart(parent) {
  /** @type {typeof import("npm:lightweight-charts@5.2.1")} */
  const library = await import(LIBRARY);
  const chart = library.createChart(parent, {
    autoSize: true,
    // The logo needs inline style, which the content security policy forbids; the footer names the library instead.
    layout: { attributionLogo: false, fontSize: 11 },
    timeScale: { timeVisible: true, secondsVisible: false, rightOffset: 4 },
    rightPriceScale: { scaleMargins: { top: 0.08, bottom: 0.24 } },
    localization: { locale: "en-GB" },
    handleScale: { axisPressedMouseMove: { time: true, price: true } },
  });
  const candles = chart.addSeries(library.CandlestickSeries, { borderVisible: false });
  const volume = chart.addSeries(library.HistogramSeries, {
    priceScaleId: "volume",
    priceFormat: { type: "volume" },
    lastValueVisible: false,
    priceLineVisible: false,
  });
  chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
  let colors = chartColors();
  const paint = () => {
    colors = chartColors();
    chart.applyOptions({
      layout: { background: { color: colors.surface }, textColor: colors.muted },
      grid: { vertLines: { color: colors.line }, horzLines: { color: colors.line } },
      rightPriceScale: { borderColor: colors.line },
      timeScale: { borderColor: colors.line },
    });
    candles.applyOptions({
      upColor: colors.up,
      downColor: colors.down,
      wickUpColor: colors.up,
      wickDownColor: colors.down,
    });
  };
  paint();
  let lastTime = 0;
  /** @type {Set<number>} */
  const known = new Set();
  const bar = (/** @type {Candle} */ row) => ({
    time: /** @type {UTCTimestamp} */ (Math.floor(row.open_time / 1000)),
    open: Number(row.open_price),
    high: Number(row.high_price),
    low: Number(row.low_price),
    close: Number(row.close_price),
  });
  const column = (/** @type {Candle} */ row) => ({
    time: /** @type {UTCTimestamp} */ (Math.floor(row.open_time / 1000)),
    value: Number(row.volume),
    color: Number(row.close_price) >= Number(row.open_price) ? `${colors.up}55` : `${colors.down}55`,
  });
  const unlisten = onThemeChange(paint);
  let removed = false;
  return {
    /**
     * Replaces all candles.
     * @param {readonly Candle[]} rows in order of open_time, each once
     */
    set(rows) {
      if (removed) return;
      lastTime = rows.at(-1)?.open_time ?? 0;
      known.clear();
      for (const row of rows) known.add(row.open_time);
      const last = rows.at(-1);
      if (last !== undefined) {
        const digits = /\.(\d*?)0*$/.exec(last.close_price)?.[1]?.length ?? 0;
        const precision = Math.min(8, Math.max(2, digits));
        candles.applyOptions({ priceFormat: { type: "price", precision, minMove: 1 / 10 ** precision } });
      }
      candles.setData(rows.map(bar));
      volume.setData(rows.map(column));
    },
    /**
     * Sets a candle that is there, or adds the next. An older one that is missing waits for the next full load.
     * @param {Candle} row
     */
    update(row) {
      if (removed) return;
      const older = row.open_time < lastTime;
      if (older && !known.has(row.open_time)) return;
      known.add(row.open_time);
      lastTime = Math.max(lastTime, row.open_time);
      candles.update(bar(row), older);
      volume.update(column(row), older);
    },
    remove() {
      // A candle, or a change of size, that comes now would make the library draw on what is gone.
      removed = true;
      unlisten();
      chart.applyOptions({ autoSize: false });
      chart.remove();
    },
  };
}
