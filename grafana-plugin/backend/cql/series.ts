import { type Field, type Frame, lengthOf, takeRows } from "../frame/frame.ts";
import { badCql } from "./lexer.ts";

/** Series that one statement may become (I10). */
const MAX_SERIES = 500;

/**
 * A table as time series: the first time column is the time, texts and truth are labels, numbers are values; rows by time, oldest
 * first. `…_text` beside a number is no label. Throws `plugin.bad_query` when there is no time or no number.
 */
export function seriesOf(frame: Frame): Frame[] {
  const { fields } = frame;
  const time = fields.find(({ kind }) => kind === "time");
  const values = fields.filter(({ kind }) => kind === "number" || kind === "integer");
  if (time === undefined) {
    throw badCql("A time series needs a timestamp column", "Select one, or choose the format table");
  }
  if (values.length === 0) {
    throw badCql("A time series needs a number column", "Select one, or choose the format table");
  }
  const named = new Set(values.map(({ name }) => `${name}_text`));
  const labels = fields.filter((field) =>
    (field.kind === "text" || field.kind === "bool") && !named.has(field.name)
  );
  const groups = new Map<string, number[]>();
  for (let row = 0; row < lengthOf(frame); row++) {
    if (time.values[row] === null) continue;
    const key = JSON.stringify(labels.map(({ values }) => values[row]));
    const rows = groups.get(key);
    if (rows === undefined) groups.set(key, [row]);
    else rows.push(row);
  }
  if (groups.size > MAX_SERIES) {
    throw badCql(
      `It makes ${groups.size} series of ${labels.map(({ name }) => name).join(", ")}; at most ${MAX_SERIES}`,
    );
  }
  const order = (a: number, b: number) => (time.values[a] as number) - (time.values[b] as number);
  const part = (rows: number[], of: Record<string, string> | undefined): Frame => {
    const { fields: taken } = takeRows({ ...frame, fields: [time, ...values] }, rows.sort(order));
    return {
      ...frame,
      fields: taken.map((field, at) =>
        at === 0 || of === undefined ? field : { ...field, labels: of } as Field
      ),
    };
  };
  if (groups.size === 0) return [part([], undefined)];
  return [...groups.values()].map((rows) => {
    if (labels.length === 0) return part(rows, undefined);
    return part(
      rows,
      Object.fromEntries(labels.map(({ name, values }) => [name, String(values[rows[0]!] ?? "")])),
    );
  });
}
