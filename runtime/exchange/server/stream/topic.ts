import type { Candle, ExchangeDepth } from "../../market.ts";
import type { Session } from "./session.ts";
import type { Stream } from "./stream_name.ts";

/** A stream that somebody listens to, and what its cadence remembers between two frames. */
export class Topic {
  readonly name: string;
  readonly stream: Stream;
  readonly sessions = new Set<Session>();
  /** What a combined frame begins with. */
  readonly prefix: string;
  /** Counts of trades and of quotes that the last frame had seen. */
  seenTrades = -1;
  seenQuotes = -1;
  /** A diff stream of 1000 ms: the changes since its last frame. */
  gathered: { first: number; last: number; bids: Map<string, string>; asks: Map<string, string> } | undefined;
  /** A kline stream: the candle that is open as far as the listeners know. */
  candle: Pick<Candle, "openTime" | "closeTime"> | undefined;
  /** An array stream: the count of trades of each symbol that the last frame had seen. */
  readonly seenBySymbol = new Map<string, number>();

  constructor(name: string, stream: Stream) {
    this.name = name;
    this.stream = stream;
    this.prefix = `{"stream":${JSON.stringify(name)},"data":`;
  }

  /** Adds a 100 ms diff to the gathered one: the last quantity of a level counts. */
  gather(depth: ExchangeDepth): void {
    this.gathered ??= {
      first: depth.firstUpdateId,
      last: depth.finalUpdateId,
      bids: new Map(),
      asks: new Map(),
    };
    this.gathered.last = depth.finalUpdateId;
    for (const [price, quantity] of depth.bids) this.gathered.bids.set(price, quantity);
    for (const [price, quantity] of depth.asks) this.gathered.asks.set(price, quantity);
  }
}
