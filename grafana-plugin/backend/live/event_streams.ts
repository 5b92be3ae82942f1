import { EventParser, reconnectWait } from "../../../runtime/console/event_stream.js";
import { CandlewireError, errorText } from "../../../runtime/error.ts";
import { wait } from "../../../runtime/wait.ts";
import type { ControlClient, Stamp } from "../source/control_client.ts";

/** Comments come every 15 s: silence beyond this is a dead connection that nobody closed, ms. */
const SILENCE_MS = 40_000;
/** The event stream narrows to so many symbols; where more are wanted, all are read. */
const MAX_SYMBOLS = 50;
/** Events that wait for one subscriber at most; beyond it reads its state again (I10). */
const MAX_WAITING = 200;

/** What a subscriber is told, in order. */
export type Told =
  /** What comes from here on does not join what came before: the state is to be read. Told first of all, and after every loss. */
  | { type: "behind" }
  // deno-lint-ignore no-explicit-any
  | { type: "change"; stamp: Stamp; data: any }
  /** The connection cannot be opened again; told once until it can. */
  | { type: "interrupted"; text: string };

/**
 * The control API's event stream for all that a data source streams: one connection a channel, whatever the number of symbols and
 * subscribers, because the API has room for few readers. A connection comes back by itself and goes on where it was (Last-Event-ID).
 */
export class EventStreams {
  readonly #client: ControlClient;
  readonly #silenceMs: number;
  readonly #connections = new Map<string, Connection>();

  constructor(client: ControlClient, options: { silenceMs?: number } = {}) {
    this.#client = client;
    this.#silenceMs = options.silenceMs ?? SILENCE_MS;
  }

