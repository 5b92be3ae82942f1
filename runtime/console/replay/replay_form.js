import { h } from "../dom.js";
import { allow, attempt, confirmDialog, field, panel, segmented } from "../parts.js";

/** @typedef {import("../types.js").Replay} Replay */

const TABLES = ["recent_trades", "klines", "order_book", "latest_prices", "crypto_24h_stats", "completeness"];

/**
 * Asks for a part of the log to be read again.
 * @param {import("../main.js").App} app
 * @param {(replay: Replay) => void} onCreated
 */
export function replayForm(app, onCreated) {
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
      field("Topic", topic, "wide"),
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
