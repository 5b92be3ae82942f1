import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { VirtualClock } from "./clock.ts";
import type { FaultBoard } from "./faults/fault_board.ts";
import { SlidingLimit } from "./limits.ts";
import { ApiError, FIREWALL_PAGE, REGION_BLOCK } from "./rest/api_error.ts";
import { unitOf } from "./rest/rest_api.ts";
import { decodeControlMessage, encodeFailure, encodeResult } from "./stream/control_message.ts";
import type { Hub } from "./stream/hub.ts";
import { combine, serverShutdownPayload, type TimeUnit } from "./stream/payload.ts";
import { Session } from "./stream/session.ts";
import { encodeText } from "./websocket/frame.ts";
import { ServerSocket } from "./websocket/server_socket.ts";

/** Limits of connections; see config.ts. Times are real. */
export type ConnectionOptions = {
  pingIntervalMs: number;
  pongTimeoutMs: number;
  connectionLifeMs: number;
  clientMessagesPerSecond: number;
  maxMessageBytes: number;
  maxStreams: number;
  connectionAttempts: number;
  maxConnections: number;
  cutAtBytes: number;
  wall: () => number;
};

const FIVE_MINUTES_MS = 300_000;

/** What an upgrade request asks for: `/ws`, `/ws/<stream>` or `/stream?streams=a/b`. */
export type StreamRequest = { combined: boolean; streams: string[]; unit: TimeUnit };

/** Reads an upgrade's address; undefined when there are no streams under that path. Throws an ApiError for a bad unit. */
export function parseStreamRequest(url: string): StreamRequest | undefined {
  const { pathname, searchParams } = new URL(url, "http://exchange");
  const unit = unitOf(searchParams.get("timeUnit") ?? undefined);
  const names = (text: string) => text.split("/").filter((name) => name !== "");
  if (pathname === "/stream" || pathname === "/stream/") {
    return { combined: true, streams: names(searchParams.get("streams") ?? ""), unit };
  }
  if (pathname !== "/ws" && !pathname.startsWith("/ws/")) return undefined;
  let path: string;
  try {
    path = decodeURIComponent(pathname.slice(3));
  } catch {
    return undefined;
  }
  return { combined: false, streams: names(path), unit };
}

/** The WebSocket side: handshakes, dialogue, pings, limits and ends of connections. */
export class Connections {
  readonly #hub: Hub;
  readonly #faults: FaultBoard;
  readonly #clock: VirtualClock;
  readonly #options: ConnectionOptions;
  readonly #attempts: SlidingLimit;
  readonly #messages: SlidingLimit;
  readonly #timer: ReturnType<typeof setInterval>;
  #nextId = 1;
  /** Connections that ended, by cause. */
  readonly ended: Record<string, number> = {};
  opened = 0;
  /** Called when subscriptions changed. */
  onChange: () => void = () => {};

  constructor(
    parts: { hub: Hub; faults: FaultBoard; clock: VirtualClock },
    options: ConnectionOptions,
  ) {
    this.#hub = parts.hub;
    this.#faults = parts.faults;
    this.#clock = parts.clock;
    this.#options = options;
    this.#attempts = new SlidingLimit(options.connectionAttempts, FIVE_MINUTES_MS);
    this.#messages = new SlidingLimit(options.clientMessagesPerSecond, 1000);
    const everyMs = Math.max(10, Math.min(options.pingIntervalMs, options.pongTimeoutMs, 1000) / 4);
    this.#timer = setInterval(() => this.#tend(), everyMs);
  }

