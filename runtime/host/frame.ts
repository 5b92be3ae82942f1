import { CandlewireError } from "../error.ts";

/**
 * The wire format between the host and a module, on the child's stdin and stdout:
 *
 * ```
 * u32 length of what follows · u8 kind · u32 length of the head · head: a JSON object · body: JSON or nothing
 * ```
 *
 * All numbers big-endian. The head says what the frame is about and where it goes; the body is the payload of a call
 * or an event, which the host relays without decoding it.
 */
export const FRAME_KINDS = {
  /** Host → child: who it is, its parameters and secrets. The first frame. */
  start: 1,
  /** Host → child: drain and return. */
  stop: 2,
  /** Child → host: its code is loaded. */
  hello: 3,
  /** Child → host, each second: alive, with the metrics that changed. */
  heartbeat: 4,
  log: 5,
  health: 6,
  publish: 7,
  /** Both ways: a call. */
  request: 8,
  /** Both ways: its answer. */
  response: 9,
  /** Host → child: events it may publish again. */
  credit: 10,
  /** Child → host: main returned or failed; the process ends now. */
  goodbye: 11,
} as const;

/** One of {@linkcode FRAME_KINDS}. */
export type FrameKind = keyof typeof FRAME_KINDS;

/** A decoded frame. `body` may share memory with the chunk it came in. */
export type Frame = { kind: FrameKind; head: Record<string, unknown>; body: Uint8Array };

/** Largest frame, in bytes after the length (16 MiB): about 150,000 rows as columns. */
export const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/** Largest head, in bytes. */
export const MAX_HEAD_BYTES = 64 * 1024;

/** An absent body. */
export const NO_BODY: Uint8Array = new Uint8Array(0);

const PREFIX_BYTES = 4;
const FIXED_BYTES = 5;
const MAX_CHUNKS = 1024;
const NAMES = new Map<number, FrameKind>(
  Object.entries(FRAME_KINDS).map(([name, kind]) => [kind, name as FrameKind]),
);
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Encodes a frame. Throws `host.frame_too_large` when it exceeds {@linkcode MAX_FRAME_BYTES}. */
export function encodeFrame(
  kind: FrameKind,
  head: Record<string, unknown> = {},
  body: Uint8Array = NO_BODY,
): Uint8Array {
  const headBytes = encoder.encode(JSON.stringify(head));
  const length = FIXED_BYTES + headBytes.length + body.length;
  if (length > MAX_FRAME_BYTES || headBytes.length > MAX_HEAD_BYTES) {
    throw new CandlewireError("host.frame_too_large", `Encode a ${kind} frame of ${length} bytes`, {
      hint: `Send batches of at most ${MAX_FRAME_BYTES} bytes`,
      details: { kind, length, headLength: headBytes.length },
    });
  }
  const bytes = new Uint8Array(PREFIX_BYTES + length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length);
  view.setUint8(4, FRAME_KINDS[kind]);
  view.setUint32(5, headBytes.length);
  bytes.set(headBytes, PREFIX_BYTES + FIXED_BYTES);
  bytes.set(body, PREFIX_BYTES + FIXED_BYTES + headBytes.length);
  return bytes;
}

/** A JSON value as the body of a frame. `undefined` is sent as nothing. */
export function encodeBody(value: unknown): Uint8Array {
  return value === undefined ? NO_BODY : encoder.encode(JSON.stringify(value));
}

/** What a body holds; `undefined` for an empty one. The error is a value: the sender may be hostile. */
export function decodeBody(body: Uint8Array): { value: unknown } | { error: CandlewireError } {
  if (body.length === 0) return { value: undefined };
  try {
    return { value: JSON.parse(decoder.decode(body)) };
  } catch (cause) {
    return { error: badFrame(`Decode a body of ${body.length} bytes: no JSON`, { cause }) };
  }
}

/** The first bytes of a frame: `length` after the prefix, of which `headLength` are the head's. */
type FrameStart = { length: number; kind: FrameKind; headLength: number };

/**
 * Cuts a byte stream into frames. Total: any bytes give frames, or one error after which the decoder accepts nothing
 * more, because a stream out of step cannot be trusted again. Holds at most one incomplete frame (I10).
 */
export class FrameDecoder {
  readonly #maxBytes: number;
  #chunks: Uint8Array[] = [];
  #buffered = 0;
  #error: CandlewireError | undefined;

  constructor(options: { maxBytes?: number } = {}) {
    this.#maxBytes = options.maxBytes ?? MAX_FRAME_BYTES;
  }

