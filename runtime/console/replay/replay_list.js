import { h, reconcile, setText } from "../dom.js";
import { count, timeElement } from "../format.js";
import {
  allow,
  attempt,
  button,
  cells,
  confirmDialog,
  empty,
  panel,
  stateElement,
  table,
  topicParts,
} from "../parts.js";

/** @typedef {import("../types.js").Replay} Replay */

/**
 * Replays, newest first, with their progress.
 * @param {import("../main.js").App} app
 * @param {AbortSignal} signal
 */
export function replayList(app, signal) {
  const { state, api } = app;
  const problem = h("div");
  const body = h("tbody");
  const none = h("div", { class: "empty" }, "Loading…");
  const element = panel(
    "Replays",
    {},
    problem,
    table(
      "Replays as a table",
      [
        "Created (UTC)",
        "Topic",
        "Range",
        "Kind",
        "State",
        "Progress",
        "#Stored",
        "#Unchanged",
        "#Filtered",
        "#Failed",
        "",
      ],
      body,
      {
        titles: {
          Stored: "Rows that were written; of a dry run, that would be",
          Unchanged: "Rows that the store holds already, the same or newer",
        },
      },
    ),
    none,
  );

  /** @param {Replay} replay */
  function add(replay) {
    state.replays = [replay, ...(state.replays ?? []).filter((other) => other.id !== replay.id)];
    state.tell("replays");
  }

  /** @param {Replay} replay */
  async function cancel(replay) {
    const sure = await confirmDialog({
      title: "Cancel this replay?",
      text: replay.dry_run ? "A dry run has written nothing." : "What it has written stays.",
      action: "Cancel the replay",
      refuse: "Let it run",
    });
    if (sure) {
      await attempt(
        problem,
        async () => add((await api.delete(`replays/${encodeURIComponent(replay.id)}`)).replay),
      );
    }
  }

  function draw() {
    const replays = state.replays ?? [];
    none.hidden = replays.length > 0;
    if (state.replays !== null) {
      none.replaceChildren(
        empty(
          "No replays",
          "A replay reads a part of the log again, as a dry run or to store what is missing.",
        ),
      );
    }
    reconcile(body, replays, {
      key: (replay) => replay.id,
      create: (replay) =>
        h(
          "tr",
          { "data-replay": replay.id },
          h("td", { class: "nowrap" }, timeElement(replay.created_at, "minute")),
          h("td", { class: "mono" }, ...topicParts(replay.topic)),
          h(
            "td",
            { class: "mono" },
            ...replay.ranges.map((range) =>
              h("div", { class: "nowrap" }, `${range.partition}: ${count(range.from)}–${count(range.until)}`)
            ),
          ),
          h(
            "td",
            {},
            [replay.dry_run ? "dry run" : "write", replay.correcting ? "correcting" : ""].filter((text) =>
              text !== ""
            ).join(", "),
          ),
          h("td"),
          h(
            "td",
            {},
            h(
              "div",
              { class: "memory" },
              h("progress", { "aria-label": "Progress" }),
              h("span", { class: "num" }),
            ),
          ),
          ...cells("num", "num", "num", "num"),
          h(
            "td",
            {},
            h(
              "div",
              { class: "actions" },
              button("Cancel…", () => cancel(replay), { class: "small danger" }),
            ),
          ),
        ),
      update: (row, replay) => {
        const cells = Array.from(row.children);
        const message = typeof replay.error === "string" ? replay.error : replay.error?.message ?? "";
        const shape = `${replay.state} ${message}`;
        if (row.dataset.shape !== shape) {
          row.dataset.shape = shape;
          cells[4]?.replaceChildren(
            stateElement(replay.state),
            ...(message === "" ? [] : [h("div", { class: "muted" }, message)]),
          );
        }
        const bar = row.querySelector("progress");
        if (bar !== null) {
          bar.max = Math.max(1, replay.total);
          bar.value = replay.total === 0 && replay.state === "done" ? 1 : replay.done;
        }
        setText(cells[5]?.querySelector(".num"), `${count(replay.done)} / ${count(replay.total)}`);
        [replay.stored, replay.unchanged, replay.filtered, replay.failed].forEach((value, index) =>
          setText(cells[index + 6], count(value))
        );
        const button = row.querySelector("button");
        if (button !== null) {
          button.hidden = replay.state !== "running";
          allow(button, state.operator);
        }
      },
    });
  }

  void attempt(problem, async () => {
    state.replays = (await api.get("replays", {}, { signal })).replays;
    state.tell("replays");
  });
  draw();
  return { element, add, draw };
}
