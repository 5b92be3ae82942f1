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
  /** Trades that the stream left out, by the id of the trade that came behind them. @type {Map<number, number>} */
  let omittedBefore = new Map();
  const missing = h("div", { class: "notice warn", role: "status", hidden: true });
  const note = h("div", { class: "empty" }, "No trades yet");
  const element = h(
    "div",
    { class: "tape scroll", role: "table", "aria-label": "Trades, newest first", tabindex: 0 },
    h(
      "div",
      { class: "tape-row head", role: "row" },
      ...["Time UTC", "Price", "Quantity"].map((text) => h("span", { role: "columnheader" }, text)),
    ),
    missing,
    list,
    note,
  );
  return {
    element,
    clear() {
      trades = new Map();
      omittedBefore = new Map();
    },
    /**
     * @param {readonly TradeRow[]} rows in any order, repeated or not (I2)
     * @param {number} [omitted] trades before these that the stream left out
     */
    add(rows, omitted = 0) {
      for (const row of rows) trades.set(row.trade_id, row);
      if (omitted > 0 && rows.length > 0) {
        omittedBefore.set(Math.min(...rows.map(({ trade_id }) => trade_id)), omitted);
      }
      if (trades.size <= KEPT * 2) return;
      trades = new Map([...trades].sort(([a], [b]) => b - a).slice(0, KEPT));
      omittedBefore = new Map([...omittedBefore].filter(([id]) => trades.has(id)));
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
      const oldest = rows.at(-1)?.trade_id ?? Infinity;
      omittedBefore = new Map([...omittedBefore].filter(([id]) => id >= oldest));
      const left = [...omittedBefore.values()].reduce((sum, count) => sum + count, 0);
      missing.hidden = left === 0;
      setText(missing, `${left} trades between these came too fast to be shown; all are stored`);
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
