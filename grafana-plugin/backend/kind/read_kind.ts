import type { EpochMs } from "../../../runtime/market/epoch.ts";
import type { Pipeline } from "../../../runtime/console/types.js";
import { channelPath } from "../../src/datasource/query.ts";
import type { Frame } from "../frame/frame.ts";
import type { Instance } from "../instance/instance.ts";
import type { KnownOrigin, MarketReader } from "../source/market_reader.ts";
import { readRows } from "../source/read_rows.ts";
import { type Column, fieldsOf } from "./columns.ts";
import { bookFrame, seriesFrame, type SeriesKind, TABLE_COLUMNS } from "./market_frames.ts";
import { PIPELINE_FRAMES, pipelineFrames, pipelinePath } from "./pipeline.ts";
import type { Request } from "./request.ts";

/** What a kind's rows became: frames before filters and limits, and what was left out. */
export type Found = {
  frames: Frame[];
  /** There are older or further rows than were read. */
  more: boolean;
  origin: KnownOrigin;
  /** By frame, the path of the channel by which it goes on. */
  channels?: string[];
};

/** Rows that are read of each symbol, or of all: as many as are asked for, all that may be where filters choose among them. */
function readLimit({ filters, limit, symbols }: Request, maxRows: number): number {
  // The data source's bound is one of the whole query.
  const most = Math.max(1, Math.floor(maxRows / Math.max(1, symbols.length)));
  return filters.length > 0 ? most : Math.min(limit, most);
}

/** Rows that a query may hold at most: what it weighs among others. */
export function rowsAtMost(request: Request, maxRows: number): number {
  const { kind, symbols } = request;
  if (kind === "book" || kind === "pipeline") return symbols.length;
  // CQL may read more than it answers with, to group it.
  if (kind === "cql") return maxRows;
  return readLimit(request, maxRows) * Math.max(1, symbols.length);
}

/** Reads a kind other than `cql` and `pipeline` through the port. Series come oldest first, the newest of them at a limit. */
export async function readKind(request: Request, instance: Instance): Promise<Found> {
  if (request.kind === "pipeline") return await readPipeline(request, instance);
  const reader = instance.reader(request.source, request.signal);
  const found =
    await (request.kind === "book"
      ? readBooks(request, instance, reader)
      : isSeries(request.kind)
      ? readSeries(request, request.kind, instance, reader)
      : readList(request, instance, reader));
  return { ...found, origin: await instance.originOf(request.source, reader) };
}

function isSeries(kind: Request["kind"]): kind is SeriesKind {
  return kind === "prices" || kind === "klines" || kind === "trades" || kind === "aggregates";
}

type Frames = Omit<Found, "origin">;

/** Time stamps that order a kind's rows within a symbol, and by which a stream goes on. */
const NEWEST: Record<SeriesKind, string> = {
  prices: "updated_at",
  klines: "open_time",
  trades: "trade_id",
  aggregates: "open_time",
};

async function readSeries(
  request: Request,
  kind: SeriesKind,
  instance: Instance,
  reader: MarketReader,
): Promise<Frames> {
  const { symbols, signal, from, to, format, model } = request;
  const limit = readLimit(request, instance.settings.maxRows);
  const window = model.window ?? "1m";
  let more = false;
  const bySymbol = await Promise.all(symbols.map(async (symbol) => {
    const range = { symbol, from: from as EpochMs, to: to as EpochMs, order: "desc" as const };
    const found = await readRows<unknown>(limit, (limit, cursor) => {
      const query = { ...range, limit, cursor };
      return kind === "aggregates" ? reader.aggregates({ ...query, window }) : reader[kind](query);
    }, { signal });
    more ||= found.more;
    const newest = found.rows[0] as Record<string, number> | undefined;
    if (newest !== undefined && model.live) {
      instance.answered.set(channelPath(kind, symbol), newest[NEWEST[kind]]!);
    }
    return { symbol, rows: found.rows.reverse() };
  }));
  // A table of several symbols is one table, in the order of time.
  const frames = format === "table"
    ? [tableOf(kind, bySymbol)]
    : bySymbol.map(({ symbol, rows }) => seriesFrame(kind, format, symbol, rows));
  return { frames, more, channels: symbols.map((symbol) => channelPath(kind, symbol)) };
}

