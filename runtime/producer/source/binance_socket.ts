// @ts-types="@types/ws"
import { type RawData, WebSocket } from "ws";

/** Options of {@linkcode BinanceSocket}. */
export type BinanceSocketOptions = {
  /** Called for each text frame, in order. */
  onFrame: (text: string) => void;
  /** Called for a frame longer than `maxFrameBytes`, which is not read. */
  onOversized: (bytes: number) => void;
  maxFrameBytes: number;
  connectTimeoutMs: number;
  /** Without a frame or a ping for this long it closes itself with cause `silence`. */
  silenceMs: number;
};

/** Why a socket ended, the start of a gap's cause. */
export type SocketEnd = "disconnect" | "silence" | "back_pressure";

/**
 * One WebSocket connection. npm:ws and not Deno's own client: measured, that one cannot stop reading, while
 * `pause()` here lets TCP hold the server back; both cost 4 to 5 µs a frame. Pings are answered by ws itself.
 */
export class BinanceSocket {
  readonly #socket: WebSocket;
  readonly #options: BinanceSocketOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #watchMs: number;
  #lastSeenAt = performance.now();
  #watchedAt = performance.now();
  #resumedAt = -Infinity;
  #pausedFor = 0;
  #end: SocketEnd = "disconnect";
  /** Resolves when it is open; rejects with the HTTP status in `status` when the server refused. */
  readonly opened: Promise<void>;
  /** Resolves when it has ended, with why. */
  readonly closed: Promise<SocketEnd>;

  constructor(url: string, options: BinanceSocketOptions) {
    this.#options = options;
    this.#watchMs = Math.min(1_000, options.silenceMs / 4);
    this.#socket = new WebSocket(url, {
      perMessageDeflate: false,
      handshakeTimeout: options.connectTimeoutMs,
      // A frame above this cannot be skipped, only refused; below it, onOversized skips.
      maxPayload: Math.max(16 * 1024 * 1024, options.maxFrameBytes * 4),
      followRedirects: false,
    });
    const socket = this.#socket;
    this.opened = new Promise((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
      socket.once("unexpected-response", (_request, response) => {
        reject(Object.assign(new Error(`status ${response.statusCode}`), { status: response.statusCode }));
        socket.terminate();
      });
    });
    // Handled where it is awaited; without this, a socket closed before that would end the process.
    this.opened.catch(() => {});
    this.closed = new Promise((resolve) =>
      socket.once("close", () => {
        clearInterval(this.#timer);
        resolve(this.#end === "disconnect" && this.#heldBack() ? "back_pressure" : this.#end);
      })
    );
    socket.on("error", () => {});
    socket.on("message", (data, isBinary) => this.#receive(data, isBinary));
    socket.on("ping", () => this.#lastSeenAt = performance.now());
    this.#timer = setInterval(() => this.#watch(), this.#watchMs);
  }

  get open(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** Stops reading; what the server sends stays with the server. */
  pause(): void {
    if (this.open) this.#socket.pause();
  }

  resume(): void {
    if (!this.open || !this.#socket.isPaused) return;
    this.#lastSeenAt = this.#resumedAt = performance.now();
    this.#socket.resume();
  }

  send(text: string): void {
    this.#socket.send(text, () => {});
  }

  /** Ends it at once; `closed` resolves. */
  close(): void {
    this.#socket.terminate();
  }

  #receive(data: RawData, isBinary: boolean): void {
    this.#lastSeenAt = performance.now();
    // nodebuffer is ws's default binary type, so it is one Buffer.
    const bytes = data as { length: number; toString(): string };
    if (isBinary || bytes.length > this.#options.maxFrameBytes) this.#options.onOversized(bytes.length);
    else this.#options.onFrame(bytes.toString());
  }

  #watch(): void {
    const now = performance.now();
    // While this process was held up, what came lay unread: that is not the other side's silence.
    this.#lastSeenAt = Math.min(now, this.#lastSeenAt + Math.max(0, now - this.#watchedAt - this.#watchMs));
    this.#watchedAt = now;
    if (this.#socket.isPaused) {
      this.#pausedFor += 1;
      this.#lastSeenAt = now;
    } else if (this.open && now - this.#lastSeenAt > this.#options.silenceMs) {
      this.#end = "silence";
      this.#socket.terminate();
    }
  }

  /** A server drops who reads too slowly: an end while paused, or soon after, is our own doing. */
  #heldBack(): boolean {
    return this.#socket.isPaused || (this.#pausedFor > 0 && performance.now() - this.#resumedAt < 5_000);
  }
}
