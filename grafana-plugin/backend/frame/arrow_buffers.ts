/**
 * Arrow's buffers of columns, written by hand. A hundred thousand rows are usual: loops over numbers instead of iterators, no BigInt and no
 * call of an encoder a value.
 */

/** Bit n of byte n / 8 says that value n is there; undefined when all are. */
export function validity(
  values: readonly unknown[],
): { nullBitmap: Uint8Array | undefined; nullCount: number } {
  let nullCount = 0;
  for (let at = 0; at < values.length; at++) if (values[at] === null) nullCount++;
  return { nullBitmap: nullCount === 0 ? undefined : bits(values, (value) => value !== null), nullCount };
}

/** A bit a value, the lowest first. */
export function bits<Value>(values: readonly Value[], set: (value: Value) => boolean): Uint8Array {
  // Arrow pads buffers to 8 bytes; a bitmap of its own length would be copied.
  const bytes = new Uint8Array(((values.length + 63) >> 6) << 3);
  for (let at = 0; at < values.length; at++) if (set(values[at]!)) bytes[at >> 3]! |= 1 << (at & 7);
  return bytes;
}

/** Doubles; 0 where there is none. */
export function doubles(values: readonly (number | null)[]): Float64Array {
  const data = new Float64Array(values.length);
  for (let at = 0; at < values.length; at++) data[at] = values[at] ?? 0;
  return data;
}

const WORD = 2 ** 32;

/** Whole numbers of 64 bits; 0 where there is none. Throws a RangeError for a number that is not whole. */
export function integers(values: readonly (number | bigint | null)[]): BigInt64Array {
  const data = new BigInt64Array(values.length);
  const words = wordsOf(data);
  for (let at = 0; at < values.length; at++) {
    const value = values[at] ?? 0;
    // A bigint for each number takes ten times as long as its two halves.
    if (typeof value === "number" && Number.isSafeInteger(value)) {
      words.set(at, Math.floor(value / WORD), value);
    } else data[at] = BigInt(value);
  }
  return data;
}

const MILLION = 1_000_000;
const HALF_WORD = 2 ** 16;

/** Epoch ms, which may have a fraction that is cut off, as ns; 0 where there is none. */
export function nanoseconds(values: readonly (number | null)[]): BigInt64Array {
  const data = new BigInt64Array(values.length);
  const words = wordsOf(data);
  for (let at = 0; at < values.length; at++) {
    const value = values[at]!;
    if (value === null) continue;
    const ms = Math.trunc(value);
    if (!Number.isSafeInteger(ms)) {
      data[at] = BigInt(ms) * BigInt(MILLION);
      continue;
    }
    // ms × 10^6 is beyond 2^53: multiplied in two halves, each of which is exact.
    const upper = Math.floor(ms / HALF_WORD) * MILLION;
    const upperHigh = Math.floor(upper / HALF_WORD);
    const low = (upper - upperHigh * HALF_WORD) * HALF_WORD +
      (ms - Math.floor(ms / HALF_WORD) * HALF_WORD) * MILLION;
    words.set(at, upperHigh + Math.floor(low / WORD), low);
  }
  return data;
}

/** Both halves of 64-bit values; typed arrays cut them to 32 bits. */
function wordsOf(data: BigInt64Array): { set(at: number, high: number, low: number): void } {
  const words = new Int32Array(data.buffer);
  const [highAt, lowAt] = LITTLE_ENDIAN ? [1, 0] : [0, 1];
  return {
    set(at, high, low) {
      words[at * 2 + highAt] = high;
      words[at * 2 + lowAt] = low;
    },
  };
}

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
const encoder = new TextEncoder();

/** Texts in UTF-8, one behind the other, with where each begins and the last ends. */
export function texts(values: readonly (string | null)[]): { valueOffsets: Int32Array; data: Uint8Array } {
  const whole = values.join("");
  const valueOffsets = new Int32Array(values.length + 1);
  const joined = encoder.encode(whole);
  let end = 0;
  // As many bytes as UTF-16 units: each unit is one byte, and the offsets are known without looking at them again.
  if (joined.length === whole.length) {
    for (let at = 0; at < values.length; at++) valueOffsets[at + 1] = end += values[at]?.length ?? 0;
    return { valueOffsets, data: joined };
  }
  // One by one: halves of a pair at the seam of two values would become one character. A unit is three bytes at most.
  const data = new Uint8Array(whole.length * 3);
  for (let at = 0; at < values.length; at++) {
    const text = values[at] ?? "";
    if (text !== "") end += encoder.encodeInto(text, data.subarray(end)).written;
    valueOffsets[at + 1] = end;
  }
  return { valueOffsets, data: data.subarray(0, end) };
}
