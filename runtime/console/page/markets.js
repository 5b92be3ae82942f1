import { candleChart } from "../chart/candles.js";
import { setDecimal } from "../decimal_text.js";
import { h, setText } from "../dom.js";
import { perFrame } from "../frame.js";
import { drawChange, marketBars } from "../market/bars.js";
import { orderBook } from "../market/order_book.js";
import { tradeTape } from "../market/trade_tape.js";
import { beginOfStream, LENGTHS, tradeWindows } from "../market/windows.js";
import { attempt, panel, segmented, spacer } from "../parts.js";

/** @typedef {import("../types.js").Ticker} Ticker */
/** @typedef {import("../types.js").KlineRow} KlineRow */
/** @typedef {Awaited<ReturnType<typeof candleChart>>} CandleChart */

const TICKERS_EVERY_MS = 3000;
const CANDLES = 500;
/** The most candles that the producer fetches at its first start. */
const CANDLES_FETCHED = 1000;
const ALL_SYMBOLS = 5000;

/**
 * One market in depth, and the largest ones to choose from.
 * @param {import("../main.js").App} app
 * @param {string[]} rest the symbol in the address
 * @returns {import("../main.js").Page}
 */
export function marketsPage(app, rest) {
  const { api, live } = app;
  let symbol = rest[0] ?? "";
  /** @type {Ticker[]} */
  let tickers = [];
  /** @type {Map<string, Ticker>} */
  const tickerOf = new Map();
  /** @type {Map<number, KlineRow>} */
  const changedCandles = new Map();
  /** @type {(() => void) | undefined} */
  let unsubscribe;
  let load = new AbortController();
  const whole = new AbortController();

  const bars = marketBars(choose);
  const book = orderBook();
  const tape = tradeTape();
  const windows = tradeWindows();
  const problem = h("div");
  const barsProblem = h("div");
  const barsNote = h("div", { class: "empty" }, "Loading…");
  const chartBox = h("div", { class: "chart", role: "img", "aria-label": "Candles of one minute" });
  const noCandles = h(
    "div",
    { class: "empty", hidden: true },
    h("strong", {}, "No candles"),
    "Candles are kept for the configured symbols only.",
  );
  /** @type {CandleChart | undefined} */
  let candles;
  /** @type {KlineRow[] | undefined} */
  let pendingCandles;

  const last = h("span", { class: "last" }, "–");
  const change = h("span", {}, "–");
  const stats = h("span", { class: "muted mono" });
  const options = h("datalist", { id: "symbols" });
  const picker = h("input", {
    list: "symbols",
    "aria-label": "Symbol",
    autocomplete: "off",
    spellcheck: "false",
    size: 14,
    placeholder: "Symbol",
    on: {
      change: () => {
        const next = picker.value.trim().toUpperCase();
        if (next !== "") choose(next);
      },
      focus: () => picker.select(),
    },
  });

  const element = h(
    "div",
    { class: "grid" },
    problem,
    h(
      "div",
      { class: "markets" },
      h(
        "div",
        { class: "prices" },
        panel(
          "Price, 1 m",
          {
            head: [
              picker,
              options,
              h("span", { class: "price-line" }, last, change, stats),
            ],
          },
          chartBox,
          noCandles,
        ),
        panel(
          "Trade counts",
          {
            head: [
              windows.note,
              spacer(),
              segmented(
                "Window length",
                LENGTHS.map((length) => ({ value: length, text: length })),
                windows.chosen,
                (length) => {
                  windows.choose(length);
                  void attempt(problem, () => loadWindows(length, load.signal));
                },
              ),
            ],
          },
          windows.canvas,
          windows.none,
        ),
        panel("Aggregates", {}, windows.table),
      ),
      panel("Order book", {}, book.element),
      panel(
        "Top markets",
        { head: [spacer(), h("span", { class: "note" }, "24 h quote volume, USDT")] },
        barsProblem,
        bars.element,
        barsNote,
      ),
      panel("Trades", {}, tape.element),
    ),
  );

  /** What has changed since the last frame. @type {Set<"bars" | "book" | "tape" | "windows" | "price" | "candles">} */
  const dirty = new Set();
  const frame = perFrame(() => {
    if (dirty.has("bars")) bars.draw(tickers, symbol);
    if (dirty.has("book")) book.draw();
    if (dirty.has("tape")) tape.draw();
    if (dirty.has("windows")) windows.draw();
    if (dirty.has("bars") || dirty.has("tape") || dirty.has("price")) drawPrice();
    if (dirty.has("candles") && candles !== undefined) drawCandles(candles);
    dirty.clear();
  });
  /** @param {("bars" | "book" | "tape" | "windows" | "price" | "candles")[]} parts */
  const draw = (...parts) => {
    for (const part of parts) dirty.add(part);
    frame.schedule();
  };

  function drawPrice() {
    barsNote.hidden = tickers.length > 0;
    const ticker = tickerOf.get(symbol);
    setDecimal(last, tape.newest()?.price ?? ticker?.last_price ?? "–");
    drawChange(change, ticker?.price_change_percent);
    setText(stats, ticker === undefined ? "" : `24 h low ${ticker.low_price}  high ${ticker.high_price}`);
  }

  /** @param {CandleChart} chart */
  function drawCandles(chart) {
    chartBox.hidden = !noCandles.hidden;
    if (pendingCandles !== undefined) {
      chart.set(pendingCandles);
      pendingCandles = undefined;
    }
    for (const row of [...changedCandles.values()].sort((a, b) => a.open_time - b.open_time)) {
      chart.update(row);
    }
    if (changedCandles.size > 0) {
      noCandles.hidden = true;
      chartBox.hidden = false;
    }
    changedCandles.clear();
  }

  void candleChart(chartBox).then((made) => {
    if (whole.signal.aborted) return made.remove();
    candles = made;
    draw("candles");
  });
  void windows.ready.then(() => draw("windows"));

  /** @param {string} next */
  function choose(next) {
    if (next === symbol) return;
    location.hash = `#/markets/${encodeURIComponent(next)}`;
  }

  /** Reads everything of the symbol and listens to its channels. */
  function open() {
    load.abort();
    load = new AbortController();
    picker.value = symbol;
    tape.clear();
    windows.clear();
    book.set(undefined);
    changedCandles.clear();
    pendingCandles = [];
    noCandles.hidden = true;
    unsubscribe?.();
    draw("bars", "book", "tape", "windows", "price", "candles");
    if (symbol === "") {
      book.set(null);
      noCandles.hidden = false;
      return;
    }
    unsubscribe = live.subscribe({
      channels: ["trades", "klines", "books", "windows", "tickers"],
      symbol,
      onEvent: receive,
      onGap: readAgain,
    });
    void readAgain(["trades", "klines", "books", "windows"]);
  }

  /** @param {import("../types.js").LiveEvent} event */
  function receive({ channel, kind, data }) {
    const rows = kind === "snapshot" ? data.rows ?? data.trades ?? [] : data.trades ?? [data];
    if (channel === "trades") {
      tape.add(rows, data.omitted);
      draw("tape");
    } else if (channel === "windows") {
      windows.add(rows);
      draw("windows");
    } else if (channel === "books") {
      if (rows.length > 0) book.set(rows.at(-1));
      draw("book");
    } else if (channel === "tickers") {
      for (const row of rows) {
        if (row.symbol === symbol) tickerOf.set(symbol, { ...tickerOf.get(symbol), ...row });
      }
      draw("price");
    } else if (channel === "klines" && kind === "change") {
      for (const row of rows) {
        const kept = changedCandles.get(row.open_time);
        if (kept === undefined || row.version === undefined || row.version >= kept.version) {
          changedCandles.set(row.open_time, row);
        }
      }
      draw("candles");
    }
  }

  /** @param {string[]} channels */
  async function readAgain(channels) {
    const { signal } = load;
    const query = { symbol };
    await attempt(problem, async () => {
      await Promise.all([
        channels.includes("trades") &&
        api.get("market/trades", { ...query, limit: 100 }, { signal }).then((page) => tape.add(page.rows)),
        channels.includes("books") &&
        api.get("market/order-book", query, { signal }).then((page) => book.set(page.rows[0] ?? null)),
        channels.includes("klines") &&
        api.get("market/klines", { ...query, limit: CANDLES }, { signal }).then((page) => {
          pendingCandles = page.rows.reverse();
          noCandles.hidden = page.rows.length > 0;
          return loadBegin(page, signal);
        }),
        ...(channels.includes("windows") ? LENGTHS.map((length) => loadWindows(length, signal)) : []),
      ]);
    });
    draw("book", "tape", "candles");
  }

  /**
   * The windows' trades are all there from the time on when the stream began: before it only the newest were fetched.
   * @param {{ rows: KlineRow[], next: string | null }} newest candles, oldest first
   * @param {AbortSignal} signal
   */
  async function loadBegin(newest, signal) {
    if (windows.begin !== undefined) return;
    const rows = newest.next === null
      ? newest.rows
      : (await api.get("market/klines", { symbol, order: "asc", limit: CANDLES_FETCHED + 1 }, { signal }))
        .rows;
    windows.begin = beginOfStream(rows);
    draw("windows");
  }

  /**
   * @param {typeof LENGTHS[number]} length
   * @param {AbortSignal} signal
   */
  async function loadWindows(length, signal) {
    const page = await api.get("market/aggregates", {
      symbol,
      window: length,
      limit: length === windows.chosen ? 120 : 1,
    }, { signal });
    windows.add(page.rows);
    draw("windows");
  }

  async function loadTickers() {
    await attempt(barsProblem, async () => {
      tickers = (await api.get("market/tickers", { limit: 10, orderBy: "quote_volume_usdt" }, {
        signal: whole.signal,
      })).rows;
      for (const ticker of tickers) tickerOf.set(ticker.symbol, ticker);
      if (tickers.length === 0) {
        barsNote.replaceChildren(
          h("strong", {}, "No markets yet"),
          "24 h statistics arrive with the first poll.",
        );
      }
    });
    if (symbol === "" && tickers[0] !== undefined) {
      // The first choice is no step in the reader's history.
      history.replaceState(null, "", `#/markets/${encodeURIComponent(tickers[0].symbol)}`);
      symbol = tickers[0].symbol;
      open();
    }
    draw("bars");
  }

  /** Every symbol, for the picker and for the 24 h figures of one beyond the top ten. */
  async function loadSymbols() {
    await attempt(problem, async () => {
      const { rows } = await api.get("market/tickers", { limit: ALL_SYMBOLS, orderBy: "symbol" }, {
        signal: whole.signal,
      });
      for (const ticker of rows) {
        if (!tickers.some((top) => top.symbol === ticker.symbol)) tickerOf.set(ticker.symbol, ticker);
      }
      options.replaceChildren(
        ...rows.map((/** @type {Ticker} */ ticker) => h("option", { value: ticker.symbol })),
      );
    });
    draw("price");
  }

  open();
  void loadTickers();
  void loadSymbols();
  const timer = setInterval(loadTickers, TICKERS_EVERY_MS);
  return {
    element,
    route(next) {
      if (next[0] === undefined || next[0] === symbol) return;
      symbol = next[0];
      open();
    },
    dispose() {
      whole.abort();
      load.abort();
      clearInterval(timer);
      unsubscribe?.();
      frame.cancel();
      candles?.remove();
      windows.dispose();
    },
  };
}