  /** Bytes of the incomplete frame at the end. */
  get buffered(): number {
    return this.#buffered;
  }

  /** Adds bytes; returns the frames that they complete, in order, and the error that ended the stream, if any. */
  push(chunk: Uint8Array): { frames: Frame[]; error?: CandlewireError } {
    const frames: Frame[] = [];
    if (this.#error !== undefined) return { frames, error: this.#error };
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    // A hostile sender of single bytes must not make us keep millions of chunks.
    if (this.#chunks.length > MAX_CHUNKS) {
      const count = this.#buffered;
      this.#chunks = [this.#take(count)];
      this.#buffered = count;
    }
    while (this.#buffered >= PREFIX_BYTES) {
      const start = this.#start();
      if (start instanceof CandlewireError) return { frames, error: start };
      if (start === undefined || this.#buffered < PREFIX_BYTES + start.length) break;
      const frame = this.#decode(start, this.#take(PREFIX_BYTES + start.length));
      if (frame instanceof CandlewireError) return { frames, error: frame };
      frames.push(frame);
    }
    return { frames };
  }

  /**
   * What the next frame announces, once that much of it is there. Judged before the rest comes: who writes something else
   * than frames is told at once, not when as many bytes have come as his first four happen to say.
   */
  #start(): FrameStart | CandlewireError | undefined {
    const view = this.#peek(PREFIX_BYTES + FIXED_BYTES);
    const length = view.getUint32(0);
    if (length > this.#maxBytes || length < FIXED_BYTES) {
      return this.#fail(`Read a frame of ${length} bytes`, { length, max: this.#maxBytes });
    }
    if (view.byteLength < PREFIX_BYTES + FIXED_BYTES) return undefined;
    const number = view.getUint8(4);
    const kind = NAMES.get(number);
    if (kind === undefined) return this.#fail(`Read a frame of kind ${number}`, { kind: number });
    const headLength = view.getUint32(5);
    if (headLength > MAX_HEAD_BYTES || FIXED_BYTES + headLength > length) {
      return this.#fail(`Read the head of a ${kind} frame: ${headLength} bytes`, { kind, headLength });
    }
    return { length, kind, headLength };
  }

  #decode({ kind, headLength }: FrameStart, bytes: Uint8Array): Frame | CandlewireError {
    const bodyAt = PREFIX_BYTES + FIXED_BYTES + headLength;
    const head = decodeBody(bytes.subarray(PREFIX_BYTES + FIXED_BYTES, bodyAt));
    if ("error" in head || !isRecord(head.value)) {
      return this.#fail(`Read the head of a ${kind} frame: no JSON object`, { kind });
    }
    return { kind, head: head.value, body: bytes.subarray(bodyAt) };
  }

  #fail(message: string, details: Record<string, unknown>): CandlewireError {
    this.#chunks = [];
    this.#buffered = 0;
    return this.#error = badFrame(message, { details });
  }

  /** The first `count` buffered bytes, or as many as there are; without a copy when they lie in one chunk. */
  #peek(count: number): DataView {
    const first = this.#chunks[0]!;
    if (first.length >= count) return new DataView(first.buffer, first.byteOffset, count);
    const bytes = new Uint8Array(Math.min(count, this.#buffered));
    let at = 0;
    for (const chunk of this.#chunks) {
      const part = chunk.subarray(0, bytes.length - at);
      bytes.set(part, at);
      at += part.length;
      if (at === bytes.length) break;
    }
    return new DataView(bytes.buffer);
  }

  /** Removes the first `count` buffered bytes; without a copy when they lie in one chunk. */
  #take(count: number): Uint8Array {
    this.#buffered -= count;
    const first = this.#chunks[0]!;
    if (first.length >= count) {
      if (first.length === count) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(count);
      return first.subarray(0, count);
    }
    const bytes = new Uint8Array(count);
    let at = 0;
    let used = 0;
    while (at < count) {
      const chunk = this.#chunks[used]!;
      const part = chunk.subarray(0, count - at);
      bytes.set(part, at);
      at += part.length;
      if (part.length === chunk.length) used++;
      else this.#chunks[used] = chunk.subarray(part.length);
    }
    this.#chunks.splice(0, used);
    return bytes;
  }
}

/** True for a JSON object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function badFrame(
  message: string,
  options: { cause?: unknown; details?: Record<string, unknown> },
): CandlewireError {
  return new CandlewireError("host.bad_frame", message, {
    ...options,
    hint: "A module must not write to its stdout: the frames of its protocol go there",
  });
}
