import { encodeText } from "../websocket/frame.ts";
import type { FaultBoard } from "../faults/fault_board.ts";
import type { TimeUnit } from "./payload.ts";
import type { Session } from "./session.ts";
import { cadenceMs, parseStreamName } from "./stream_name.ts";
import { Topic } from "./topic.ts";

/** The topics of one symbol that are sent as things happen. */
export type SymbolTopics = {
  trade?: Topic;
  aggTrade?: Topic;
  bookTicker?: Topic;
  depth?: Topic;
  slowDepth?: Topic;
};

/** Who listens to what. A payload is encoded once for each of its four forms, however many listen. */
export class Hub {
  readonly sessions = new Set<Session>();
  /** Topics with a cadence, for the virtual clock's grid. */
  readonly periodic = new Set<Topic>();
  readonly bySymbol = new Map<string, SymbolTopics>();
  readonly #topics = new Map<string, Topic>();
  readonly #symbols = new Map<string, string>();
  readonly #faults: FaultBoard;
  /** Called when a topic gets its first listener. */
  onTopic: (topic: Topic) => void = () => {};
  framesSent = 0;

  constructor(symbols: readonly string[], faults: FaultBoard) {
    this.#faults = faults;
    for (const symbol of symbols) this.#symbols.set(symbol.toLowerCase(), symbol);
  }

  get topics(): Iterable<Topic> {
    return this.#topics.values();
  }

  /** True when any live name is listened to. */
  get listening(): boolean {
    return this.#topics.size > 0;
  }

  subscribe(session: Session, name: string): void {
    if (session.subscriptions.has(name)) return;
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      const stream = parseStreamName(name, (lowercase) => this.#symbols.get(lowercase));
      if (stream !== undefined) {
        topic = new Topic(name, stream);
        this.#topics.set(name, topic);
        if (cadenceMs(stream) > 0) this.periodic.add(topic);
        this.#place(topic, topic);
        this.onTopic(topic);
      }
    }
    session.subscriptions.set(name, topic);
    topic?.sessions.add(session);
  }

  unsubscribe(session: Session, name: string): void {
    const topic = session.subscriptions.get(name);
    session.subscriptions.delete(name);
    if (topic === undefined) return;
    topic.sessions.delete(session);
    if (topic.sessions.size > 0) return;
    this.#topics.delete(topic.name);
    this.periodic.delete(topic);
    this.#place(topic, undefined);
  }

  /** Forgets a connection. */
  leave(session: Session): void {
    for (const name of [...session.subscriptions.keys()]) this.unsubscribe(session, name);
    this.sessions.delete(session);
  }

  /** Sends a payload to everyone on a topic. `render` is called once for each unit in use. */
  publish(topic: Topic, render: (unit: TimeUnit) => string): void {
    let first: Uint8Array | undefined;
    let firstVariant = -1;
    let others: (Uint8Array | undefined)[] | undefined;
    for (const session of topic.sessions) {
      const variant = session.variant;
      let frame = variant === firstVariant ? first : others?.[variant];
      if (frame === undefined) {
        const payload = render(session.unit);
        frame = encodeText(session.combined ? `${topic.prefix}${payload}}` : payload);
        if (firstVariant < 0) {
          first = frame;
          firstVariant = variant;
        } else (others ??= [])[variant] = frame;
      }
      this.framesSent++;
      if (this.#faults.touchesFrames) this.#faults.deliver(session, topic.name, frame);
      else session.send(frame);
    }
  }

  /** Writes what was queued, one write a connection. */
  flush(): void {
    for (const session of this.sessions) session.socket.flush();
  }

  /** The largest queue of any connection, in bytes. */
  longestQueue(): number {
    let longest = 0;
    for (const session of this.sessions) longest = Math.max(longest, session.socket.queuedBytes);
    return longest;
  }

  #place(topic: Topic, value: Topic | undefined): void {
    const { stream } = topic;
    if (!("symbol" in stream)) return;
    let topics = this.bySymbol.get(stream.symbol);
    if (topics === undefined) this.bySymbol.set(stream.symbol, topics = {});
    if (stream.kind === "trade" || stream.kind === "aggTrade" || stream.kind === "bookTicker") {
      topics[stream.kind] = value;
    } else if (stream.kind === "depth") topics[stream.speedMs === 100 ? "depth" : "slowDepth"] = value;
  }
}
