import type { QueryFormat } from "../../src/datasource/query.ts";
import { type Field, type Frame, type FrameMeta, lengthOf } from "../frame/frame.ts";

const isNumber = ({ kind }: Field) => kind === "number" || kind === "integer";

/**
 * Types of Grafana's data plane, by which alert rules know what to do with frames. Time series of one symbol are wide, of several multi:
 * then each value is a frame of its own. Tables of numbers that a query chose are numeric: one row wide, which needs no reduce; several
 * rows with texts beside them long, each row by its texts.
 */
export function typeFrames(frames: Frame[], format: QueryFormat, chosen: boolean): Frame[] {
  if (format === "timeseries") {
    if (frames.length <= 1) return frames.map((frame) => typed(frame, "timeseries-wide"));
    return frames.flatMap(oneValueEach).map((frame) => typed(frame, "timeseries-multi"));
  }
  if (format !== "table") return frames;
  return frames.map((frame) => typed(frame, chosen ? tableType(frame) : "table"));
}

function tableType(frame: Frame): FrameMeta["type"] {
  const { fields } = frame;
  if (!fields.some(isNumber) || !fields.every((field) => isNumber(field) || field.kind === "text")) {
    return "table";
  }
  if (fields.every(isNumber)) return lengthOf(frame) === 1 ? "numeric-wide" : "table";
  return "numeric-long";
}

/** A frame a value, each with the time. */
function oneValueEach(frame: Frame): Frame[] {
  const time = frame.fields.filter(({ kind }) => kind === "time");
  const values = frame.fields.filter(({ kind }) => kind !== "time");
  if (values.length <= 1) return [frame];
  return values.map((value) => ({ ...frame, fields: [...time, value] }));
}

function typed(frame: Frame, type: FrameMeta["type"]): Frame {
  return { ...frame, meta: { ...frame.meta, type, typeVersion: [0, 1] } };
}
