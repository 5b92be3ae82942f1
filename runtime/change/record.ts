import type { EpochMs } from "../market/epoch.ts";

/** One partition of one topic. */
export type TopicPartition = { topic: string; partition: number };

/** The next offset to read in a partition: everything below it has been handled. */
export type Position = TopicPartition & { offset: number };

/** How a key or value begins whose bytes are no UTF-8. Source: RFC 2397. */
export const BINARY_PREFIX = "data:;base64,";

/** One record of the change log, as Kafka's. */
export type ChangeRecord = {
  offset: number;
  /** JSON text `{"symbol":"BTCUSDT"}`, or null. */
  key: string | null;
  /**
   * JSON text of an envelope; null is a tombstone. Bytes that are no UTF-8 text (Avro, garbage) are kept losslessly as a
   * data URL, {@linkcode BINARY_PREFIX} and their base64: that is no JSON, so nothing takes it for an envelope. The same
   * goes for keys.
   */
  value: string | null;
  /** When it was appended. */
  timestamp: EpochMs;
};

/** Records of one partition in offset order. Offsets rise but need not be contiguous. */
export type ChangeBatch = TopicPartition & {
  records: ChangeRecord[];
  /** The position after the batch. */
  next: number;
  /** The position after the last record in the partition when this was read: lag = highWatermark − next. */
  highWatermark: number;
};
