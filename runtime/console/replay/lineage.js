import { h } from "../dom.js";
import { count, prettyJson, timeElement } from "../format.js";
import { attempt, facts, field, panel } from "../parts.js";

/**
 * Looks up where a stored trade came from.
 * @param {import("../main.js").App} app
 * @param {AbortSignal} signal
 */
export function lineagePanel(app, signal) {
  const problem = h("div");
  const result = h("div");
  const symbol = h("input", { name: "symbol", placeholder: "BTCUSDT", required: true, spellcheck: "false" });
  const trade = h("input", {
    name: "trade_id",
    inputmode: "numeric",
    pattern: "[0-9]+",
    placeholder: "Trade id",
    required: true,
  });
  const form = h(
    "form",
    {
      class: "body grid",
      on: {
        submit: async (event) => {
          event.preventDefault();
          result.replaceChildren();
          await attempt(problem, async () => {
            const answer = await app.api.get(
              `lineage/trades/${encodeURIComponent(symbol.value.trim().toUpperCase())}/${
                encodeURIComponent(trade.value.trim())
              }`,
              {},
              { signal },
            );
            result.replaceChildren(lineageElement(answer));
          });
        },
      },
    },
    h(
      "div",
      { class: "fields" },
      field("Symbol", symbol),
      field("Trade id", trade),
      h("div", {}, h("button", { type: "submit" }, "Look up")),
    ),
  );
  return panel("Lineage of a trade", {}, form, problem, result);
}

/** @param {{ lineage: import("../types.js").TradeLineage, record: unknown, recordNote: string | null }} answer */
function lineageElement({ lineage, record, recordNote }) {
  /** @type {[string, import("../dom.js").Child][]} */
  const pairs = [
    ["Trade", `${lineage.symbol} ${lineage.trade_id}`],
    ["Topic", h("code", {}, lineage.topic)],
    ["Partition", count(lineage.partition)],
    ["Offsets of its batch", `${count(lineage.first_offset)}–${count(lineage.last_offset)}`],
    ["Stored", timeElement(lineage.stored_at, "full")],
  ];
  return h(
    "div",
    {},
    h(
      "div",
      { class: "body" },
      facts(pairs),
      recordNote && h("p", { class: "muted" }, recordNote),
    ),
    record === null || record === undefined
      ? null
      : h("pre", { class: "payload scroll", tabindex: 0, "aria-label": "Change record" }, prettyJson(record)),
  );
}
