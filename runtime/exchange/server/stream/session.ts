import type { ServerSocket } from "../websocket/server_socket.ts";
import type { TimeUnit } from "./payload.ts";
import type { Topic } from "./topic.ts";

/** One client's connection: how it wants its frames, and what it listens to. */
export class Session {
  readonly id: number;
  readonly unit: TimeUnit;
  /** True when payloads are wrapped with their stream's name. */
  combined: boolean;
  /** Names in the order they were asked for; undefined for names that carry no data. */
  readonly subscriptions = new Map<string, Topic | undefined>();
  readonly openedAt: number;
  lastPongAt: number;
  lastPingAt: number;
  framesSent = 0;
  bytesSent = 0;
  #socket: ServerSocket | undefined;

  constructor(id: number, options: { combined: boolean; unit: TimeUnit; wall: number }) {
    this.id = id;
    this.combined = options.combined;
    this.unit = options.unit;
    this.openedAt = options.wall;
    this.lastPongAt = options.wall;
    this.lastPingAt = options.wall;
  }

  attach(socket: ServerSocket): void {
    this.#socket = socket;
  }

  get socket(): ServerSocket {
    if (this.#socket === undefined) throw new TypeError("Use a session before its socket is attached");
    return this.#socket;
  }

  /** Which of the four encodings of a payload this connection takes. */
  get variant(): number {
    return (this.combined ? 1 : 0) | (this.unit === 1000 ? 2 : 0);
  }

  /** Queues an encoded frame; it leaves at the next flush. */
  send(frame: Uint8Array): void {
    this.framesSent++;
    this.bytesSent += frame.length;
    this.#socket!.queue(frame);
  }
}
