/** Options of {@linkcode FrameWriter}. */
export type FrameWriterOptions = {
  /** Bytes that may wait (32 MiB). */
  maxPendingBytes?: number;
  /** Told once, when a write fails: the other side is gone. */
  onError?: (error: unknown) => void;
};

/** Small frames are joined up to this many bytes, to spare system calls. */
const JOIN_BYTES = 64 * 1024;

/**
 * Writes frames in order, in the background, so that a reader is never held up by its own writer: two peers that write
 * at once while neither reads would block each other for ever. Bounded (I10): `send` refuses what does not fit.
 */
export class FrameWriter {
  readonly #write: (bytes: Uint8Array) => Promise<void>;
  readonly #maxPendingBytes: number;
  readonly #onError?: (error: unknown) => void;
  #queue: Uint8Array[] = [];
  #pendingBytes = 0;
  #running: Promise<void> | undefined;
  #failed = false;

  constructor(write: (bytes: Uint8Array) => Promise<void>, options: FrameWriterOptions = {}) {
    this.#write = write;
    this.#maxPendingBytes = options.maxPendingBytes ?? 32 * 1024 * 1024;
    this.#onError = options.onError;
  }

  /** Bytes accepted and not yet written. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Queues a frame. False when it does not fit or the other side is gone: it was not queued. */
  send(frame: Uint8Array): boolean {
    if (
      this.#failed || (this.#pendingBytes > 0 && this.#pendingBytes + frame.length > this.#maxPendingBytes)
    ) {
      return false;
    }
    this.#queue.push(frame);
    this.#pendingBytes += frame.length;
    this.#running ??= this.#drain();
    return true;
  }

  /** Resolves when all that was queued is written, or the other side is gone. */
  async flush(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #drain(): Promise<void> {
    // The first await lets frames of the same turn of the event loop gather into one write.
    await Promise.resolve();
    try {
      while (this.#queue.length > 0) {
        const bytes = this.#next();
        await this.#write(bytes);
        this.#pendingBytes -= bytes.length;
      }
    } catch (error) {
      this.#failed = true;
      this.#queue = [];
      this.#pendingBytes = 0;
      this.#onError?.(error);
    } finally {
      this.#running = undefined;
    }
  }

  #next(): Uint8Array {
    const first = this.#queue[0]!;
    let count = 1;
    let length = first.length;
    while (count < this.#queue.length && length + this.#queue[count]!.length <= JOIN_BYTES) {
      length += this.#queue[count++]!.length;
    }
    if (count === 1) {
      this.#queue.shift();
      return first;
    }
    const joined = new Uint8Array(length);
    let at = 0;
    for (const frame of this.#queue.splice(0, count)) {
      joined.set(frame, at);
      at += frame.length;
    }
    return joined;
  }
}
