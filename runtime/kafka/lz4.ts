/**
 * LZ4 frames as Kafka's batches carry them: several blocks, linked or independent, stored blocks, checksums and content
 * size allowed, several frames one after the other. Checksums are skipped: the batch has one of its own. Source: lz4
 * `lz4_Frame_format.md` 1.6 and `lz4_Block_format.md`. Throws an Error for data that is no LZ4 or grows beyond `maxBytes`.
 */
export function decompressLz4(data: Uint8Array, maxBytes: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const out = new Output(maxBytes, Math.min(maxBytes, Math.max(1024, data.length * 4)));
  let at = 0;
  while (at < data.length) {
    if (at + 7 > data.length) throw new Error("the frame's head is cut off");
    const magic = view.getUint32(at, true);
    if ((magic & 0xfffffff0) >>> 0 === 0x184d2a50) {
      if (at + 8 > data.length) throw new Error("a frame to skip is cut off");
      at += 8 + view.getUint32(at + 4, true);
      continue;
    }
    if (magic !== 0x184d2204) throw new Error("it does not begin as a frame does");
    const flags = data[at + 4]!;
    if (flags >>> 6 !== 1) throw new Error(`version ${flags >>> 6} of the frame is not known`);
    if ((flags & 1) !== 0) throw new Error("dictionaries are not known");
    const independent = (flags & 0x20) !== 0;
    const blockChecksum = (flags & 0x10) !== 0 ? 4 : 0;
    const contentChecksum = (flags & 0x04) !== 0 ? 4 : 0;
    // Flags, descriptor, perhaps the content's size, checksum of the head.
    at += 4 + 2 + ((flags & 0x08) !== 0 ? 8 : 0) + 1;
    const frameStart = out.length;
    for (;;) {
      if (at + 4 > data.length) throw new Error("a block's length is cut off");
      const size = view.getUint32(at, true);
      at += 4;
      if (size === 0) break;
      const length = size & 0x7fffffff;
      if (length > data.length - at) throw new Error("a block is cut off");
      const block = data.subarray(at, at + length);
      if (size >>> 31 === 1) out.append(block);
      else out.expand(block, independent ? out.length : frameStart);
      at += length + blockChecksum;
    }
    at += contentChecksum;
    if (at > data.length) throw new Error("the frame's end is cut off");
  }
  return out.bytes();
}

/** What was decompressed so far; grows by doubling, up to a limit. */
class Output {
  #bytes: Uint8Array<ArrayBuffer>;
  readonly #max: number;
  length = 0;

  constructor(max: number, first: number) {
    this.#max = max;
    this.#bytes = new Uint8Array(first);
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.length);
  }

  append(block: Uint8Array): void {
    this.#room(block.length);
    this.#bytes.set(block, this.length);
    this.length += block.length;
  }

  /** One block of sequences: literals, then a copy of what lies up to 64 KiB back, not before `floor`. */
  expand(block: Uint8Array, floor: number): void {
    const end = block.length;
    let at = 0;
    while (at < end) {
      const token = block[at++]!;
      let literals = token >>> 4;
      if (literals === 15) {
        let byte: number;
        do {
          if (at >= end) throw new Error("a literal's length is cut off");
          byte = block[at++]!;
          literals += byte;
        } while (byte === 255);
      }
      if (literals > end - at) throw new Error("a literal is cut off");
      this.#room(literals);
      let to = this.length;
      if (literals > 32) this.#bytes.set(block.subarray(at, at + literals), to);
      else for (let i = 0; i < literals; i++) this.#bytes[to + i] = block[at + i]!;
      at += literals;
      to += literals;
      this.length = to;
      // The last sequence of a block ends behind its literals.
      if (at === end) return;
      if (at + 2 > end) throw new Error("a copy is cut off");
      const distance = block[at]! | (block[at + 1]! << 8);
      at += 2;
      let length = (token & 15) + 4;
      if (length === 19) {
        let byte: number;
        do {
          if (at >= end) throw new Error("a copy's length is cut off");
          byte = block[at++]!;
          length += byte;
        } while (byte === 255);
      }
      if (distance === 0 || to - distance < floor) throw new Error("a copy reaches outside");
      this.#room(length);
      const bytes = this.#bytes;
      const from = to - distance;
      if (distance >= length && length > 32) bytes.copyWithin(to, from, from + length);
      else for (let i = 0; i < length; i++) bytes[to + i] = bytes[from + i]!;
      this.length = to + length;
    }
    if (end > 0) throw new Error("its last sequence is cut off");
  }

  #room(more: number): void {
    const needed = this.length + more;
    if (needed <= this.#bytes.length) return;
    if (needed > this.#max) throw new Error(`it grows beyond ${this.#max} bytes`);
    const larger = new Uint8Array(Math.min(this.#max, Math.max(needed, this.#bytes.length * 2)));
    larger.set(this.#bytes.subarray(0, this.length));
    this.#bytes = larger;
  }
}
