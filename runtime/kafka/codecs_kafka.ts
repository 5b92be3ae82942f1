import zlib from "node:zlib";
import { Buffer } from "node:buffer";
import kafkajs from "kafkajs";
import { CandlewireError } from "../error.ts";
import { decompressLz4 } from "./lz4.ts";
import { decompressSnappy } from "./snappy.ts";

/** Bytes that one record batch may grow to; beyond them it is taken for a bomb (I10). Kafka's batches hold 1 MB unless told otherwise. */
export const MAX_BATCH_BYTES = 64 << 20;

/** How a batch is compressed: the low three bits of its attributes. Source: Kafka's protocol guide, "Record batch". */
export type Compression = 0 | 1 | 2 | 3 | 4;

/** Names as `compression.type` has them. */
export const COMPRESSIONS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

/**
 * The records of a compressed batch. Throws `log.corrupt_batch` for whatever is no such data, or grows beyond
 * {@linkcode MAX_BATCH_BYTES}.
 */
export function decompress(compression: number, data: Uint8Array, maxBytes = MAX_BATCH_BYTES): Uint8Array {
  try {
    switch (compression) {
      case 0:
        return data;
      case 1:
        return zlib.gunzipSync(data, { maxOutputLength: maxBytes });
      case 2:
        return decompressSnappy(data, maxBytes);
      case 3:
        return decompressLz4(data, maxBytes);
      case 4:
        return zlib.zstdDecompressSync(data, { maxOutputLength: maxBytes });
    }
  } catch (error) {
    const { message } = error as Error;
    throw corrupt(
      `${COMPRESSIONS[compression as Compression]} data of ${data.length} bytes: ${message}`,
      error,
    );
  }
  throw corrupt(`codec ${compression} is not known`);
}

/** The error of a batch that cannot be read. */
export function corrupt(what: string, cause?: unknown): CandlewireError {
  return new CandlewireError("log.corrupt_batch", `Read a record batch: ${what}`, {
    retry: "operator",
    hint: "Find out who wrote it; to go on behind it, set the group's offset past the batch",
    cause,
  });
}

/**
 * Teaches kafkajs the codecs it lacks; it has gzip itself. Zstandard both ways by `node:zlib`; LZ4 and Snappy only to
 * read. Idempotent.
 */
export function registerCodecs(): void {
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  const reader = (compression: Compression) => ({
    compress: () => {
      throw new CandlewireError(
        "log.unsupported",
        `Compress with ${COMPRESSIONS[compression]}: we only read it`,
        {
          hint: "Use zstd or gzip",
        },
      );
    },
    decompress: async (data: Uint8Array) => asBuffer(decompress(compression, data)),
  });
  CompressionCodecs[CompressionTypes.Snappy] = () => reader(2);
  CompressionCodecs[CompressionTypes.LZ4] = () => reader(3);
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: async ({ buffer }: { buffer: Uint8Array }) => zlib.zstdCompressSync(buffer),
    decompress: async (data: Uint8Array) => asBuffer(decompress(4, data)),
  });
}

function asBuffer(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
