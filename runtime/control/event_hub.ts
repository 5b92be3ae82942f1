import { CandlewireError } from "../error.ts";
import { isSimulated, type Origin } from "../market/origin.ts";
import { type EncodedEvent, encodeEvent, EventReader } from "./event_reader.ts";
import type { Channel } from "./parameter.ts";

/** Options of {@linkcode EventHub}. */
export type EventHubOptions = {
  origin: Origin;
  maxReaders: number;
  /** Events and bytes kept for readers that come back. */
  maxEvents: number;
  maxEventBytes: number;
  maxReaderBytes: number;
  heartbeatMs: number;
  stalledReaderMs: number;
  nowMs: () => number;
};

/** What a reader asks for. */
export type ReaderRequest = {
  channels: readonly Channel[];
  /** Narrows events that have a symbol; undefined: all symbols. */
  symbols?: readonly string[];
  lastEventId?: string;
  /** The state at the start, an event's data each; `error` becomes an event `problem`. */
  snapshot: (
    channel: Channel,
  ) => AsyncIterable<{ symbol: string | null; data: unknown } | { error: unknown }>;
  /** What a reader is told of a failed snapshot. */
  problem: (error: unknown) => Record<string, unknown>;
};

type KeptEvent = EncodedEvent & { symbol: string | null };
type Subscription = {
  reader: EventReader;
  channels: ReadonlySet<string>;
  symbols: ReadonlySet<string> | undefined;
};

/** How long events are kept for nobody: a reader that was cut comes back within it. */
const ABSENCE_MS = 60_000;

/** The multiplexed event stream: each event is encoded once and handed to every reader that wants it. */
export class EventHub {
  readonly #options: EventHubOptions;
  readonly #subscriptions = new Set<Subscription>();
  readonly #all = new Set<EventReader>();
  /** Emptied slots before the head are cut off now and then. */
  readonly #ring: (KeptEvent | undefined)[] = [];
  #ringHead = 0;
  #ringBytes = 0;
  #sequence = 0;
  #lastReaderMs = -Infinity;
  /** Tells ids of this process from those of one before it. */
  readonly #boot = crypto.randomUUID().slice(0, 8);
  readonly #prefix: string;
  readonly #timer: ReturnType<typeof setInterval>;
  /** Counted for /metrics. */
  readonly figures = { published: 0, dropped: 0, oversized: 0, cut: 0, refused: 0 };

  constructor(options: EventHubOptions) {
    this.#options = options;
    this.#prefix = `{"origin":${JSON.stringify(options.origin)},"simulated":${isSimulated(options.origin)}`;
    this.#timer = setInterval(() => this.#tend(), Math.min(options.heartbeatMs, options.stalledReaderMs) / 2);
  }

  get readers(): number {
    return this.#subscriptions.size;
  }

