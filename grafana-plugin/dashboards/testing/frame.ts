/** A column of a frame, as far as the transformations look at it. Times are epoch milliseconds. */
export type Field = { name: string; type: "string" | "number" | "time" | "boolean"; values: unknown[] };

/** What a data source hands to a panel. */
export type Frame = { refId: string; name?: string; fields: Field[] };

/** A frame's rows as objects. */
export function rowsOf(frame: Frame): Record<string, unknown>[] {
  const length = Math.max(0, ...frame.fields.map(({ values }) => values.length));
  return Array.from(
    { length },
    (_, index) => Object.fromEntries(frame.fields.map(({ name, values }) => [name, values[index]])),
  );
}

/** The values of a column that each of the frames must have. */
export function column(frame: Frame, name: string, type: Field["type"]): unknown[] {
  const field = frame.fields.find((one) => one.name === name);
  if (field === undefined) {
    throw new Error(`No column ${name}, only ${frame.fields.map((one) => one.name).join(", ")}`);
  }
  if (field.type !== type) throw new Error(`Column ${name} is a ${field.type}, not a ${type}`);
  return field.values;
}
