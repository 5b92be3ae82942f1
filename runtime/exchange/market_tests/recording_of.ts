import type { ExchangeEvent, ExchangeMarket } from "../market.ts";

/**
 * Frames as a collector of a market would have recorded them, `<receive time in ns> <frame>`, with the answer to a
 * depth request after a few of each symbol's diffs. Depth frames come in `delayMs` after trades of the same time, as
 * streams do.
 */
export function recordingOf(market: ExchangeMarket, events: ExchangeEvent[], delayMs = 40): string {
  const lines: { at: number; text: string }[] = [];
  const depths = new Map<string, number>();
  for (const event of events) {
    const stream = event.symbol.toLowerCase();
    const at = event.time - 1000 + (event.type === "depth" ? delayMs : 0);
    const frame = frameOf(event);
    lines.push({ at, text: JSON.stringify({ stream: `${stream}@${event.type}`, data: frame }) });
    if (event.type !== "depth") continue;
    const count = (depths.get(event.symbol) ?? 0) + 1;
    depths.set(event.symbol, count);
    if (count === 4) {
      const { lastUpdateId, bids, asks } = market.truth.bookAt(event.symbol, event.finalUpdateId)!;
      lines.push({ at, text: JSON.stringify({ lastUpdateId, bids, asks }) });
    }
  }
  lines.sort((a, b) => a.at - b.at);
  return lines.map(({ at, text }) => `${BigInt(at) * 1_000_000n} ${text}\n`).join("");
}

function frameOf(event: ExchangeEvent): unknown {
  const s = event.symbol;
  if (event.type === "trade") {
    const { tradeId: t, price: p, quantity: q, time: T, isBuyerMaker: m } = event;
    return { e: "trade", E: T + 1, s, t, p, q, T, m, M: true };
  }
  if (event.type === "depth") {
    const { firstUpdateId: U, finalUpdateId: u, time: E, bids: b, asks: a } = event;
    return { e: "depthUpdate", E, s, U, u, b, a };
  }
  return { u: event.updateId, s, b: event.bid, B: event.bidQuantity, a: event.ask, A: event.askQuantity };
}
