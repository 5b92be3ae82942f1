import { h, reconcile, setText } from "../dom.js";
import { count, prettyJson, timeElement } from "../format.js";
import {
  allow,
  attempt,
  button,
  cells,
  confirmDialog,
  empty,
  facts,
  panel,
  segmented,
  spacer,
  stateElement,
  table,
} from "../parts.js";

/** @typedef {import("../types.js").Replay} Replay */
/** @typedef {import("../types.js").CompletenessRow} CompletenessRow */

const TABLES = ["recent_trades", "klines", "order_book", "latest_prices", "crypto_24h_stats", "completeness"];
const LEDGER_PAGE = 100;

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

/**
 * @param {string} label
 * @param {HTMLElement} control
 */
function field(label, control) {
  return h("label", { class: "field" }, label, control);
}

/**
 * @param {string} label
 * @param {HTMLElement} control
 */
function wideField(label, control) {
  return h("label", { class: "field wide" }, label, control);
}

/**
 * @param {import("../main.js").App} app
 * @param {(replay: Replay) => void} onCreated
 */
function replayForm(app, onCreated) {
  const problem = h("div");
  const topic = h(
    "select",
    { name: "topic" },
    ...TABLES.map((table) => h("option", { value: `binance.public.${table}` }, `binance.public.${table}`)),
  );
  const partition = h("input", {
    name: "partition",
    inputmode: "numeric",
    pattern: "[0-9]+",
    placeholder: "all",
  });
  const fromOffset = h("input", {
    name: "from_offset",
    inputmode: "numeric",
    pattern: "[0-9]+",
    placeholder: "first kept",
  });
  const untilOffset = h("input", {
    name: "until_offset",
    inputmode: "numeric",
    pattern: "[0-9]+",
    placeholder: "end",
  });
  const fromTime = h("input", { name: "from_time", type: "datetime-local", step: 1 });
  const untilTime = h("input", { name: "until_time", type: "datetime-local", step: 1 });
  const dryRun = h("input", { type: "checkbox", name: "dry_run", checked: true });
  const correcting = h("input", { type: "checkbox", name: "correcting" });
  const submit = h("button", { type: "submit", class: "primary" }, "Start replay");
  const offsets = [field("From offset", fromOffset), field("Until offset (not included)", untilOffset)];
  const times = [field("From (UTC)", fromTime), field("Until (UTC, not included)", untilTime)];
  let by = "offsets";
  const showRange = () => {
    for (const element of offsets) element.hidden = by !== "offsets";
    for (const element of times) element.hidden = by !== "times";
  };
  showRange();
  const form = h(
    "form",
    {
      class: "body grid",
      on: {
        submit: async (event) => {
          event.preventDefault();
          if (!dryRun.checked) {
            const sure = await confirmDialog({
              title: "Replay and write?",
              text: correcting.checked
                ? "A correcting replay replaces stored rows with what the transforms make of them now."
                : "Rows that are already stored stay as they are; what is missing is written.",
              action: "Replay",
            });
            if (!sure) return;
          }
          submit.disabled = true;
          await attempt(problem, async () => {
            const answer = await app.api.post("replays", {
              topic: topic.value,
              ...number("partition", partition),
              ...(by === "offsets"
                ? { ...number("from_offset", fromOffset), ...number("until_offset", untilOffset) }
                : { ...time("from_time", fromTime), ...time("until_time", untilTime) }),
              dry_run: dryRun.checked,
              correcting: correcting.checked,
            });
            onCreated(answer.replay);
          });
          allow(submit, app.state.operator);
        },
      },
    },
    h(
      "div",
      { class: "fields" },
      wideField("Topic", topic),
      field("Partition", partition),
      h(
        "div",
        { class: "field" },
        "Range by",
        segmented(
          "Range by",
          [{ value: "offsets", text: "Offsets" }, { value: "times", text: "Times" }],
          "offsets",
          (value) => {
            by = value;
            showRange();
          },
        ),
      ),
      ...offsets,
      ...times,
    ),
    h(
      "div",
      { class: "row" },
      h("label", { class: "check", title: "Reads and transforms, writes nothing" }, dryRun, "Dry run"),
      h(
        "label",
        { class: "check", title: "Takes the next revision, so that it wins over rows of the same event" },
        correcting,
        "Correcting",
      ),
      submit,
    ),
    problem,
  );
  allow(submit, app.state.operator);
  return { element: panel("New replay", {}, form), allow: () => allow(submit, app.state.operator) };
}

/**
 * @param {string} name
 * @param {HTMLInputElement} input
 * @returns {Record<string, number>}
 */
function number(name, input) {
  return input.value.trim() === "" ? {} : { [name]: Number(input.value) };
}

/**
 * The field shows no zone: it is read as UTC, as its label says.
 * @param {string} name
 * @param {HTMLInputElement} input
 * @returns {Record<string, string>}
 */
function time(name, input) {
  return input.value === "" ? {} : { [name]: new Date(`${input.value}Z`).toISOString() };
}

/**
 * @param {import("../main.js").App} app
 * @param {AbortSignal} signal
 */
function replayList(app, signal) {
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
      ["Created (UTC)", "Topic", "Range", "Kind", "State", "Progress", "#Stored", "#Filtered", "#Failed", ""],
      body,
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
      text: "What it has written stays.",
      action: "Cancel the replay",
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
          h("td", { class: "mono" }, replay.topic),
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
          ...cells("num", "num", "num"),
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
        for (
          const [index, value]
            of /** @type {[number, number][]} */ ([[6, replay.stored], [7, replay.filtered], [
              8,
              replay.failed,
            ]])
        ) {
          setText(cells[index], count(value));
        }
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

/**
 * Every range that did not arrive by stream (I3).
 * @param {import("../main.js").App} app
 * @param {AbortSignal} signal
 */
function ledgerPanel(app, signal) {
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
      rows = further ? [...rows, ...page.rows] : page.rows;
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

/**
 * @param {import("../main.js").App} app
 * @param {AbortSignal} signal
 */
function lineagePanel(app, signal) {
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