  /**
   * Changes of a channel, of one symbol or of all that has none; what arrives together is told together. Ends with the signal;
   * rejects when the token is refused.
   */
  async *subscribe(
    channel: string,
    symbol: string | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<Told[]> {
    let connection = this.#connections.get(channel);
    if (connection === undefined || connection.ended) {
      connection = new Connection(channel, { client: this.#client, silenceMs: this.#silenceMs });
      this.#connections.set(channel, connection);
    }
    const subscriber = new Subscriber(symbol);
    connection.join(subscriber);
    try {
      yield* subscriber.told(signal);
    } finally {
      connection.leave(subscriber);
    }
  }
}

/** One who reads a channel, with what waits for him. */
class Subscriber {
  readonly symbol: string | undefined;
  /** Its symbol is in the connection that is open. */
  joined = false;
  #waiting: Told[] = [];
  #failure: { error: unknown } | undefined;
  #wake = () => {};

  constructor(symbol: string | undefined) {
    this.symbol = symbol;
  }

  tell(told: Told): void {
    if (this.#waiting.length >= MAX_WAITING) this.#waiting = [{ type: "behind" }];
    this.#waiting.push(told);
    this.#wake();
  }

  fail(error: unknown): void {
    this.#failure = { error };
    this.#wake();
  }

  async *told(signal: AbortSignal): AsyncGenerator<Told[]> {
    const onAbort = () => this.#wake();
    signal.addEventListener("abort", onAbort);
    try {
      while (!signal.aborted) {
        if (this.#waiting.length > 0) yield this.#waiting.splice(0);
        else if (this.#failure !== undefined) throw this.#failure.error;
        else await new Promise<void>((resolve) => this.#wake = resolve);
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}

/** The connection of one channel: opened with the first subscriber, opened again for a symbol that it lacks, ended with the last. */
class Connection {
  readonly #channel: string;
  readonly #client: ControlClient;
  readonly #silenceMs: number;
  readonly #subscribers = new Set<Subscriber>();
  readonly #end = new AbortController();
  /** Ends the reading of the open connection, so that it is opened with what is wanted now; undefined while there is none. */
  #renew: AbortController | undefined;
  /** Symbols of the open connection; undefined: all. */
  #symbols: ReadonlySet<string> | undefined;
  #lastEventId = "";
  #interrupted: Told | undefined;
  /** Attempts to open it that failed since it was open. */
  #failures = 0;

  constructor(channel: string, options: { client: ControlClient; silenceMs: number }) {
    this.#channel = channel;
    this.#client = options.client;
    this.#silenceMs = options.silenceMs;
  }

  get ended(): boolean {
    return this.#end.signal.aborted;
  }

  join(subscriber: Subscriber): void {
    if (this.#subscribers.add(subscriber).size === 1) void this.#run();
    if (this.#interrupted !== undefined) subscriber.tell(this.#interrupted);
    if (this.#renew === undefined) return;
    if (this.#covers(subscriber)) this.#admit(subscriber);
    else this.#renew.abort();
  }

  leave(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
    // Its symbol stays in the connection until that is opened again: opening costs more than what is not listened to.
    if (this.#subscribers.size === 0) this.#end.abort();
  }

  #covers({ symbol }: Subscriber): boolean {
    return symbol === undefined || this.#symbols === undefined || this.#symbols.has(symbol);
  }

  #admit(subscriber: Subscriber): void {
    subscriber.joined = true;
    subscriber.tell({ type: "behind" });
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      try {
        if (await this.#follow()) continue;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof CandlewireError && error.retry !== "retry") {
          this.#end.abort();
          for (const subscriber of this.#subscribers) subscriber.fail(error);
          return;
        }
        // A connection that ends is opened again; that it cannot be is told once.
        if (this.#failures > 0 && this.#interrupted === undefined) {
          this.#interrupted = { type: "interrupted", text: errorText(error) };
          for (const subscriber of this.#subscribers) subscriber.tell(this.#interrupted);
        }
      }
      await wait(reconnectWait(++this.#failures, Math.random()), signal);
    }
  }

  /** Opens the connection and reads it; true when it ended because somebody wants what it lacks. */
  async #follow(): Promise<boolean> {
    const wanted = new Set([...this.#subscribers].flatMap(({ symbol }) => symbol ?? []));
    const symbols = wanted.size > MAX_SYMBOLS ? undefined : wanted;
    const lastEventId = this.#lastEventId;
    const { signal } = this.#end;
    const opening = new AbortController();
    const timer = setTimeout(() => opening.abort(noAnswer(this.#client.url)), this.#silenceMs);
    const body = await this.#client.events(this.#channel, {
      symbols: symbols === undefined ? undefined : [...symbols].join(",") || undefined,
      lastEventId,
      signal: AbortSignal.any([signal, opening.signal]),
    }).finally(() => clearTimeout(timer));
    this.#symbols = symbols;
    this.#interrupted = undefined;
    this.#failures = 0;
    const renew = this.#renew = new AbortController();
    for (const subscriber of this.#subscribers) {
      if (!this.#covers(subscriber)) renew.abort();
      else if (!subscriber.joined || lastEventId === "") this.#admit(subscriber);
    }
    try {
      const ended = AbortSignal.any([signal, renew.signal]);
      for await (const event of eventsOf(body, { signal: ended, silenceMs: this.#silenceMs })) {
        if (event.id !== "") this.#lastEventId = event.id;
        this.#take(event);
      }
      return renew.signal.aborted;
    } finally {
      this.#renew = undefined;
    }
  }

  #take({ event, data: text }: { event: string; data: string }): void {
    // Subscribers read their state themselves: the stream's snapshots, and that one could not be read, tell them nothing.
    if (event !== "gap" && event !== this.#channel) return;
    const parsed = parse(text);
    if (parsed === undefined || (event !== "gap" && parsed.kind !== "change")) return;
    const { origin, simulated, data } = parsed;
    const told: Told = event === "gap"
      ? { type: "behind" }
      : { type: "change", stamp: { origin, simulated }, data };
    for (const subscriber of this.#subscribers) {
      const { symbol, joined } = subscriber;
      if (joined && (event === "gap" || symbol === undefined || symbol === parsed.symbol)) {
        subscriber.tell(told);
      }
    }
  }
}

/** The events of a body. Ends with the signal, with the body and after a long silence. */
async function* eventsOf(
  body: ReadableStream<Uint8Array>,
  { signal, silenceMs }: { signal: AbortSignal; silenceMs: number },
) {
  const parser = new EventParser();
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const cancel = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", cancel, { once: true });
  try {
    while (!signal.aborted) {
      timer = setTimeout(cancel, silenceMs);
      const { value, done } = await reader.read();
      clearTimeout(timer);
      if (done || signal.aborted) return;
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}

function noAnswer(url: string): CandlewireError {
  return new CandlewireError("query.unavailable", `Ask the control API at ${url}: it does not answer`, {
    retry: "retry",
  });
}

// deno-lint-ignore no-explicit-any
function parse(text: string): Stamp & { kind?: string; symbol?: string | null; data?: any } | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
