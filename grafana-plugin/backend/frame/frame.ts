/** What a column holds. `time`: epoch ms; `number`: doubles; `integer`: whole numbers, as bigint above 2^53. */
export type FieldKind = "time" | "number" | "integer" | "text" | "bool";

/** Values of a kind. */
export type ValueOf = {
  time: number;
  number: number;
  integer: number | bigint;
  text: string;
  bool: boolean;
};

/** How Grafana shows a field; a part of its FieldConfig. */
export type FieldConfig = {
  displayName?: string;
  displayNameFromDS?: string;
  unit?: string;
  decimals?: number;
  description?: string;
};

/** A named column. Every column may hold nulls. */
export type Field<Kind extends FieldKind = FieldKind> = Kind extends FieldKind ? {
    name: string;
    kind: Kind;
    values: (ValueOf[Kind] | null)[];
    labels?: Record<string, string>;
    config?: FieldConfig;
  }
  : never;

/** The types of Grafana's data plane that we answer with. */
export type FrameType = "table" | "timeseries-wide" | "timeseries-multi" | "numeric-wide" | "numeric-long";

/** A word to the reader, shown in the corner of a panel. */
export type Notice = { severity: "info" | "warning" | "error"; text: string };

/** `meta` of a frame, as grafana-plugin-sdk-go writes it. */
export type FrameMeta = {
  type?: FrameType;
  typeVersion?: [number, number];
  custom?: unknown;
  notices?: Notice[];
  channel?: string;
  executedQueryString?: string;
  preferredVisualisationType?: "graph" | "table" | "logs";
};

/** Columns of equal length: Grafana's data frame. */
export type Frame = { name: string; refId?: string; fields: Field[]; meta?: FrameMeta };

/** Rows of a frame. */
export function lengthOf(frame: Frame): number {
  return frame.fields[0]?.values.length ?? 0;
}

/** A column. */
export function field<Kind extends FieldKind>(
  kind: Kind,
  name: string,
  values: (ValueOf[Kind] | null)[],
  options: { labels?: Record<string, string>; config?: FieldConfig } = {},
): Field {
  return { kind, name, values, ...options } as Field;
}

/** The rows of a frame at these positions, in this order. */
export function takeRows(frame: Frame, rows: readonly number[]): Frame {
  const fields = frame.fields.map((field) =>
    ({ ...field, values: rows.map((row) => field.values[row] ?? null) }) as Field
  );
  return { ...frame, fields };
}

/** A frame with one more word to its reader. */
export function withNotice(frame: Frame, notice: Notice): Frame {
  return { ...frame, meta: { ...frame.meta, notices: [...frame.meta?.notices ?? [], notice] } };
}
