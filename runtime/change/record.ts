import type { EpochMs } from "../market/epoch.ts";

/** One partition of one topic. */
export type TopicPartition = { topic: string; partition: number };

/** The next offset to read in a partition: everything below it has been handled. */
export type Position = TopicPartition & { offset: number };

/** One record of the change log, as Kafka's. */
export type ChangeRecord = {
  offset: number;
  /** JSON text `{"symbol":"BTCUSDT"}`, or null. */
  key: string | null;
  /** JSON text of an envelope; null is a tombstone. */
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
