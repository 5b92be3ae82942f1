import { h } from "../dom.js";
import { timeElement } from "../format.js";
import { attempt, button, empty, panel, spacer, stateElement, table } from "../parts.js";

/** @typedef {import("../types.js").CompletenessRow} CompletenessRow */

const LEDGER_PAGE = 100;

/**
 * Every range that did not arrive by stream (I3).
 * @param {import("../main.js").App} app
 * @param {AbortSignal} signal
 */
export function ledgerPanel(app, signal) {
  const problem = h("div");
  const body = h("tbody");
  const none = h("div", { class: "empty" }, "Loading…");
  const more = button("Load more", () => load(true), { hidden: true });
  const symbol = h("input", {
    type: "search",
    size: 12,
    placeholder: "All symbols",
    "aria-label": "Symbol of the ledger",
    on: { change: () => void load() },
  });
  /** @type {CompletenessRow[]} */
  let rows = [];
  /** @type {string | null} */
  let next = null;

  async function load(further = false) {
    await attempt(problem, async () => {
      const page = await app.api.get("completeness", {
        limit: LEDGER_PAGE,
        symbol: symbol.value.trim().toUpperCase(),
        cursor: further ? next : null,
      }, { signal });
      // Pages come by symbol; what happened last is what a reader looks for.
      rows = [...(further ? rows : []), ...page.rows].sort((a, b) => b.detected_at - a.detected_at);
      next = page.next;
    });
    none.hidden = rows.length > 0;
    if (rows.length === 0) {
      none.replaceChildren(empty("Nothing is missing", "Every trade, candle and book arrived by stream."));
    }
    more.hidden = next === null;
    body.replaceChildren(...rows.map((row) =>
      h(
        "tr",
        {},
        h("td", { class: "nowrap" }, timeElement(row.detected_at, "minute")),
        h("td", {}, row.symbol),
        h("td", {}, row.kind),
        h(
          "td",
          { class: "num" },
          row.first_id === row.last_id ? row.first_id : `${row.first_id}–${row.last_id}`,
        ),
        h("td", {}, row.cause.replaceAll("_", " ")),
        h("td", {}, stateElement(row.state)),
      )
    ));
  }
  void load();
  const scroll = table(
    "Completeness ledger as a table",
    ["Detected (UTC)", "Symbol", "Kind", "#Ids", "Cause", "State"],
    body,
    { height: "360px" },
  );
  return panel(
    "Completeness ledger",
    {
      head: [
        spacer(),
        symbol,
        button("Refresh", () => load(), { class: "small" }),
      ],
    },
    problem,
    scroll,
    none,
    h("div", { class: "row" }, more),
  );
}
