import type { Field, FieldKind, Frame } from "./frame.ts";

const FRAME_TYPES: Record<FieldKind, { type: string; frame: string }> = {
  time: { type: "time", frame: "time.Time" },
  number: { type: "number", frame: "float64" },
  integer: { type: "number", frame: "int64" },
  text: { type: "string", frame: "string" },
  bool: { type: "boolean", frame: "bool" },
};

/** Words for what JSON's numbers cannot say, by row. */
type Entities = { NaN?: number[]; Inf?: number[]; NegInf?: number[] };

/**
 * A frame as JSON, schema and data, as grafana-plugin-sdk-go writes it: what goes through Grafana Live. Times are epoch ms.
 */
export function encodeFrameJson(frame: Frame): Uint8Array {
  const columns = frame.fields.map(column);
  const entities = columns.map(({ entities }) => entities);
  const text = JSON.stringify({
    schema: {
      name: frame.name,
      ...(frame.refId === undefined ? {} : { refId: frame.refId }),
      ...(frame.meta === undefined ? {} : { meta: { typeVersion: [0, 0], ...frame.meta } }),
      fields: frame.fields.map(({ name, kind, labels, config }) => ({
        name,
        type: FRAME_TYPES[kind].type,
        typeInfo: { frame: FRAME_TYPES[kind].frame, nullable: true },
        ...(labels === undefined ? {} : { labels }),
        ...(config === undefined ? {} : { config }),
      })),
    },
    data: {
      values: columns.map(({ values }) => values),
      ...(entities.some((one) => one !== null) ? { entities } : {}),
    },
  });
  return new TextEncoder().encode(text);
}

function column(field: Field): { values: unknown[]; entities: Entities | null } {
  if (field.kind === "integer") {
    return { values: field.values.map((value) => value === null ? null : Number(value)), entities: null };
  }
  if (field.kind !== "number") return { values: field.values, entities: null };
  const entities: Entities = {};
  for (const [row, value] of field.values.entries()) {
    if (value === null || Number.isFinite(value)) continue;
    const name = Number.isNaN(value) ? "NaN" : value > 0 ? "Inf" : "NegInf";
    (entities[name] ??= []).push(row);
  }
  // JSON.stringify writes null for what is not finite.
  return { values: field.values, entities: Object.keys(entities).length === 0 ? null : entities };
}
