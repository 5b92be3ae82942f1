import { type Field, field, type FieldConfig, type FieldKind, type ValueOf } from "../frame/frame.ts";

/** One column of a kind's rows: its name, what it holds and how a row gives it. */
export type Column<Row, Kind extends FieldKind = FieldKind> = {
  name: string;
  kind: Kind;
  config?: FieldConfig;
  of: (row: Row) => ValueOf[Kind] | null;
};

/** A column whose values are typed by its kind. */
export function column<Row, Kind extends FieldKind>(
  name: string,
  kind: Kind,
  of: (row: Row) => ValueOf[Kind] | null,
  config?: FieldConfig,
): Column<Row> {
  return { name, kind, of, config } as unknown as Column<Row>;
}

/** The fields of rows, one a column. */
export function fieldsOf<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  labels?: (column: Column<Row>) => Record<string, string> | undefined,
): Field[] {
  return columns.map((column) =>
    field(column.kind, column.name, rows.map(column.of) as never[], {
      labels: labels?.(column),
      config: column.config,
    })
  );
}

/** A double for drawing, of exact text; null where there is none or it is no number. */
export function double(text: string | null): number | null {
  if (text === null || text === "") return null;
  const value = Number(text);
  return Number.isNaN(value) ? null : value;
}
