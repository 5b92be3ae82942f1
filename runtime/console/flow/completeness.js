import { h } from "../dom.js";
import { ago, count } from "../format.js";
import { empty, stateElement } from "../parts.js";

/**
 * Gaps by kind and state, with the newest that is open or lost.
 * @param {import("../types.js").CompletenessRow[]} rows
 * @param {boolean} more
 */
export function completenessSummary(rows, more) {
  if (rows.length === 0) {
    return empty("Nothing is missing", "Every trade, candle and book arrived by stream.");
  }
  const kinds = /** @type {const} */ (["trade", "kline", "book"]);
  const states = /** @type {const} */ (["open", "refilled", "lost"]);
  const worst =
    rows.filter((row) => row.state !== "refilled").sort((a, b) => b.detected_at - a.detected_at)[0];
  return h(
    "div",
    { class: "grid" },
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("th", { scope: "col" }, "Gaps in"),
          ...states.map((state) => h("th", { scope: "col", class: "num" }, state)),
        ),
      ),
      h(
        "tbody",
        {},
        ...kinds.map((kind) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, kind === "trade" ? "Trades" : kind === "kline" ? "Candles" : "Books"),
            ...states.map((state) => {
              const found = rows.filter((row) => row.kind === kind && row.state === state);
              return h(
                "td",
                { class: `num ${state === "lost" && found.length > 0 ? "ledger-lost" : ""}` },
                count(found.length),
              );
            }),
          )
        ),
      ),
    ),
    worst === undefined ? h("p", { class: "muted" }, "All gaps were refilled.") : h(
      "p",
      {},
      stateElement(worst.state),
      ` ${worst.symbol} ${worst.kind} ${worst.first_id}–${worst.last_id}, cause ${worst.cause}, `,
      h("span", { class: "muted" }, ago(worst.detected_at)),
    ),
    more && h("p", { class: "muted" }, `There are more: these are of ${rows.length} gaps only.`),
  );
}
