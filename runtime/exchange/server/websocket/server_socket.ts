import type { Socket } from "node:net";
import { createHash } from "node:crypto";
import { encodeClose, encodeFrame, FrameDecoder, OPCODE } from "./frame.ts";

/** RFC 6455's constant for the handshake. */
const HANDSHAKE_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** What a connection tells its owner. Each `closed` comes once, and nothing after it. */
export type SocketEvents = {
  text(text: string): void;
  ping(): void;
  pong(): void;
  closed(): void;
};

/** The value of `Sec-WebSocket-Accept` for a client's key. */
export function acceptKey(key: string): string {
  return createHash("sha1").update(key + HANDSHAKE_GUID).digest("base64");
}

/**
 * The server's end of one WebSocket. Frames are queued already encoded and leave together at {@linkcode flush}, one
 * write a tick, so that many connections share the bytes. Control of pings, of the bytes that wait, and of rude cuts
 * is why the protocol is spoken here: Deno's and npm's servers hide one or the other.
 */
export class ServerSocket {
  readonly #socket: Socket;
  readonly #events: SocketEvents;
  readonly #decoder: FrameDecoder;
  readonly #maxBytes: number;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #parts: Uint8Array[] = [];
  #partBytes = 0;
  #open = true;

  /** Answers the handshake and takes the socket over. `head` are bytes that came with the request. */
  constructor(
    socket: Socket,
    events: SocketEvents,
    options: { key: string; head: Uint8Array; maxMessageBytes: number },
  ) {
    this.#socket = socket;
    this.#events = events;
    this.#maxBytes = options.maxMessageBytes;
    this.#decoder = new FrameDecoder(options.maxMessageBytes);
    socket.setNoDelay(true);
    socket.setTimeout(0);
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${acceptKey(options.key)}\r\n\r\n`,
    );
    socket.on("data", (chunk: Uint8Array) => this.#receive(chunk));
    socket.on("error", () => this.destroy());
    socket.on("close", () => this.#ended());
    socket.on("end", () => this.destroy());
    if (options.head.length > 0) this.#receive(options.head);
  }

  get open(): boolean {
    return this.#open;
  }

  /** Bytes given to this connection that the system has not taken. */
  get queuedBytes(): number {
    return this.#pendingBytes + this.#socket.writableLength;
  }

  /** Queues an encoded frame for the next flush. */
  queue(frame: Uint8Array): void {
    if (!this.#open) return;
    this.#pending.push(frame);
    this.#pendingBytes += frame.length;
  }

  flush(): void {
    if (this.#pendingBytes === 0 || !this.#open) return;
    const frames = this.#pending;
    let bytes = frames[0]!;
    if (frames.length > 1) {
      bytes = new Uint8Array(this.#pendingBytes);
      let at = 0;
      for (const frame of frames) {
        bytes.set(frame, at);
        at += frame.length;
      }
    }
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#socket.write(bytes);
  }

  ping(payload: string): void {
    this.queue(encodeFrame(OPCODE.ping, new TextEncoder().encode(payload)));
    this.flush();
  }

  /** Closes politely: what is queued, then a close frame, then the connection. */
  close(code: number, reason: string): void {
    if (!this.#open) return;
    this.queue(encodeClose(code, reason));
    this.flush();
    this.#socket.end();
    this.#ended();
    // A peer that never closes its half must not hold the socket (I10).
    const timer = setTimeout(() => this.#socket.destroy(), 1000);
    Deno.unrefTimer(timer);
  }

  /** Cuts without a word. */
  destroy(): void {
    this.#socket.destroy();
    this.#ended();
  }

  #ended(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#events.closed();
  }

  #receive(chunk: Uint8Array): void {
    for (const frame of this.#decoder.push(chunk)) {
      if (!this.#open) return;
      if (frame.kind === "bad") return this.close(frame.code, frame.reason);
      this.#take(frame.opcode, frame.final, frame.payload);
    }
  }

  #take(opcode: number, final: boolean, payload: Uint8Array): void {
    switch (opcode) {
      case OPCODE.ping:
        this.queue(encodeFrame(OPCODE.pong, payload));
        this.flush();
        return this.#events.ping();
      case OPCODE.pong:
        return this.#events.pong();
      case OPCODE.close:
        return this.close(payload.length >= 2 ? (payload[0]! << 8) | payload[1]! : 1000, "");
      default:
        this.#message(opcode, final, payload);
    }
  }

  #message(opcode: number, final: boolean, payload: Uint8Array): void {
    const continues = opcode === OPCODE.continuation;
    if (continues === (this.#parts.length === 0)) return this.close(1002, "Fragments out of order");
    this.#parts.push(payload);
    this.#partBytes += payload.length;
    if (this.#partBytes > this.#maxBytes || this.#parts.length > 1024) {
      return this.close(1009, "Message is too big");
    }
    if (!final) return;
    const whole = new Uint8Array(this.#partBytes);
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    this.#parts = [];
    this.#partBytes = 0;
    let text: string;
    try {
      text = new TextDecoder("utf-8", { fatal: true }).decode(whole);
    } catch {
      return this.close(1007, "Text is no UTF-8");
    }
    this.#events.text(text);
  }
}
