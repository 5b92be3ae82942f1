import { closedKlineVersion, type KlineRow, rowVersion, type StatsRow } from "../../market/table.ts";
import type { MarketEvent } from "./market_source.ts";
import {
  decodeLevels,
  isCount,
  isDecimal,
  isId,
  isIdOrNone,
  isObject,
  isSignedDecimal,
  isSymbol,
  isTime,
  shown,
} from "./fields.ts";

/** Why a frame, or one part of it, was set aside. Counted by `code`; the rest of the frame is kept. */
export type FrameProblem = {
  code:
    | "source.not_json"
    | "source.bad_frame"
    | "source.unknown_stream"
    | "source.unknown_symbol"
    | "source.oversized_frame"
    | "source.refused_request";
  /** What was wrong, naming field and value. */
  reason: string;
  stream: string | null;
};

/** The kinds of streams that are counted apart. */
export type StreamKind = "trade" | "depth" | "kline" | "ticker" | "control" | "other";

/** What a text frame says. `shutdown`: the server announces its end. */
export type DecodedFrame = {
  stream: StreamKind;
  events: MarketEvent[];
  problems: FrameProblem[];
  shutdown: boolean;
};

/**
 * Decodes one text frame of a combined stream: `{"stream","data"}`, an answer `{"result","id"}`, or a server
 * event. Pure and total: whatever the text, it returns; what is good in a frame is never lost for what is bad
 * in it. Field names: Binance's web-socket-streams documentation.
 *
 * @param symbols Symbols whose trades, books and candles were asked for; others are counted as unknown.
 */
export function decodeFrame(text: string, symbols: ReadonlySet<string>): DecodedFrame {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    return failed("other", "source.not_json", `Frame is no JSON: ${shown(text.slice(0, 60))}`, null);
  }
  if (!isObject(frame)) return failed("other", "source.bad_frame", `Frame is ${shown(frame)}`, null);
  const name = frame.stream;
  const data = frame.data;
  if (typeof name !== "string") return decodeAnswer(frame);
  if (name === "!serverShutdown") return { stream: "control", events: [], problems: [], shutdown: true };
  const at = name.indexOf("@");
  const channel = at < 0 ? name : name.slice(at + 1);
  switch (channel) {
    case "trade":
      return single("trade", name, data, symbols, decodeTrade);
    case "depth@100ms":
    case "depth":
      return single("depth", name, data, symbols, decodeDepth);
    case "kline_1m":
      return single("kline", name, data, symbols, decodeKline);
    case "arr":
      if (name === "!ticker_1d@arr") return decodeTickers(name, data);
      break;
    case "ticker":
    case "ticker_1d":
      return decodeTickers(name, [data]);
  }
  return failed("other", "source.unknown_stream", `Stream is ${shown(name)}`, name);
}

function decodeAnswer(frame: Record<string, unknown>): DecodedFrame {
  // Raw form of the server's events, and answers to SUBSCRIBE.
  if (frame.e === "serverShutdown") return { stream: "control", events: [], problems: [], shutdown: true };
  if ("result" in frame && "id" in frame) {
    return { stream: "control", events: [], problems: [], shutdown: false };
  }
  if (isObject(frame.error) || ("code" in frame && "msg" in frame)) {
    return failed("control", "source.refused_request", `Server answers ${shown(frame.error ?? frame)}`, null);
  }
  return failed("other", "source.unknown_stream", `Frame names no stream: ${shown(frame)}`, null);
}

type Fields = Record<string, unknown>;

function single(
  stream: StreamKind,
  name: string,
  data: unknown,
  symbols: ReadonlySet<string>,
  decode: (data: Fields) => MarketEvent | string,
): DecodedFrame {
  if (!isObject(data)) return failed(stream, "source.bad_frame", `data is ${shown(data)}`, name);
  if (typeof data.s === "string" && !symbols.has(data.s)) {
    return failed(stream, "source.unknown_symbol", `Symbol is ${shown(data.s)}`, name);
  }
  const event = decode(data);
  if (typeof event === "string") return failed(stream, "source.bad_frame", event, name);
  return { stream, events: [event], problems: [], shutdown: false };
}

function failed(
  stream: StreamKind,
  code: FrameProblem["code"],
  reason: string,
  name: string | null,
): DecodedFrame {
  return { stream, events: [], problems: [{ code, reason, stream: name }], shutdown: false };
}

