import { type Interval, INTERVALS } from "../../market.ts";

/** Window of a rolling ticker, as stream names write it. */
export type StreamWindow = "1h" | "4h" | "1d";

/** What a stream name asks for. `speedMs` is virtual time between frames. */
export type Stream =
  | { kind: "trade" | "aggTrade" | "bookTicker" | "miniTicker" | "ticker" | "avgPrice"; symbol: string }
  | { kind: "kline"; symbol: string; interval: Interval }
  | { kind: "window"; symbol: string; window: StreamWindow }
  | { kind: "depth"; symbol: string; speedMs: 100 | 1000 }
  | { kind: "partialDepth"; symbol: string; levels: 5 | 10 | 20; speedMs: 100 | 1000 }
  | { kind: "allMiniTickers" }
  | { kind: "allWindows"; window: StreamWindow };

const PLAIN = ["trade", "aggTrade", "bookTicker", "miniTicker", "ticker", "avgPrice"] as const;
const WINDOWS: readonly string[] = ["1h", "4h", "1d"];

/**
 * Reads a stream name. `symbolOf` gives the symbol of a lowercase name; Binance's names are lowercase, and symbols may
 * be any UTF-8. Undefined for what carries no data, `!ticker@arr` (retired 2026-03-26) among it: Binance accepts such
 * a subscription and stays silent.
 */
export function parseStreamName(
  name: string,
  symbolOf: (lowercase: string) => string | undefined,
): Stream | undefined {
  if (name === "!miniTicker@arr") return { kind: "allMiniTickers" };
  const all = /^!ticker_(1h|4h|1d)@arr$/.exec(name);
  if (all !== null) return { kind: "allWindows", window: all[1] as StreamWindow };
  const at = name.indexOf("@");
  const symbol = at < 1 ? undefined : symbolOf(name.slice(0, at));
  if (symbol === undefined) return undefined;
  const what = name.slice(at + 1);
  for (const kind of PLAIN) if (what === kind) return { kind, symbol };
  if (what.startsWith("kline_")) {
    const interval = INTERVALS.find((each) => each === what.slice(6));
    return interval === undefined ? undefined : { kind: "kline", symbol, interval };
  }
  if (what.startsWith("ticker_")) {
    const window = what.slice(7);
    return WINDOWS.includes(window) ? { kind: "window", symbol, window: window as StreamWindow } : undefined;
  }
  const depth = /^depth(5|10|20)?(@100ms|@1000ms)?$/.exec(what);
  if (depth === null) return undefined;
  const speedMs = depth[2] === "@100ms" ? 100 : 1000;
  if (depth[1] === undefined) return { kind: "depth", symbol, speedMs };
  return { kind: "partialDepth", symbol, levels: Number(depth[1]) as 5 | 10 | 20, speedMs };
}

/** Virtual milliseconds between a stream's frames; 0 for those sent as things happen. */
export function cadenceMs(stream: Stream): number {
  switch (stream.kind) {
    case "trade":
    case "aggTrade":
    case "bookTicker":
      return 0;
    case "depth":
      return stream.speedMs === 100 ? 0 : 1000;
    case "partialDepth":
      return stream.speedMs;
    case "kline":
      return stream.interval === "1s" ? 1000 : 2000;
    case "miniTicker":
    case "ticker":
    case "avgPrice":
    case "window":
    case "allMiniTickers":
    case "allWindows":
      return 1000;
    default:
      return stream satisfies never;
  }
}
