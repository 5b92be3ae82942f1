import type { Book } from "../../../runtime/query/market_query.ts";
import { encodeFrameJson } from "../frame/frame_json.ts";
import { type Frame, type Notice, withNotice } from "../frame/frame.ts";
import { shapeFrames } from "../kind/answer.ts";
import { fieldsOf } from "../kind/columns.ts";
import { bookFrame, seriesFrame, TABLE_COLUMNS } from "../kind/market_frames.ts";
import { PIPELINE_FRAMES, pipelineFrames, pipelinePath } from "../kind/pipeline.ts";
import type { KnownOrigin, SourceName } from "../source/market_reader.ts";
import type { ChannelSpec } from "./channel_spec.ts";

/** What rows of a channel are told with. */
export type PacketOptions = { source: SourceName; origin: KnownOrigin; notices?: readonly Notice[] };

/** Rows of a channel as a packet of Grafana Live: the frame that a query with its parameters would answer with. */
export function packetOf(spec: ChannelSpec, rows: readonly unknown[], options: PacketOptions): Uint8Array {
  const { source, origin, notices = [] } = options;
  const [shaped] = shapeFrames([frameOf(spec, rows, options)], {
    fields: spec.fields,
    format: spec.format,
    source,
    origin,
  });
  let frame = shaped!;
  if (origin?.simulated === true) {
    frame = withNotice(frame, { severity: "info", text: `SIMULATED: ${origin.origin.label}` });
  }
  for (const notice of notices) frame = withNotice(frame, notice);
  return encodeFrameJson(frame);
}

function frameOf(spec: ChannelSpec, rows: readonly unknown[], { source, origin }: PacketOptions): Frame {
  const { kind, symbol, format, limit } = spec;
  switch (kind) {
    case "book":
      if (format === "table") return { name: kind, fields: fieldsOf(TABLE_COLUMNS.book[0]!, rows as Book[]) };
      return bookFrame(symbol, rows[0] as Book | undefined, limit, {
        simulated: origin?.simulated ?? false,
        origin: origin?.origin ?? null,
        source,
      });
    case "prices":
    case "klines":
    case "trades": {
      const frame = seriesFrame(kind, format, symbol, rows);
      return format === "table" ? { ...frame, name: kind } : frame;
    }
    default: {
      const at = PIPELINE_FRAMES.findIndex((name) => pipelinePath(name) === symbol);
      return pipelineFrames(rows[0] as Parameters<typeof pipelineFrames>[0])[Math.max(at, 0)]!;
    }
  }
}