function decodeTrade(d: Fields): MarketEvent | string {
  const { e, E, s, t, p, q, T, m } = d;
  if (e !== "trade") return bad("e", e);
  if (!isTime(E)) return bad("E", E);
  if (!isSymbol(s)) return bad("s", s);
  if (!isId(t)) return bad("t", t);
  if (!isDecimal(p)) return bad("p", p);
  if (!isDecimal(q)) return bad("q", q);
  if (!isTime(T)) return bad("T", T);
  if (typeof m !== "boolean") return bad("m", m);
  return {
    kind: "trade",
    trade: {
      symbol: s,
      trade_id: t,
      price: p,
      quantity: q,
      trade_time: T,
      is_buyer_maker: m,
      backfill: false,
    },
    eventTime: E,
  };
}

function decodeDepth(d: Fields): MarketEvent | string {
  const { e, E, s, U, u } = d;
  if (e !== "depthUpdate") return bad("e", e);
  if (!isTime(E)) return bad("E", E);
  if (!isSymbol(s)) return bad("s", s);
  if (!isId(U)) return bad("U", U);
  if (!isId(u) || u < U) return bad("u", u);
  const bids = decodeLevels(d.b);
  if (bids === undefined) return bad("b", d.b);
  const asks = decodeLevels(d.a);
  if (asks === undefined) return bad("a", d.a);
  return {
    kind: "depth",
    diff: { symbol: s, firstUpdateId: U, finalUpdateId: u, eventTime: E, bids, asks },
  };
}

function decodeKline(d: Fields): MarketEvent | string {
  const { e, E, s, k } = d;
  if (e !== "kline") return bad("e", e);
  if (!isTime(E)) return bad("E", E);
  if (!isSymbol(s)) return bad("s", s);
  if (!isObject(k)) return bad("k", k);
  if (k.i !== "1m") return bad("k.i", k.i);
  if (!isTime(k.t) || k.t % 60_000 !== 0) return bad("k.t", k.t);
  if (!isTime(k.T) || k.T !== k.t + 59_999) return bad("k.T", k.T);
  for (const field of ["o", "h", "l", "c", "v", "q"]) {
    if (!isDecimal(k[field])) return bad(`k.${field}`, k[field]);
  }
  if (!isCount(k.n)) return bad("k.n", k.n);
  if (!isIdOrNone(k.f)) return bad("k.f", k.f);
  if (!isIdOrNone(k.L)) return bad("k.L", k.L);
  if (typeof k.x !== "boolean") return bad("k.x", k.x);
  const kline: KlineRow = {
    symbol: s,
    open_time: k.t,
    close_time: k.T,
    open_price: k.o as string,
    high_price: k.h as string,
    low_price: k.l as string,
    close_price: k.c as string,
    volume: k.v as string,
    quote_volume: k.q as string,
    number_of_trades: k.n,
    first_trade_id: k.f,
    last_trade_id: k.L,
    closed: k.x,
    backfill: false,
    version: k.x ? closedKlineVersion(k.T) : rowVersion(E),
  };
  return { kind: "kline", kline, eventTime: E };
}

function decodeTickers(name: string, data: unknown): DecodedFrame {
  if (!Array.isArray(data)) return failed("ticker", "source.bad_frame", `data is ${shown(data)}`, name);
  const frame: DecodedFrame = { stream: "ticker", events: [], problems: [], shutdown: false };
  for (const item of data) {
    const event = isObject(item) ? decodeTicker(item) : bad("data[]", item);
    if (typeof event === "string") {
      frame.problems.push({ code: "source.bad_frame", reason: event, stream: name });
    } else frame.events.push(event);
  }
  return frame;
}

function decodeTicker(d: Fields): MarketEvent | string {
  const { e, E, s, P, c, h, l, v, q, C, L, n } = d;
  if (e !== "1dTicker" && e !== "24hrTicker") return bad("e", e);
  if (!isTime(E)) return bad("E", E);
  if (!isSymbol(s)) return bad("s", s);
  if (!isSignedDecimal(P)) return bad("P", P);
  if (!isDecimal(c)) return bad("c", c);
  if (!isDecimal(h)) return bad("h", h);
  if (!isDecimal(l)) return bad("l", l);
  if (!isDecimal(v)) return bad("v", v);
  if (!isDecimal(q)) return bad("q", q);
  if (!isTime(C)) return bad("C", C);
  if (!isIdOrNone(L)) return bad("L", L);
  if (!isId(n)) return bad("n", n);
  const stats: StatsRow = {
    symbol: s,
    price_change_percent: P,
    last_price: c,
    high_price: h,
    low_price: l,
    volume: v,
    quote_volume: q,
    trade_count: n,
    last_trade_id: L,
    quote_asset: null,
    updated_at: C,
    version: rowVersion(C),
  };
  return { kind: "stats", stats, eventTime: E };
}

function bad(field: string, value: unknown): string {
  return `Field ${field} is ${shown(value)}`;
}
