import { drawDepth } from "../chart/depth.js";
import { addDecimal } from "../decimal.js";
import { decimalParts, setDecimal } from "../decimal_text.js";
import { h, reconcile, setText, svg } from "../dom.js";
import { ago, timeElement } from "../format.js";
import { empty } from "../parts.js";

/** @typedef {import("../types.js").Book} Book */
/** @typedef {import("../chart/depth.js").Level} Level */
/** @typedef {{ price: string, quantity: string, total: string, share: number }} LadderRow */

const LADDER = 15;

/**
 * A side of a book as rows of text. Sides are JSON text `[["price","quantity"],…]`, best first.
 * @param {unknown} side
 * @returns {Level[]}
 */
export function levelsOf(side) {
  try {
    const parsed = typeof side === "string" ? JSON.parse(side) : side;
    return Array.isArray(parsed)
      ? parsed.filter((level) => Array.isArray(level) && level.length >= 2).map((
        [price, quantity],
      ) => [String(price), String(quantity)])
      : [];
  } catch {
    return [];
  }
}

/**
 * The book of one symbol: a ladder with running totals (exact text) and cumulative depth (a picture).
 */
export function orderBook() {
  const warning = h("div", { class: "untrusted", role: "alert", hidden: true });
  const depth = svg("svg", { class: "chart depth", role: "img" });
  const asks = h("div", { role: "rowgroup" });
  const bids = h("div", { role: "rowgroup" });
  const spread = h("div", { class: "spread muted", role: "row" });
  const status = h("div", { class: "body muted small" });
  const ladder = h(
    "div",
    { class: "ladder", role: "table", "aria-label": "Order book" },
    h(
      "div",
      { class: "ladder-row head", role: "row" },
      ...["Price", "Quantity", "Total"].map((text) => h("span", { role: "columnheader" }, text)),
    ),
    asks,
    spread,
    bids,
  );
  const none = h("div");
  const body = h("div", {}, depth, ladder, status);
  const element = h("div", {}, warning, none, body);
  /** Null until the first read answered. @type {Book | null | undefined} */
  let book;

  return {
    element,
    /** @param {Book | null | undefined} next null: there is none; undefined: not known yet */
    set(next) {
      // I2: a change may be older than what is shown already.
      if (next && book && next.version < book.version) return;
      book = next;
    },
    draw() {
      body.hidden = !book;
      if (!book) {
        warning.hidden = true;
        none.replaceChildren(
          book === null
            ? empty("No order book", "Books are kept for the configured symbols only.")
            : h("div", { class: "empty" }, "Loading…"),
        );
        return;
      }
      none.replaceChildren();
      // I4: a book that is being rebuilt must not look like one to trade on.
      warning.hidden = book.trusted;
      if (!book.trusted) setText(warning, "UNTRUSTED: this book is being rebuilt and may be wrong");
      element.classList.toggle("stale", !book.trusted);
      const bidLevels = levelsOf(book.bids);
      const askLevels = levelsOf(book.asks);
      drawDepth(depth, bidLevels, askLevels);
      const bestBid = bidLevels[0]?.[0];
      const bestAsk = askLevels[0]?.[0];
      depth.setAttribute(
        "aria-label",
        `Cumulative depth, best bid ${bestBid ?? "none"}, best ask ${bestAsk ?? "none"}`,
      );
      const both = [...ladderRows(bidLevels), ...ladderRows(askLevels)];
      const bidRows = both.slice(0, Math.min(LADDER, bidLevels.length));
      const askRows = both.slice(bidRows.length);
      const most = Math.max(...both.map((row) => row.share), Number.EPSILON);
      drawSide(asks, "ask", [...askRows].reverse(), most);
      drawSide(bids, "bid", bidRows, most);
      const gap = bestBid === undefined || bestAsk === undefined ? null : addDecimal(bestAsk, bestBid, -1);
      spread.replaceChildren(
        h("span", { role: "cell" }, "Spread"),
        h("span", { role: "cell" }, basisPoints(gap, bestBid)),
        h("span", { role: "cell" }, ...(gap === null ? ["–"] : decimalParts(gap))),
      );
      status.replaceChildren(
        timeElement(book.updated_at, "millis"),
        ` (${
          ago(book.updated_at)
        }) · update ${book.last_update_id} · ${bidLevels.length} × ${askLevels.length} levels`,
      );
    },
  };
}

/**
 * The spread in hundredths of a percent of the price, rounded: for scanning, the exact spread is beside it.
 * @param {string | null} gap
 * @param {string | undefined} price
 */
function basisPoints(gap, price) {
  const points = Number(gap) / Number(price) * 10_000;
  return gap !== null && Number.isFinite(points) ? `${points.toFixed(points < 1 ? 3 : 1)} bp` : "";
}

/**
 * @param {readonly Level[]} levels best first
 * @returns {LadderRow[]}
 */
function ladderRows(levels) {
  let total = "0";
  return levels.slice(0, LADDER).map(([price, quantity]) => {
    total = addDecimal(total, quantity) ?? total;
    return { price, quantity, total, share: Number(total) };
  });
}

/**
 * @param {HTMLElement} place
 * @param {"bid" | "ask"} side
 * @param {readonly LadderRow[]} rows
 * @param {number} most
 */
function drawSide(place, side, rows, most) {
  reconcile(place, rows.map((row, index) => ({ row, index })), {
    key: ({ index }) => String(index),
    create: () =>
      h(
        "div",
        { class: `ladder-row ${side}`, role: "row" },
        svg(
          "svg",
          { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
          svg("rect", { height: 10 }),
        ),
        h("span", { class: "price", role: "cell" }),
        h("span", { role: "cell" }),
        h("span", { class: "muted", role: "cell" }),
      ),
    update: (element, { row }) => {
      const [bar, price, quantity, total] = /** @type {Element[]} */ (Array.from(element.children));
      const width = (row.share / most) * 100;
      const rect = bar?.firstElementChild;
      rect?.setAttribute("width", width.toFixed(1));
      rect?.setAttribute("x", (100 - width).toFixed(1));
      setDecimal(price, row.price);
      setDecimal(quantity, row.quantity);
      setDecimal(total, row.total);
    },
  });
}
