/**
 * Snappy, both ways in which Kafka's batches carry it: raw, and in the blocks of xerial's snappy-java (magic
 * `82 "SNAPPY" 00`, two versions, then each block behind its length). Source: google/snappy `format_description.txt`;
 * org.xerial.snappy `SnappyOutputStream`. Throws an Error for data that is no Snappy or grows beyond `maxBytes`.
 */
export function decompressSnappy(data: Uint8Array, maxBytes: number): Uint8Array<ArrayBuffer> {
  if (!isXerial(data)) return raw(data, maxBytes);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const blocks: Uint8Array[] = [];
  let total = 0;
  for (let at = 16; at < data.length;) {
    if (at + 4 > data.length) throw new Error("a block's length is cut off");
    const length = view.getUint32(at);
    at += 4;
    if (length > data.length - at) throw new Error("a block is cut off");
    const block = raw(data.subarray(at, at + length), maxBytes - total);
    total += block.length;
    blocks.push(block);
    at += length;
  }
  const out = new Uint8Array(total);
  let to = 0;
  for (const block of blocks) {
    out.set(block, to);
    to += block.length;
  }
  return out;
}

const MAGIC = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00];

function isXerial(data: Uint8Array): boolean {
  return data.length >= 16 && MAGIC.every((byte, i) => data[i] === byte);
}

function raw(data: Uint8Array, maxBytes: number): Uint8Array<ArrayBuffer> {
  let at = 0;
  let size = 0;
  for (let shift = 0;; shift += 7) {
    if (at >= data.length || shift > 28) throw new Error("the length is cut off");
    const byte = data[at++]!;
    size += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  if (size > maxBytes) throw new Error(`it grows to ${size} bytes, more than ${maxBytes}`);
  // No three bytes of Snappy can make more than 64: what claims more lies, and must not cost its claim.
  if (size > data.length * 64) throw new Error(`its length ${size} cannot be true`);
  const out = new Uint8Array(size);
  let to = 0;
  while (at < data.length) {
    const tag = data[at++]!;
    let length = tag >>> 2;
    if ((tag & 3) === 0) {
      if (length >= 60) {
        const bytes = length - 59;
        if (at + bytes > data.length) throw new Error("a literal is cut off");
        length = 0;
        for (let i = 0; i < bytes; i++) length += data[at++]! * 2 ** (8 * i);
      }
      length++;
      if (length > data.length - at || length > size - to) throw new Error("a literal is cut off");
      out.set(data.subarray(at, at + length), to);
      at += length;
      to += length;
      continue;
    }
    let distance: number;
    if ((tag & 3) === 1) {
      distance = ((tag >>> 5) << 8) | (data[at] ?? 0);
      length = (length & 7) + 4;
      at += 1;
    } else if ((tag & 3) === 2) {
      distance = (data[at] ?? 0) | ((data[at + 1] ?? 0) << 8);
      length += 1;
      at += 2;
    } else {
      distance = ((data[at] ?? 0) | ((data[at + 1] ?? 0) << 8) | ((data[at + 2] ?? 0) << 16)) +
        (data[at + 3] ?? 0) * 2 ** 24;
      length += 1;
      at += 4;
    }
    if (at > data.length) throw new Error("a copy is cut off");
    if (distance === 0 || distance > to || length > size - to) throw new Error("a copy reaches outside");
    if (distance >= length) out.copyWithin(to, to - distance, to - distance + length);
    else for (let i = 0; i < length; i++) out[to + i] = out[to + i - distance]!;
    to += length;
  }
  if (to !== size) throw new Error(`it holds ${to} bytes instead of ${size}`);
  return out;
}
