import { Buffer } from "node:buffer";

/** Frame opcodes of RFC 6455, section 5.2. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** One client frame, its payload unmasked; or why the connection must be closed, with RFC 6455's close code. */
export type ClientFrame =
  | { kind: "frame"; opcode: number; final: boolean; payload: Uint8Array }
  | { kind: "bad"; code: 1002 | 1009; reason: string };

const UTF8 = new TextEncoder();

/** A server's frame, unmasked and unfragmented, ready for any number of sockets. */
export function encodeFrame(opcode: number, payload: Uint8Array): Uint8Array {
  const header = payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10;
  const frame = new Uint8Array(header + payload.length);
  frame[0] = 0x80 | opcode;
  if (header === 2) frame[1] = payload.length;
  else {
    const view = new DataView(frame.buffer);
    frame[1] = header === 4 ? 126 : 127;
    if (header === 4) view.setUint16(2, payload.length);
    else view.setBigUint64(2, BigInt(payload.length));
  }
  frame.set(payload, header);
  return frame;
}

/** A text frame. The bulk of what the exchange sends: ASCII up to 64 KiB takes one allocation. */
export function encodeText(text: string): Uint8Array {
  const length = Buffer.byteLength(text);
  if (length >= 65_536) return encodeFrame(OPCODE.text, UTF8.encode(text));
  const header = length < 126 ? 2 : 4;
  const frame = new Uint8Array(header + length);
  frame[0] = 0x81;
  if (header === 2) frame[1] = length;
  else {
    frame[1] = 126;
    frame[2] = length >> 8;
    frame[3] = length & 0xff;
  }
  UTF8.encodeInto(text, header === 2 ? frame.subarray(2) : frame.subarray(4));
  return frame;
}

/** A close frame's payload: code and reason, within the 125 bytes of a control frame. */
export function encodeClose(code: number, reason: string): Uint8Array {
  let text = UTF8.encode(reason);
  if (text.length > 123) text = text.slice(0, 123);
  const payload = new Uint8Array(2 + text.length);
  payload[0] = code >> 8;
  payload[1] = code & 0xff;
  payload.set(text, 2);
  return encodeFrame(OPCODE.close, payload);
}

/**
 * Cuts a client's bytes into frames, however they arrive. Pure and total: bad input is a `bad` frame, after which
 * nothing more comes out. Holds at most one frame of `maxBytes`.
 */
export class FrameDecoder {
  readonly #maxBytes: number;
  #rest: Uint8Array = new Uint8Array(0);
  #failed = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(chunk: Uint8Array): ClientFrame[] {
    if (this.#failed) return [];
    let bytes = chunk;
    if (this.#rest.length > 0) {
      bytes = new Uint8Array(this.#rest.length + chunk.length);
      bytes.set(this.#rest);
      bytes.set(chunk, this.#rest.length);
    }
    const frames: ClientFrame[] = [];
    let at = 0;
    while (!this.#failed) {
      const taken = this.#frame(bytes, at, frames);
      if (taken === 0) break;
      at += taken;
    }
    this.#rest = bytes.slice(at);
    return frames;
  }

  /** Bytes taken by the frame at `at`; 0 when it is incomplete or bad. */
  #frame(bytes: Uint8Array, at: number, frames: ClientFrame[]): number {
    const left = bytes.length - at;
    if (left < 2) return 0;
    const first = bytes[at]!;
    const second = bytes[at + 1]!;
    const opcode = first & 0x0f;
    const final = (first & 0x80) !== 0;
    const short = second & 0x7f;
    const bad = (code: 1002 | 1009, reason: string) => {
      this.#failed = true;
      frames.push({ kind: "bad", code, reason });
      return 0;
    };
    if ((first & 0x70) !== 0) return bad(1002, "Reserved bits are set");
    if ((opcode > 2 && opcode < 8) || opcode > 10) return bad(1002, "Unknown opcode");
    if ((second & 0x80) === 0) return bad(1002, "Client frames must be masked");
    if (opcode >= 8 && (!final || short > 125)) return bad(1002, "Control frames must be short and whole");
    const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
    const header = 2 + extended + 4;
    if (left < 2 + extended) return 0;
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, left);
    const length = extended === 0 ? short : extended === 2 ? view.getUint16(2) : Number(view.getBigUint64(2));
    if (length > this.#maxBytes) return bad(1009, "Message is too big");
    if (left < header + length) return 0;
    const mask = bytes.subarray(at + header - 4, at + header);
    const payload = bytes.slice(at + header, at + header + length);
    for (let i = 0; i < length; i++) payload[i]! ^= mask[i & 3]!;
    frames.push({ kind: "frame", opcode, final, payload });
    return header + length;
  }
}
