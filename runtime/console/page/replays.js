import { h } from "../dom.js";
import { ledgerPanel } from "../replay/ledger.js";
import { lineagePanel } from "../replay/lineage.js";
import { replayForm } from "../replay/replay_form.js";
import { replayList } from "../replay/replay_list.js";

/**
 * Replays with their progress, the completeness ledger, and where a trade came from.
 * @param {import("../main.js").App} app
 * @returns {import("../main.js").Page}
 */
export function replaysPage(app) {
  const abort = new AbortController();
  const runs = replayList(app, abort.signal);
  const form = replayForm(app, runs.add);
  const ledger = ledgerPanel(app, abort.signal);
  const lineage = lineagePanel(app, abort.signal);
  const stops = [
    app.state.on(["replays"], runs.draw),
    app.state.on(["session"], () => {
      runs.draw();
      form.allow();
    }),
  ];
  return {
    element: h(
      "div",
      { class: "grid" },
      form.element,
      runs.element,
      h("div", { class: "grid two" }, ledger, lineage),
    ),
    dispose() {
      abort.abort();
      for (const stop of stops) stop();
    },
  };
}