  /** Answers an upgrade request: with a connection, or with an error body. */
  upgrade(request: IncomingMessage, socket: Socket, head: Uint8Array): void {
    socket.on("error", () => socket.destroy());
    const refusal = this.#refusal(request);
    if (refusal !== undefined) return refuse(socket, refusal);
    let asked: StreamRequest | undefined;
    try {
      asked = parseStreamRequest(request.url ?? "/");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return refuse(socket, { status: 400, body: error.body });
    }
    if (asked === undefined) return refuse(socket, { status: 404, body: notFound(request.url ?? "/") });
    if (new Set(asked.streams).size > this.#options.maxStreams) {
      return refuse(socket, { status: 400, body: encodeFailure(2, this.#tooMany(), undefined) });
    }
    this.#open(asked, socket, head, request.headers["sec-websocket-key"]!);
  }

  /** Cuts matching connections without a word. Returns how many. */
  cut(which: (session: Session) => boolean, limit = Infinity): number {
    let cut = 0;
    for (const session of [...this.#hub.sessions]) {
      if (cut >= limit || !which(session)) continue;
      this.#end(session, "cut", () => session.socket.destroy());
      cut++;
    }
    return cut;
  }

  /** Ends matching connections with a close frame. */
  closeAll(cause: string, code: number, which: (session: Session) => boolean = () => true): number {
    let closed = 0;
    for (const session of [...this.#hub.sessions]) {
      if (!which(session)) continue;
      this.#end(session, cause, () => session.socket.close(code, cause));
      closed++;
    }
    return closed;
  }

  /** Sends Binance's `serverShutdown` to matching connections. */
  announceShutdown(which: (session: Session) => boolean): number {
    let told = 0;
    for (const session of this.#hub.sessions) {
      if (!which(session)) continue;
      const payload = serverShutdownPayload(this.#clock.told(this.#options.wall()), session.unit);
      session.send(encodeText(session.combined ? combine("!serverShutdown", payload) : payload));
      session.socket.flush();
      told++;
    }
    return told;
  }

  /** Ends everything: connections are closed, timers stopped. */
  close(): void {
    clearInterval(this.#timer);
    this.closeAll("Server is closing", 1001);
  }

  #refusal(request: IncomingMessage): { status: number; body: string; retryAfter?: number } | undefined {
    const address = request.socket.remoteAddress ?? "";
    const { headers } = request;
    const fault = this.#faults.request(new URL(request.url ?? "/", "http://exchange").pathname);
    if (fault?.fault.name === "http403") return { status: 403, body: FIREWALL_PAGE };
    if (fault?.fault.name === "http451") return { status: 451, body: REGION_BLOCK };
    if (fault?.fault.name === "http429") {
      return {
        status: 429,
        body: '{"code":-1003,"msg":"Too many requests."}',
        retryAfter: fault.secondsLeft,
      };
    }
    if (fault?.fault.name === "http418") {
      return { status: 418, body: '{"code":-1003,"msg":"IP banned."}', retryAfter: fault.secondsLeft };
    }
    if (fault?.fault.name === "http5xx") {
      return { status: fault.fault.status, body: '{"code":-1000,"msg":"Internal error"}' };
    }
    if (headers["sec-websocket-key"] === undefined || headers["sec-websocket-version"] !== "13") {
      return {
        status: 400,
        body: '{"code":-1000,"msg":"A WebSocket handshake of version 13 was expected."}',
      };
    }
    if (!this.#attempts.take(address, this.#options.wall())) {
      const msg =
        `Too many connection attempts from IP; current limit is ${this.#options.connectionAttempts} per '5 MINUTES'.`;
      return { status: 429, body: JSON.stringify({ code: -1034, msg }), retryAfter: 300 };
    }
    if (this.#hub.sessions.size >= this.#options.maxConnections) {
      const msg = `Too many concurrent connections; current limit is '${this.#options.maxConnections}'.`;
      return { status: 429, body: JSON.stringify({ code: -1034, msg }), retryAfter: 60 };
    }
    return undefined;
  }

  #open(asked: StreamRequest, socket: Socket, head: Uint8Array, key: string): void {
    const wall = this.#options.wall();
    const session = new Session(this.#nextId++, { combined: asked.combined, unit: asked.unit, wall });
    const web = new ServerSocket(socket, {
      text: (text) => this.#counted(session) && this.#message(session, text),
      ping: () => this.#counted(session),
      pong: () => {
        session.lastPongAt = this.#options.wall();
        this.#counted(session);
      },
      closed: () => this.#end(session, "closed by client", () => {}),
    }, { key, head, maxMessageBytes: this.#options.maxMessageBytes });
    session.attach(web);
    if (!web.open) return;
    this.opened++;
    this.#hub.sessions.add(session);
    for (const name of asked.streams) this.#hub.subscribe(session, name);
    this.onChange();
  }

  #message(session: Session, text: string): void {
    const reply = (answer: string) => {
      session.send(encodeText(answer));
      session.socket.flush();
    };
    const message = decodeControlMessage(text);
    switch (message.method) {
      case "error":
        return reply(encodeFailure(message.code, message.msg, message.id));
      case "SUBSCRIBE": {
        const wanted = new Set([...session.subscriptions.keys(), ...message.params]);
        if (wanted.size > this.#options.maxStreams) {
          return reply(encodeFailure(2, this.#tooMany(), message.id));
        }
        reply(encodeResult(null, message.id));
        for (const name of message.params) this.#hub.subscribe(session, name);
        return this.onChange();
      }
      case "UNSUBSCRIBE":
        for (const name of message.params) this.#hub.unsubscribe(session, name);
        reply(encodeResult(null, message.id));
        return this.onChange();
      case "LIST_SUBSCRIPTIONS":
        return reply(encodeResult([...session.subscriptions.keys()], message.id));
      case "SET_PROPERTY":
        session.combined = message.combined;
        return reply(encodeResult(null, message.id));
      case "GET_PROPERTY":
        return reply(encodeResult(session.combined, message.id));
      default:
        message satisfies never;
    }
  }

  /** Counts a client's message; ends the connection when it is one too many. */
  #counted(session: Session): boolean {
    if (this.#messages.take(String(session.id), this.#options.wall())) return true;
    this.#end(session, "too many messages", () => session.socket.close(1008, "Too many requests"));
    return false;
  }

  #tooMany(): string {
    return `Invalid request: more than ${this.#options.maxStreams} streams`;
  }

  /** Pings, and ends what is silent, old or too far behind. */
  #tend(): void {
    const wall = this.#options.wall();
    const { pingIntervalMs, pongTimeoutMs, connectionLifeMs, cutAtBytes } = this.#options;
    this.#faults.release();
    for (const session of [...this.#hub.sessions]) {
      if (wall - session.openedAt >= connectionLifeMs) {
        this.#end(session, "24 hours", () => session.socket.close(1001, "Connection reached its age limit"));
      } else if (wall - session.lastPongAt >= pongTimeoutMs) {
        this.#end(session, "no pong", () => session.socket.destroy());
      } else if (session.socket.queuedBytes > cutAtBytes) {
        this.#end(session, "too slow", () => session.socket.destroy());
      } else if (wall - session.lastPingAt >= pingIntervalMs && !this.#faults.stalled(session)) {
        session.lastPingAt = wall;
        session.socket.ping(String(Math.floor(wall)));
      }
    }
  }

  #end(session: Session, cause: string, how: () => void): void {
    if (!this.#hub.sessions.has(session)) return;
    this.#hub.leave(session);
    this.#messages.forget(String(session.id));
    this.ended[cause] = (this.ended[cause] ?? 0) + 1;
    how();
    this.onChange();
  }
}

function notFound(url: string): string {
  return JSON.stringify({ code: -5000, msg: `Path ${url.split("?")[0]}, Method GET is invalid` });
}

/** An HTTP answer on a socket that asked for an upgrade. */
function refuse(socket: Socket, answer: { status: number; body: string; retryAfter?: number }): void {
  const body = new TextEncoder().encode(answer.body);
  const type = answer.body.startsWith("<") ? "text/html" : "application/json;charset=UTF-8";
  const retry = answer.retryAfter === undefined ? "" : `Retry-After: ${answer.retryAfter}\r\n`;
  socket.end(
    `HTTP/1.1 ${answer.status} Refused\r\nContent-Type: ${type}\r\n${retry}Content-Length: ${body.length}\r\n` +
      `Connection: close\r\n\r\n${answer.body}`,
  );
}
