import { CandlewireError } from "../../../runtime/error.ts";
import type { FrameOrigin } from "../../src/datasource/frame_shape.ts";
import { type Field, type Frame, lengthOf, takeRows, withNotice } from "../frame/frame.ts";
import { pathOf } from "../live/channel_spec.ts";
import { filterRows } from "./filters.ts";
import { typeFrames } from "./frame_type.ts";
import type { Found } from "./read_kind.ts";
import type { Request } from "./request.ts";

/** Grafana refuses to subscribe to longer ones (`ParseChannel` of its SDK). */
const MAX_CHANNEL = 160;

/** The frames of an answer: filtered, limited, with the fields asked for, typed, and telling what is to be known of them. */
export function answerFrames(found: Found, request: Request, options: { uid: string }): Frame[] {
  const { refId, filters, fields, format, limit, kind } = request;
  // Of several different frames, as the pipeline has, a filter is for those that have its column.
  const unknown = new Set(filters.map(({ key }) => key));
  let more = found.more;
  let frames = found.frames.map((frame, at): Frame => {
    const filtered = filterRows(frame, filters);
    for (const { key } of filters) if (!filtered.unknown.includes(key)) unknown.delete(key);
    // A book's limit is one of levels.
    const limited = kind === "book" ? filtered.frame : limitRows(filtered.frame, limit, isSeries(request));
    if (limited !== filtered.frame && kind !== "tickers") more = true;
    const channel = channelOf(request, found, { at, uid: options.uid });
    return {
      ...limited,
      refId,
      meta: { ...limited.meta, ...(channel === undefined ? {} : { channel }) },
    };
  });
  frames = shapeFrames(frames, {
    fields,
    format,
    source: request.source,
    origin: found.origin,
    // Who writes a select list has chosen.
    chosen: kind === "cql" || fields.length > 0,
  });
  if (frames.length === 0) return frames;
  return [noticed(frames, { request, found, more, unknown: [...unknown] }), ...frames.slice(1)];
}

/** What frames look like from outside, in answers and in streams alike: the fields asked for, the type, and whose numbers they hold. */
export function shapeFrames(
  frames: Frame[],
  options: Pick<Request, "fields" | "format" | "source"> & Pick<Found, "origin"> & { chosen?: boolean },
): Frame[] {
  const { fields, format, source, origin, chosen: columnsChosen = fields.length > 0 } = options;
  const chosen = fields.length > 0 ? chooseFields(frames, fields, format) : frames;
  const custom: FrameOrigin = {
    simulated: origin?.simulated ?? false,
    origin: origin?.origin ?? null,
    source,
  };
  return typeFrames(chosen, format, columnsChosen).map((frame) => ({
    ...frame,
    meta: { ...frame.meta, custom: { ...custom, ...(frame.meta?.custom as object | undefined) } },
  }));
}

/** The first frame with the notices of all. */
function noticed(
  frames: readonly Frame[],
  { request, found, more, unknown }: { request: Request; found: Found; more: boolean; unknown: string[] },
): Frame {
  let first = frames[0]!;
  const { origin } = found;
  if (origin === undefined) {
    first = withNotice(first, {
      severity: "warning",
      text: "The keyspace does not say where its numbers come from: they may be simulated",
    });
  } else if (origin.simulated) {
    // I8: where a panel of Grafana's own shows the frame, this is what says so.
    first = withNotice(first, { severity: "info", text: `SIMULATED: ${origin.origin.label}` });
  }
  if (frames.every((frame) => lengthOf(frame) === 0)) {
    first = withNotice(first, { severity: "info", text: whyEmpty(request) });
  }
  if (more) {
    const which = isSeries(request) ? "the newest are shown, older ones left out" : "others are left out";
    const limit = request.filters.length > 0 || request.symbols.length > 1
      ? "the limits of the query and of the data source"
      : `the limit of ${request.limit} rows`;
    first = withNotice(first, {
      severity: "warning",
      text: `There are more rows than ${limit} let through: ${which}`,
    });
  }
  if (request.model.live === true && first.meta?.channel === undefined) {
    const what = request.filters.length > 0
      ? "Filtered rows"
      : found.channels === undefined
      ? "Tables of books"
      : "Rows of so many fields";
    first = withNotice(first, {
      severity: "info",
      text: `${what} do not go on by streaming: refresh the panel for newer ones`,
    });
  }
  if (unknown.length > 0) {
    first = withNotice(first, {
      severity: "warning",
      text: `Filters on ${unknown.join(", ")} are not applied: ${request.kind} has no such column`,
    });
  }
  return first;
}

