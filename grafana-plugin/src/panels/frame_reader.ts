/**
 * Reading data frames by the names of their fields. Pure: it knows of a frame only what it reads, so that tests and pages
 * can pass plain objects, and a foreign frame is told apart from an empty one.
 */
import type { FrameOrigin } from '../datasource/frame_shape.ts';

/** What a field's own settings (unit, decimals, thresholds) make of a value; Grafana's `DisplayValue`. */
export type ShownValue = { text: string; prefix?: string; suffix?: string; color?: string };

/** As much of Grafana's `Field` as the panels read. */
export type FieldLike = {
  name: string;
  values: ArrayLike<unknown>;
  config?: {
    displayName?: string;
    unit?: string;
    decimals?: number | null;
    color?: { mode?: string };
    thresholds?: { steps?: unknown[] };
  };
  display?: (value: unknown) => ShownValue;
};

/** As much of Grafana's `DataFrame` as the panels read. */
export type FrameLike = {
  name?: string;
  refId?: string;
  length: number;
  fields: FieldLike[];
  meta?: { custom?: Record<string, unknown>; notices?: Array<{ severity?: string; text: string }> };
};

/** A frame's field by its name; undefined when there is none. */
export function fieldOf(frame: FrameLike, name: string): FieldLike | undefined {
  return frame.fields.find((field) => field.name === name);
}

/** Which of `names` the frame lacks. */
export function missingFields(frame: FrameLike, names: readonly string[]): string[] {
  return names.filter((name) => fieldOf(frame, name) === undefined);
}

/** The frames that have all of `names`, in their order. */
export function framesWith<Frame extends FrameLike>(frames: readonly Frame[], names: readonly string[]): Frame[] {
  return frames.filter((frame) => missingFields(frame, names).length === 0);
}

/**
 * Why none of the frames can be shown: which fields the best of them lacks. For people.
 * @param what such as `an order book`
 * @param advice what to do about it
 */
export function foreignFrames(frames: readonly FrameLike[], names: readonly string[], what: string, advice: string): string {
  const nearest = frames
    .map((frame) => ({ frame, missing: missingFields(frame, names) }))
    .sort((a, b) => a.missing.length - b.missing.length)[0];
  if (nearest === undefined) {
    return `No data. ${advice}`;
  }
  const has = nearest.frame.fields.map((field) => field.name).join(', ') || 'none';
  return `This is not ${what}: the fields ${nearest.missing.join(', ')} are missing (there are: ${has}). ${advice}`;
}

/** What the frames say of their origin; all null where a foreign frame says nothing. */
export type ShownOrigin = { simulated: boolean; label: string | null };

/** I8: simulated as soon as one of the frames is. */
export function originOf(frames: readonly FrameLike[]): ShownOrigin {
  let label: string | null = null;
  let simulated = false;
  for (const frame of frames) {
    const custom = frame.meta?.custom as Partial<FrameOrigin> | undefined;
    simulated ||= custom?.simulated === true;
    label ??= custom?.origin?.label ?? null;
  }
  return { simulated, label };
}

/** The frames' own notices, each text once. */
export function noticesOf(frames: readonly FrameLike[]): string[] {
  return [...new Set(frames.flatMap((frame) => frame.meta?.notices ?? []).map((notice) => notice.text))];
}

/** True when the user gave the field colors by thresholds: more than the base step, and the mode that uses them. */
export function hasThresholds(field: FieldLike | undefined): boolean {
  return field?.config?.color?.mode === 'thresholds' && (field.config.thresholds?.steps?.length ?? 0) > 1;
}

/** A finite number, or null. */
export function numberAt(field: FieldLike | undefined, row: number): number | null {
  const value = field?.values[row];
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** True for an epoch in ms that can be shown as a time: a foreign frame may hold any number. */
export function isTime(at: number): boolean {
  return Math.abs(at) <= 8.64e15;
}

/** Text as it is; numbers as text; null for nothing. */
export function textAt(field: FieldLike | undefined, row: number): string | null {
  const value = field?.values[row];
  return value === null || value === undefined ? null : String(value);
}