function tableOf(kind: SeriesKind, bySymbol: { symbol: string; rows: unknown[] }[]): Frame {
  // deno-lint-ignore no-explicit-any
  const columns: readonly Column<any>[] = TABLE_COLUMNS[kind][0]!;
  const rows = bySymbol.flatMap(({ rows }) => rows);
  const time = columns[0]!.of as (row: unknown) => number;
  if (bySymbol.length > 1) rows.sort((a, b) => time(a) - time(b));
  return { name: kind, fields: fieldsOf(columns, rows) };
}

async function readBooks(request: Request, instance: Instance, reader: MarketReader): Promise<Frames> {
  const { symbols, format, limit } = request;
  // The book as it stands: one row a symbol is stored, whatever the range.
  const books = await Promise.all(
    symbols.map(async (symbol) => ({ symbol, book: await reader.book(symbol) })),
  );
  const channels = symbols.map((symbol) => channelPath("book", symbol));
  if (format === "table") {
    const rows = books.flatMap(({ book }) => book === undefined ? [] : [book]);
    return { frames: [{ name: "book", fields: fieldsOf(TABLE_COLUMNS.book[0]!, rows) }], more: false };
  }
  const known = await instance.originOf(request.source, reader);
  const origin = {
    simulated: known?.simulated ?? false,
    origin: known?.origin ?? null,
    source: request.source,
  };
  const frames = books.map(({ symbol, book }) => bookFrame(symbol, book, limit, origin));
  return { frames, more: false, channels };
}

async function readList(request: Request, instance: Instance, reader: MarketReader): Promise<Frames> {
  const { signal, from, to, symbols, kind, model } = request;
  const limit = readLimit(request, instance.settings.maxRows);
  const frame = (kind: "tickers" | "completeness" | "deadLetters" | "alerts", rows: unknown[]): Frame => ({
    name: kind,
    fields: fieldsOf(TABLE_COLUMNS[kind][0]!, rows),
  });
  switch (kind) {
    case "tickers": {
      const orderBy = model.orderBy ?? "quote_volume_usdt";
      const { rows } = await readRows(limit, (limit, cursor) => reader.tickers({ limit, cursor, orderBy }), {
        signal,
      });
      // The largest of all markets were asked for: that there are others is no loss.
      return { frames: [frame(kind, rows)], more: false };
    }
    case "completeness": {
      const chosen = symbols.length === 0 ? [undefined] : symbols;
      const found = await Promise.all(
        chosen.map((symbol) =>
          readRows(limit, (limit, cursor) => reader.completeness({ symbol, limit, cursor }), { signal })
        ),
      );
      return {
        frames: [frame(kind, found.flatMap(({ rows }) => rows))],
        more: found.some(({ more }) => more),
      };
    }
    case "deadLetters": {
      const { rows, more } = await readRows(limit, (limit, cursor) => reader.deadLetters({ limit, cursor }), {
        signal,
      });
      return { frames: [frame(kind, rows)], more };
    }
    case "alerts": {
      const { rows, more } = await readRows(
        instance.settings.maxRows,
        (limit, cursor) => reader.alerts({ limit: Math.min(limit, 500), cursor }),
        { signal, until: ({ raised_at }) => raised_at < from },
      );
      return { frames: [frame(kind, rows.filter(({ raised_at }) => raised_at < to).slice(0, limit))], more };
    }
    default:
      throw new TypeError(`Read ${kind}: it is no list`);
  }
}

async function readPipeline(request: Request, instance: Instance): Promise<Found> {
  const pipeline = await instance.control!.get<Pipeline>("pipeline", {}, request.signal);
  const origin = { origin: pipeline.origin, simulated: pipeline.simulated };
  instance.tellOrigin("control", origin);
  return {
    frames: pipelineFrames(pipeline),
    more: false,
    origin,
    channels: PIPELINE_FRAMES.map((name) => channelPath("pipeline", pipelinePath(name))),
  };
}