  /** True when somebody reads this channel now. */
  wanted(channel: Channel): boolean {
    for (const one of this.#subscriptions) if (one.channels.has(channel)) return true;
    return false;
  }

  /**
   * Publishes a change. `key` names what a later event replaces, within the channel; null for events that stand for
   * themselves.
   */
  publish(channel: Channel, symbol: string | null, key: string | null, data: unknown): void {
    const { nowMs, maxReaderBytes } = this.#options;
    this.#sequence++;
    if (this.#subscriptions.size === 0 && nowMs() - this.#lastReaderMs > ABSENCE_MS) {
      // Nobody reads and nobody can come back: what is not encoded costs nothing.
      this.#clearRing();
      return;
    }
    const bytes = encodeEvent(channel, this.#data(channel, "change", symbol, data), this.#id(this.#sequence));
    if (bytes.length > maxReaderBytes) {
      this.figures.oversized++;
      for (const one of this.#subscriptions) if (wants(one, channel, symbol)) one.reader.lose(channel, 1);
      return;
    }
    const event = {
      sequence: this.#sequence,
      channel,
      symbol,
      key: key === null ? null : `${channel}\n${key}`,
      bytes,
    };
    this.figures.published++;
    this.#keep(event);
    for (const one of this.#subscriptions) if (wants(one, channel, symbol)) one.reader.offer(event);
  }

  /** Opens a stream: what was missed when `lastEventId` is still known, else snapshots; then changes. */
  open(request: ReaderRequest): ReadableStream<Uint8Array> {
    this.admit();
    const missed = this.#after(request.lastEventId);
    const subscription: Subscription = {
      reader: undefined as unknown as EventReader,
      channels: new Set(request.channels),
      symbols: request.symbols === undefined ? undefined : new Set(request.symbols),
    };
    const reader = this.reader(
      missed === undefined ? this.#front(request, this.#id(this.#sequence)) : undefined,
      () => this.#subscriptions.delete(subscription),
    );
    subscription.reader = reader;
    for (const event of missed ?? []) {
      if (wants(subscription, event.channel, event.symbol)) reader.offer(event);
    }
    // Changes that come while snapshots are read wait behind them, so nothing falls in between.
    this.#subscriptions.add(subscription);
    return reader.stream;
  }

  /** Refuses when there are too many readers already (I10). */
  admit(): void {
    const { maxReaders } = this.#options;
    if (this.#all.size < maxReaders) return;
    this.figures.refused++;
    throw new CandlewireError(
      "control.too_many_readers",
      `Open an event stream: ${this.#all.size} of ${maxReaders} are open`,
      {
        retry: "retry",
        hint: "Close other pages, use one stream with several channels, or raise control.maxReaders",
        details: { retryAfterMs: 5_000 },
      },
    );
  }

  /** A reader that the hub tends (heartbeat, stall, shutdown) and counts; log streams use it too. */
  reader(front: AsyncIterable<Uint8Array> | undefined, onClose: () => void): EventReader {
    const reader: EventReader = new EventReader({
      maxBytes: this.#options.maxReaderBytes,
      front,
      gapData: (channels, dropped) => this.gapData(channels, dropped, "slow_reader"),
      nowMs: this.#options.nowMs,
      onDrop: (events) => this.figures.dropped += events,
      onClose: () => {
        this.#all.delete(reader);
        this.#lastReaderMs = this.#options.nowMs();
        onClose();
      },
    });
    this.#all.add(reader);
    return reader;
  }

  gapData(channels: readonly string[], dropped: number, reason: "slow_reader" | "too_old"): string {
    return `${this.#prefix},"channels":${
      JSON.stringify(channels)
    },"dropped":${dropped},"reason":"${reason}"}`;
  }

  /** The members of an event's data behind the origin (I8). */
  stamped(members: Record<string, unknown>): string {
    const rest = JSON.stringify(members);
    return rest === "{}" ? `${this.#prefix}}` : `${this.#prefix},${rest.slice(1)}`;
  }

  /** Ends every stream. */
  close(): void {
    clearInterval(this.#timer);
    for (const reader of [...this.#all]) reader.close();
    this.#clearRing();
  }

  async *#front(request: ReaderRequest, id: string): AsyncGenerator<Uint8Array> {
    yield new TextEncoder().encode("retry: 2000\n\n");
    if (request.lastEventId !== undefined) {
      yield encodeEvent("gap", this.gapData(request.channels, 0, "too_old"));
    }
    for (const channel of request.channels) {
      for await (const part of request.snapshot(channel)) {
        if ("error" in part) {
          yield encodeEvent("problem", this.stamped({ channel, problem: request.problem(part.error) }));
        } else {
          yield encodeEvent(channel, this.#data(channel, "snapshot", part.symbol, part.data), id);
        }
      }
    }
  }

  #data(channel: string, kind: "snapshot" | "change", symbol: string | null, data: unknown): string {
    return `${this.#prefix},"channel":"${channel}","kind":"${kind}","symbol":${
      JSON.stringify(symbol)
    },"data":${JSON.stringify(data) ?? "null"}}`;
  }

  #id(sequence: number): string {
    return `${this.#boot}.${sequence}`;
  }

  /** The events after an id; undefined when they are not all known any more. */
  #after(id: string | undefined): KeptEvent[] | undefined {
    const match = /^([0-9a-f]{8})\.(\d{1,15})$/.exec(id ?? "");
    if (match === null || match[1] !== this.#boot) return undefined;
    const sequence = Number(match[2]);
    if (sequence > this.#sequence) return undefined;
    const first = this.#ring[this.#ringHead]?.sequence ?? this.#sequence + 1;
    if (sequence < first - 1) return undefined;
    return this.#ring.slice(this.#ringHead).filter((event): event is KeptEvent => event!.sequence > sequence);
  }

  #keep(event: KeptEvent): void {
    this.#ring.push(event);
    this.#ringBytes += event.bytes.length;
    const { maxEvents, maxEventBytes } = this.#options;
    while (this.#ring.length - this.#ringHead > maxEvents || this.#ringBytes > maxEventBytes) {
      this.#ringBytes -= this.#ring[this.#ringHead]!.bytes.length;
      this.#ring[this.#ringHead] = undefined;
      this.#ringHead++;
    }
    if (this.#ringHead > 1024 && this.#ringHead * 2 > this.#ring.length) {
      this.#ring.splice(0, this.#ringHead);
      this.#ringHead = 0;
    }
  }

  #clearRing(): void {
    this.#ring.length = this.#ringHead = this.#ringBytes = 0;
  }

  #tend(): void {
    const now = this.#options.nowMs();
    for (const reader of [...this.#all]) {
      if (reader.stalledForMs(now) > this.#options.stalledReaderMs) {
        this.figures.cut++;
        reader.close();
      } else {
        reader.heartbeat();
      }
    }
  }
}

function wants(one: Subscription, channel: string, symbol: string | null): boolean {
  return one.channels.has(channel) &&
    (symbol === null || one.symbols === undefined || one.symbols.has(symbol));
}
