const encoder = new TextEncoder();

/** An event, encoded once for all its readers. */
export type EncodedEvent = {
  sequence: number;
  channel: string;
  /** A later event with the same key makes this one needless; null for events that must not be merged. */
  key: string | null;
  bytes: Uint8Array;
};

/** Options of {@linkcode EventReader}. */
export type EventReaderOptions = {
  /** Bytes that may wait; above it events are dropped with a gap marker (I10). */
  maxBytes: number;
  /** What is sent before any queued event: snapshots. Read as fast as the reader takes it. */
  front?: AsyncIterable<Uint8Array>;
  /** The text of a gap marker's data. */
  gapData: (channels: string[], dropped: number) => string;
  onClose?: () => void;
  onDrop?: (events: number) => void;
  nowMs: () => number;
};

/** Headers of a stream; no proxy may collect or compress it. */
export const STREAM_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
};

const CHUNK_BYTES = 65_536;
const HEARTBEAT = encoder.encode(": heartbeat\n\n");

/**
 * One reader of a server-sent event stream. What it cannot take waits in a bounded queue, in which the newest of a
 * key replaces the older; ids stay in rising order, so that Last-Event-ID means "all up to here".
 */
export class EventReader {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #options: EventReaderOptions;
  readonly #queue = new Map<string, EncodedEvent>();
  #front: AsyncIterator<Uint8Array> | undefined;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #queuedBytes = 0;
  #lost = new Map<string, number>();
  #wake: (() => void) | undefined;
  #closed = false;
  #takenMs: number;
  #heartbeat = false;

  constructor(options: EventReaderOptions) {
    this.#options = options;
    this.#front = options.front?.[Symbol.asyncIterator]();
    this.#takenMs = options.nowMs();
    this.stream = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#controller = controller),
      pull: (controller) => this.#pull(controller),
      cancel: () => this.close(),
    }, { highWaterMark: 0 });
  }

  /** True once the reader has gone or was cut. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Milliseconds since the reader last took something while something waited for it. */
  stalledForMs(nowMs: number): number {
    // A pending pull means that the reader is waiting for us.
    return this.#wake !== undefined || this.#waiting === 0 ? 0 : nowMs - this.#takenMs;
  }

  get #waiting(): number {
    return this.#queue.size + this.#lost.size + (this.#heartbeat ? 1 : 0) +
      (this.#front === undefined ? 0 : 1);
  }

  /** Queues an event; never waits. */
  offer(event: EncodedEvent): void {
    if (this.#closed) return;
    const key = event.key ?? `#${event.sequence}`;
    const older = this.#queue.get(key);
    if (older !== undefined) {
      this.#queuedBytes -= older.bytes.length;
      // Deleted first, so that it moves behind what came in between: ids rise.
      this.#queue.delete(key);
    }
    this.#queue.set(key, event);
    this.#queuedBytes += event.bytes.length;
    if (this.#queuedBytes > this.#options.maxBytes) this.#shed();
    this.#wake?.();
  }

  /** Tells the reader that events are missing. */
  lose(channel: string, dropped: number): void {
    this.#lost.set(channel, (this.#lost.get(channel) ?? 0) + dropped);
    this.#wake?.();
  }

  /** A comment line, for proxies that cut quiet connections. */
  heartbeat(): void {
    this.#heartbeat = true;
    this.#wake?.();
  }

  /** Ends the stream; what waits is not sent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue.clear();
    this.#queuedBytes = 0;
    this.#front?.return?.().catch(() => {});
    try {
      this.#controller?.close();
    } catch {
      // Cancelled by the reader: there is nothing left to close.
    }
    this.#wake?.();
    this.#options.onClose?.();
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    this.#takenMs = this.#options.nowMs();
    while (!this.#closed) {
      if (this.#front !== undefined) {
        const next = await this.#front.next();
        if (this.#closed) break;
        if (!next.done) return controller.enqueue(next.value);
        this.#front = undefined;
      }
      const chunk = this.#take();
      if (chunk !== undefined) return controller.enqueue(chunk);
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
  }

  #take(): Uint8Array | undefined {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    if (this.#lost.size > 0) {
      const dropped = [...this.#lost.values()].reduce((a, b) => a + b, 0);
      const data = this.#options.gapData([...this.#lost.keys()], dropped);
      this.#lost.clear();
      const gap = encoder.encode(`event: gap\ndata: ${data}\n\n`);
      parts.push(gap);
      bytes += gap.length;
    }
    for (const [key, event] of this.#queue) {
      if (bytes > 0 && bytes + event.bytes.length > CHUNK_BYTES) break;
      this.#queue.delete(key);
      this.#queuedBytes -= event.bytes.length;
      parts.push(event.bytes);
      bytes += event.bytes.length;
    }
    if (parts.length === 0 && this.#heartbeat) parts.push(HEARTBEAT);
    this.#heartbeat = false;
    if (parts.length < 2) return parts[0];
    const chunk = new Uint8Array(bytes);
    let at = 0;
    for (const part of parts) {
      chunk.set(part, at);
      at += part.length;
    }
    return chunk;
  }

  /** Drops the oldest until half of the room is free, so that one slow reader does not shed at every event. */
  #shed(): void {
    const room = this.#options.maxBytes / 2;
    let dropped = 0;
    // What later events of its key will replace anyway is kept as long as possible.
    for (const merged of [false, true]) {
      for (const [key, event] of this.#queue) {
        if (this.#queuedBytes <= room) break;
        if ((event.key !== null) !== merged) continue;
        this.#queue.delete(key);
        this.#queuedBytes -= event.bytes.length;
        this.#lost.set(event.channel, (this.#lost.get(event.channel) ?? 0) + 1);
        dropped++;
      }
    }
    if (dropped > 0) this.#options.onDrop?.(dropped);
  }
}

/** One server-sent event as bytes. `data` must hold no line break: JSON text does not. */
export function encodeEvent(event: string, data: string, id?: string): Uint8Array {
  return encoder.encode(`${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`);
}