/** The channel on which a frame goes on; filters are not applied to a stream, so a filtered frame has none. */
function channelOf(
  { model, filters, format, limit, fields }: Request,
  found: Found,
  { at, uid }: { at: number; uid: string },
): string | undefined {
  const base = found.channels?.[at];
  if (model.live !== true || filters.length > 0 || base === undefined) return undefined;
  const channel = `ds/${uid}/${pathOf(base, { format, limit, fields })}`;
  return channel.length > MAX_CHANNEL ? undefined : channel;
}

function whyEmpty({ kind, symbols, from, to, filters, source }: Request): string {
  const of = symbols.length === 0 ? "" : ` of ${symbols.join(", ")}`;
  const between = `from ${new Date(clampTime(from)).toISOString()} to ${
    new Date(clampTime(to - 1)).toISOString()
  }`;
  const where = source === "cassandra" ? "Cassandra" : "The store behind the control API";
  if (filters.length > 0) return `No rows${of}: ${where} has none, or the filters let none through`;
  switch (kind) {
    case "book":
      return `No order book${of}: ${where} has none; check the symbol, and that the producer follows it`;
    case "deadLetters":
      return "No dead letters: every record could be stored";
    case "completeness":
      return `No gaps${of}: nothing is missing that is known of`;
    case "alerts":
      return `No alerts were raised ${between}`;
    case "tickers":
      return `No markets: ${where} has no statistics yet`;
    case "pipeline":
      return "The control API tells of no stages";
    case "cql":
      return "The statement has no rows";
    default:
      return `No ${kind}${of} ${between}: check the symbol and the time range, and that the producer follows it`;
  }
}

function clampTime(ms: number): number {
  return Math.max(-8.64e15, Math.min(8.64e15, ms));
}

function isSeries({ kind }: Request): boolean {
  return kind === "prices" || kind === "klines" || kind === "trades" || kind === "aggregates";
}

/** The first rows, or the last where those are the newest. */
function limitRows(frame: Frame, limit: number, last: boolean): Frame {
  const length = lengthOf(frame);
  if (length <= limit) return frame;
  const start = last ? length - limit : 0;
  return takeRows(frame, Array.from({ length: limit }, (_, at) => start + at));
}

/**
 * The fields that are asked for, in that order; a time series keeps its time. Of several different frames, as the pipeline has, the
 * first that has them all. Throws `plugin.bad_query` with the names that there are.
 */
function chooseFields(frames: Frame[], names: readonly string[], format: Request["format"]): Frame[] {
  const needed = format === "table" || names.includes("time") ? names : ["time", ...names];
  const chosen = frames.map((frame) => {
    const fields = needed.flatMap((name): Field[] => frame.fields.filter((field) => field.name === name));
    const missing = names.filter((name) => !fields.some((field) => field.name === name));
    return { frame: { ...frame, fields }, missing };
  });
  const whole = chosen.filter(({ missing }) => missing.length === 0).map(({ frame }) => frame);
  if (whole.length === 0) {
    const least = chosen.reduce((best, next) => next.missing.length < best.missing.length ? next : best);
    const known = [...new Set(frames.flatMap(({ fields }) => fields.map(({ name }) => name)))];
    throw new CandlewireError(
      "plugin.bad_query",
      `Read the query: there is no field ${least.missing.join(", ")}; there are ${known.join(", ")}`,
    );
  }
  const sameShape = frames.every(({ fields }) =>
    fields.length === frames[0]!.fields.length &&
    fields.every(({ name }, at) => name === frames[0]!.fields[at]!.name)
  );
  return sameShape ? whole : whole.slice(0, 1);
}
