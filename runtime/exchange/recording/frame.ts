/** Price and quantity texts, as recorded. */
export type RecordedLevels = [string, string][];

/** A recorded frame that the exchange can tell again, or why it cannot. */
export type RecordedFrame =
  | {
    kind: "trade";
    symbol: string;
    id: number;
    price: string;
    quantity: string;
    time: number;
    isBuyerMaker: boolean;
  }
  | {
    kind: "depth";
    symbol: string;
    first: number;
    final: number;
    time: number;
    bids: RecordedLevels;
    asks: RecordedLevels;
  }
  | {
    kind: "bookTicker";
    symbol: string;
    updateId: number;
    bid: string;
    bidQuantity: string;
    ask: string;
    askQuantity: string;
  }
  /** A bare REST answer: it names no symbol. */
  | { kind: "snapshot"; updateId: number; bids: RecordedLevels; asks: RecordedLevels }
  | { kind: "problem"; problem: FrameProblem };

/** Why a line was set aside. `stream`: a kind of frame that is not replayed. */
export type FrameProblem = "oversized" | "no receive time" | "no JSON" | "fields" | "stream";

/** A line's frame and when it was received, in ms by the recorder's clock (NaN when the line is a problem). */
export type RecordedLine = { receivedAt: number; frame: RecordedFrame };

/** Longer lines are no frames: a book of 5,000 levels takes 400 kB. */
const LINE_MAX = 4_000_000;

/**
 * One line of a recording, `<local receive time in ns> <raw frame>` (hftbacktest's format of collected feeds), frames
 * as on Binance's combined streams or bare. Pure and total: malformed input is a problem, never an exception.
 */
export function parseRecordedLine(line: string): RecordedLine {
  if (line.length > LINE_MAX) return problem("oversized");
  const space = line.indexOf(" ");
  const stamp = line.slice(0, space);
  if (space < 1 || !/^\d{13,19}$/.test(stamp)) return problem("no receive time");
  let value: unknown;
  try {
    value = JSON.parse(line.slice(space + 1));
  } catch {
    return problem("no JSON");
  }
  return { receivedAt: Number(stamp) / 1e6, frame: readFrame(value) };
}

function problem(problem: FrameProblem): RecordedLine {
  return { receivedAt: NaN, frame: { kind: "problem", problem } };
}

function readFrame(value: unknown): RecordedFrame {
  const fields: RecordedFrame = { kind: "problem", problem: "fields" };
  if (!isObject(value)) return fields;
  const data = "stream" in value ? value.data : value;
  if (!isObject(data)) return fields;
  if (data.lastUpdateId !== undefined) {
    if (!isId(data.lastUpdateId) || !isLevels(data.bids) || !isLevels(data.asks)) return fields;
    return { kind: "snapshot", updateId: data.lastUpdateId, bids: data.bids, asks: data.asks };
  }
  if (typeof data.s !== "string" || data.s === "") {
    return data.e === undefined ? fields : { kind: "problem", problem: "stream" };
  }
  const symbol = data.s;
  if (data.e === "trade") {
    const { t, p, q, T, m } = data;
    if (!isId(t) || !isDecimal(p) || !isDecimal(q) || !isId(T) || typeof m !== "boolean") return fields;
    return { kind: "trade", symbol, id: t, price: p, quantity: q, time: T, isBuyerMaker: m };
  }
  if (data.e === "depthUpdate") {
    const { U, u, E, b, a } = data;
    if (!isId(U) || !isId(u) || u < U || !isId(E) || !isLevels(b) || !isLevels(a)) return fields;
    return { kind: "depth", symbol, first: U, final: u, time: E, bids: b, asks: a };
  }
  if (data.e === undefined && data.u !== undefined) {
    const { u, b, B, a, A } = data;
    if (!isId(u) || !isDecimal(b) || !isDecimal(B) || !isDecimal(a) || !isDecimal(A)) return fields;
    return { kind: "bookTicker", symbol, updateId: u, bid: b, bidQuantity: B, ask: a, askQuantity: A };
  }
  return { kind: "problem", problem: "stream" };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
function isDecimal(value: unknown): value is string {
  return typeof value === "string" && /^\d{1,20}(\.\d{1,20})?$/.test(value);
}
function isLevels(value: unknown): value is RecordedLevels {
  return Array.isArray(value) &&
    value.every((pair) =>
      Array.isArray(pair) && pair.length >= 2 && isDecimal(pair[0]) && isDecimal(pair[1])
    );
}
