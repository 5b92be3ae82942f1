import { decimalParts } from "../decimal_text.js";
import { h, reconcile, setText } from "../dom.js";
import { timeElement } from "../format.js";

/** @typedef {import("../types.js").TradeRow} TradeRow */

const KEPT = 500;
const SHOWN = 80;

/** The newest trades of one symbol, newest first. Bounded however fast they come (I10). */
export function tradeTape() {
  /** @type {Map<number, TradeRow>} */
  let trades = new Map();
  const list = h("div", { role: "rowgroup" });
  const note = h("div", { class: "empty" }, "No trades yet");
  const element = h(
    "div",
    { class: "tape scroll", role: "table", "aria-label": "Trades, newest first", tabindex: 0 },
    h(
      "div",
      { class: "tape-row head", role: "row" },
      ...["Time UTC", "Price", "Quantity"].map((text) => h("span", { role: "columnheader" }, text)),
    ),
    list,
    note,
  );
  return {
    element,
    clear() {
      trades = new Map();
    },
    /** @param {readonly TradeRow[]} rows in any order, repeated or not (I2) */
    add(rows) {
      for (const row of rows) trades.set(row.trade_id, row);
      if (trades.size <= KEPT * 2) return;
      trades = new Map([...trades].sort(([a], [b]) => b - a).slice(0, KEPT));
    },
    /** @returns {TradeRow | undefined} the trade with the highest id */
    newest() {
      let newest;
      for (const trade of trades.values()) {
        if (newest === undefined || trade.trade_id > newest.trade_id) newest = trade;
      }
      return newest;
    },
    draw() {
      const rows = [...trades.values()].sort((a, b) => b.trade_id - a.trade_id).slice(0, SHOWN);
      note.hidden = rows.length > 0;
      reconcile(list, rows, {
        key: (row) => String(row.trade_id),
        create: (row) =>
          h(
            "div",
            {
              class: "tape-row",
              role: "row",
              title: `Trade ${row.trade_id}, ${row.is_buyer_maker ? "seller" : "buyer"} took${
                row.backfill ? ", came by backfill" : ""
              }`,
            },
            h("span", { role: "cell" }, timeElement(row.trade_time, "millis")),
            h(
              "span",
              { role: "cell", class: row.is_buyer_maker ? "down" : "up" },
              row.is_buyer_maker ? "▼ " : "▲ ",
              ...decimalParts(row.price),
            ),
            h("span", { role: "cell" }, ...decimalParts(row.quantity)),
          ),
      });
      setText(note, "No trades yet");
    },
  };
}
