import { errorText } from "../../error.ts";
import { wallClock } from "../../market/epoch.ts";
import { decodeFrame, type FrameProblem, type StreamKind } from "./binance_frames.ts";
import { regionBlocked } from "./binance_http.ts";
import { BinanceSocket, type SocketEnd } from "./binance_socket.ts";
import type { ConnectGate } from "./connect_gate.ts";
import type { Inbox } from "./inbox.ts";
import type { MarketEvent } from "./market_source.ts";
import { backoffMs } from "./backoff.ts";
import { wait } from "../../wait.ts";

/** What a source reports beside its events: for metrics, logs and health. */
export type SourceObserver = {
  frame(stream: StreamKind): void;
  problem(problem: FrameProblem): void;
  /** A connection ended and another is tried. */
  reconnect(cause: string): void;
  /** Something that a person should know, such as a refused connection. */
  failure(error: unknown): void;
};

/** Limits of {@linkcode BinanceStream}; meaning and units in `config.ts`. */
export type StreamLimits = {
  silenceMs: number;
  maxConnectionAgeMs: number;
  overlapMs: number;
  reconnectBaseMs: number;
  reconnectCapMs: number;
  connectTimeoutMs: number;
  maxFrameBytes: number;
};

/** Streams named in the URL; further ones are asked for by SUBSCRIBE, so that the URL stays short. */
const STREAMS_PER_REQUEST = 100;

/** Binance allows five client messages a second, answers to pings among them. */
const REQUEST_INTERVAL_MS = 400;

/** Events held of a new connection while the old one is still read. */
const MAX_HELD = 20_000;

type Connection = {
  socket: BinanceSocket;
  /** Events kept back while the connection before it is still read; null when they go to the inbox. */
  held: MarketEvent[] | null;
  /** Resolves when it should be replaced: its age, or the server's announcement. */
  due: Promise<"replace">;
  full: Promise<void>;
  openedAt: number;
};

/**
 * Keeps one connection for a group of streams: reconnects with backoff and full jitter, and replaces it before its
 * 24 hours are over, or when the server announces its end, by opening the next one first. What both tell is told
 * apart by ids further on.
 */
export class BinanceStream {
  readonly #url: string;
  readonly #streams: string[];
  readonly #symbols: string[];
  readonly #known: ReadonlySet<string>;
  readonly #inbox: Inbox;
  readonly #gate: ConnectGate;
  readonly #observer: SourceObserver;
  readonly #limits: StreamLimits;

  constructor(
    wsUrl: string,
    group: { streams: string[]; symbols: string[] },
    options: { inbox: Inbox; gate: ConnectGate; observer: SourceObserver; limits: StreamLimits },
  ) {
    this.#url = wsUrl.replace(/\/+$/, "");
    this.#streams = group.streams;
    this.#symbols = group.symbols;
    this.#known = new Set(group.symbols);
    this.#inbox = options.inbox;
    this.#gate = options.gate;
    this.#observer = options.observer;
    this.#limits = options.limits;
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<"aborted">((resolve) =>
      signal.addEventListener("abort", () => resolve("aborted"), { once: true })
    );
    let attempt = 0;
    let current: Connection | undefined;
    while (!signal.aborted) {
      if (current === undefined) {
        current = await this.#connect(signal, false);
        if (current === undefined) {
          await this.#backOff(attempt++, signal);
          continue;
        }
      }
      const end: SocketEnd | "replace" | "aborted" = await Promise.race([
        current.socket.closed,
        current.due,
        aborted,
      ]);
      if (end === "aborted") break;
      if (end === "replace") {
        const next = await this.#replacement(current, signal);
        if (next !== undefined) current = next;
        // Else the old one has ended meanwhile, which the next turn sees.
        if (current.socket.open || signal.aborted) continue;
      }
      const cause: SocketEnd = end === "replace" ? await current.socket.closed : end;
      this.#inbox.detach(current.socket);
      this.#inbox.push({ kind: "disconnected", cause, at: wallClock(), symbols: this.#symbols });
      this.#observer.reconnect(cause);
      if (performance.now() - current.openedAt > 10_000) attempt = 0;
      current = undefined;
      await this.#backOff(attempt++, signal);
    }
    if (current !== undefined) await this.#discard(current);
  }

