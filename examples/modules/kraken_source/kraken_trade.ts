/**
 * Decodes the `trade` channel of Kraken's WebSocket API v2. Pure and total: any text gives messages or says what is
 * wrong with it.
 * Format: https://docs.kraken.com/api/docs/websocket-v2/trade
 */
import type { TradeRow } from "../../../runtime/market/table.ts";

/** What a text frame of the socket says. */
export type KrakenMessage =
  | { kind: "trades"; snapshot: boolean; trades: TradeRow[] }
  /** A subscription was refused; the text says why. */
  | { kind: "refused"; error: string }
  /** Heartbeats, status, acknowledgements, other channels. */
  | { kind: "other" }
  | { kind: "bad"; message: string };

/** Kraken writes prices as JSON numbers; this keeps their digits, for no price may pass through a float. */
class Exact {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Decodes one text frame. */
export function decodeKraken(text: string): KrakenMessage {
  let frame: unknown;
  try {
    frame = parseExact(text);
  } catch (error) {
    return {
      kind: "bad",
      message: `Decode a frame of ${text.length} characters: ${(error as Error).message}`,
    };
  }
  if (!isRecord(frame)) return { kind: "bad", message: "Decode a frame: no JSON object" };
  if (frame.method === "subscribe" && frame.success === false) {
    return { kind: "refused", error: String(frame.error).slice(0, 200) };
  }
  if (frame.channel !== "trade") return { kind: "other" };
  if (frame.type !== "snapshot" && frame.type !== "update" || !Array.isArray(frame.data)) {
    return { kind: "bad", message: `Decode a trade frame: type ${String(frame.type)}` };
  }
  const snapshot = frame.type === "snapshot";
  const trades: TradeRow[] = [];
  for (const item of frame.data) {
    const trade = decodeTrade(item, snapshot);
    if (typeof trade === "string") return { kind: "bad", message: `Decode a trade: ${trade}` };
    trades.push(trade);
  }
  return { kind: "trades", snapshot, trades };
}

/** `BTC/USD` as it is called in our tables. */
export function tableSymbol(symbol: string): string {
  return `KRAKEN:${symbol.replace("/", "")}`;
}

function decodeTrade(item: unknown, snapshot: boolean): TradeRow | string {
  if (!isRecord(item)) return "no JSON object";
  const { symbol, side, price, qty, trade_id, timestamp } = item;
  if (typeof symbol !== "string" || !/^[A-Z0-9.]{1,20}\/[A-Z0-9.]{1,20}$/.test(symbol)) {
    return `symbol ${show(symbol)}`;
  }
  if (side !== "buy" && side !== "sell") return `side ${show(side)}`;
  const priceText = decimalText(price);
  if (priceText === undefined) return `price ${show(price)}`;
  const quantity = decimalText(qty);
  if (quantity === undefined) return `qty ${show(qty)}`;
  const id = trade_id instanceof Exact ? Number(trade_id.text) : NaN;
  if (!Number.isSafeInteger(id) || id < 0) return `trade_id ${show(trade_id)}`;
  const time = typeof timestamp === "string" ? Date.parse(timestamp) : NaN;
  if (Number.isNaN(time)) return `timestamp ${show(timestamp)}`;
  return {
    symbol: tableSymbol(symbol),
    trade_id: id,
    price: priceText,
    quantity,
    trade_time: Math.floor(time) as TradeRow["trade_time"],
    // `side` is the taker's: when the taker sells, the buyer was the maker.
    is_buyer_maker: side === "sell",
    backfill: snapshot,
  };
}

/** JSON whose numbers stay text. */
function parseExact(text: string): unknown {
  type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;
  const reviver: Reviver = (_key, value, context) =>
    typeof value === "number" ? new Exact(context.source!) : value;
  return JSON.parse(text, reviver as (key: string, value: unknown) => unknown);
}

/** A positive number's digits without an exponent: `5e-8` becomes `0.00000005`. */
function decimalText(value: unknown): string | undefined {
  const match = value instanceof Exact
    ? /^(\d{1,30})(?:\.(\d{1,30}))?(?:[eE]([+-]?\d{1,2}))?$/.exec(value.text)
    : null;
  if (match === null) return undefined;
  const [, whole, fraction = "", exponent = "0"] = match;
  const shift = Number(exponent);
  if (shift === 0) return fraction === "" ? whole! : `${whole}.${fraction}`;
  const digits = (whole! + fraction).padStart(
    Math.max(0, 1 - whole!.length - shift) + whole!.length + fraction.length,
    "0",
  );
  const scale = fraction.length - shift;
  if (scale <= 0) return (digits + "0".repeat(-scale)).replace(/^0+(?=\d)/, "");
  return `${digits.slice(0, -scale).replace(/^0+(?=\d)/, "") || "0"}.${digits.slice(-scale)}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  return value instanceof Exact ? value.text : String(JSON.stringify(value)).slice(0, 60);
}
