import { DataType, tableFromIPC } from "apache-arrow";

/** A frame as Grafana's HTTP API answers it. */
export type FrameJson = {
  schema: { name?: string; refId?: string; meta?: unknown; fields: FieldJson[] };
  data: { values: unknown[][]; entities?: (Record<string, number[]> | null)[] };
};
type FieldJson = { name: string; type: string; labels?: unknown; config?: unknown };

/** A backend's frame (Arrow's file format) as Grafana's server gives it to the browser: schema and columns, times in epoch ms. */
export function frameJson(arrow: Uint8Array): FrameJson {
  const table = tableFromIPC(arrow);
  const metadata = table.schema.metadata;
  const entities: (Record<string, number[]> | null)[] = [];
  const values = table.schema.fields.map((field, index) => {
    const vector = table.getChildAt(index);
    const column: unknown[] = [];
    const odd: Record<string, number[]> = {};
    for (let row = 0; row < table.numRows; row++) {
      const value = vector?.get(row) ?? null;
      if (typeof value === "number" && !Number.isFinite(value)) {
        const name = Number.isNaN(value) ? "NaN" : value > 0 ? "Inf" : "NegInf";
        (odd[name] ??= []).push(row);
      }
      // JSON has no whole numbers beyond doubles; neither has Grafana's browser.
      column.push(typeof value === "bigint" ? Number(value) : value);
    }
    entities.push(Object.keys(odd).length === 0 ? null : odd);
    return { field, column };
  });
  const parsed = (map: Map<string, string>, name: string) => {
    const text = map.get(name);
    return text === undefined || text === "" ? {} : { [name]: JSON.parse(text) };
  };
  return {
    schema: {
      name: metadata.get("name"),
      refId: metadata.get("refId"),
      ...parsed(metadata, "meta"),
      fields: values.map(({ field }) => ({
        name: field.name,
        type: typeOf(field.type),
        ...parsed(field.metadata, "labels"),
        ...parsed(field.metadata, "config"),
      })),
    },
    data: {
      values: values.map(({ column }) => column),
      ...entities.some((one) => one !== null) ? { entities } : {},
    },
  };
}

/** A column's type by Grafana's name. */
function typeOf(type: DataType): string {
  if (DataType.isTimestamp(type)) return "time";
  if (DataType.isInt(type) || DataType.isFloat(type)) return "number";
  if (DataType.isBool(type)) return "boolean";
  return DataType.isUtf8(type) ? "string" : "other";
}