  /** Opens the next connection while `current` is read; undefined when `current` ended before that. */
  async #replacement(current: Connection, signal: AbortSignal): Promise<Connection | undefined> {
    const gone = new AbortController();
    current.socket.closed.then(() => gone.abort());
    const until = AbortSignal.any([signal, gone.signal]);
    for (let attempt = 0; !until.aborted; attempt++) {
      await this.#backOff(attempt, until);
      const next = await this.#connect(until, true);
      if (next === undefined) continue;
      // Whatever the exchange sent before the next one was open is still on its way on the old one: read on.
      await Promise.race([wait(this.#limits.overlapMs, until), next.full, next.socket.closed]);
      if (!next.socket.open) continue;
      this.#observer.reconnect("replaced");
      await this.#discard(current);
      this.#release(next);
      return next;
    }
    return undefined;
  }

  /** @param hold Keeps events back until {@linkcode #release}; else they flow at once. */
  async #connect(signal: AbortSignal, hold: boolean): Promise<Connection | undefined> {
    await this.#gate.pass(signal);
    if (signal.aborted) return undefined;
    let replace: (value: "replace") => void = () => {};
    let overflow: () => void = () => {};
    const connection = {
      held: [] as MarketEvent[] | null,
      due: new Promise<"replace">((resolve) => replace = resolve),
      full: new Promise<void>((resolve) => overflow = resolve),
      openedAt: performance.now(),
    } as Connection;
    const first = this.#streams.slice(0, STREAMS_PER_REQUEST);
    // Not encodeURIComponent: "@" and "!" are part of stream names and stay as they are.
    const url = `${this.#url}/stream?streams=${first.map(encodeURI).join("/")}`;
    const socket = connection.socket = new BinanceSocket(url, {
      ...this.#limits,
      onFrame: (text) => {
        const frame = decodeFrame(text, this.#known);
        this.#observer.frame(frame.stream);
        for (const problem of frame.problems) this.#observer.problem(problem);
        if (frame.shutdown) replace("replace");
        const { held } = connection;
        for (const event of frame.events) {
          if (held === null) this.#inbox.push(event);
          else if (held.push(event) === MAX_HELD) {
            // I10: what comes now stays with the server.
            socket.pause();
            overflow();
          }
        }
      },
      onOversized: (bytes) => {
        const reason = `Frame has ${bytes} bytes, or is binary`;
        this.#observer.frame("other");
        this.#observer.problem({ code: "source.oversized_frame", reason, stream: null });
      },
    });
    const abort = () => socket.close();
    signal.addEventListener("abort", abort, { once: true });
    try {
      await socket.opened;
      if (!hold) {
        this.#inbox.push({ kind: "connected", at: wallClock(), symbols: this.#symbols });
        this.#release(connection);
      }
      await this.#subscribe(socket, this.#streams.slice(STREAMS_PER_REQUEST), signal);
    } catch (error) {
      await this.#discard(connection);
      if (!signal.aborted) this.#observer.failure(refusal(error, this.#url));
      return undefined;
    } finally {
      signal.removeEventListener("abort", abort);
    }
    const age = setTimeout(() => replace("replace"), this.#limits.maxConnectionAgeMs);
    socket.closed.then(() => clearTimeout(age));
    return connection;
  }

  async #subscribe(socket: BinanceSocket, streams: string[], signal: AbortSignal): Promise<void> {
    for (let i = 0; i < streams.length && !signal.aborted; i += STREAMS_PER_REQUEST) {
      const params = streams.slice(i, i + STREAMS_PER_REQUEST);
      socket.send(JSON.stringify({ method: "SUBSCRIBE", params, id: i / STREAMS_PER_REQUEST + 1 }));
      await wait(REQUEST_INTERVAL_MS, signal);
    }
  }

  #release(connection: Connection): void {
    const { held } = connection;
    connection.held = null;
    for (const event of held ?? []) this.#inbox.push(event);
    connection.socket.resume();
    this.#inbox.attach(connection.socket);
  }

  async #discard(connection: Connection): Promise<void> {
    this.#inbox.detach(connection.socket);
    connection.socket.close();
    await connection.socket.closed;
  }

  #backOff(attempt: number, signal: AbortSignal): Promise<void> {
    const { reconnectBaseMs, reconnectCapMs } = this.#limits;
    return wait(backoffMs(attempt, { baseMs: reconnectBaseMs, capMs: reconnectCapMs }), signal);
  }
}

function refusal(error: unknown, url: string): unknown {
  const status = (error as { status?: number }).status;
  if (status === 403 || status === 451) return regionBlocked(status, url);
  return new Error(`Connect to ${url}: ${errorText(error)}`);
}
