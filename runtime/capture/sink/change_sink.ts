import type { Origin } from "../../market/origin.ts";
import type { EpochMs } from "../../market/epoch.ts";

/** A record on its way into the change log. The sink chooses the partition: murmur2 of the key, 0 without one. */
export type SinkRecord = { topic: string; key: string | null; value: string | null };

/** How far capture has come, kept with the records. LSNs are text (`16/B374D848`). */
export type CapturePosition = {
  /** The cluster that the LSNs belong to (IDENTIFY_SYSTEM). */
  systemId: string;
  /** Where the last captured transaction's commit record begins. */
  commitLsn: string;
  /** How many of that transaction's changes are captured; -1: all. */
  changes: number;
  /** The highest position that was, or is about to be, acknowledged to the slot. */
  acknowledgedLsn: string;
  /** Null, or a snapshot that is not complete: it starts again from its beginning. */
  snapshot: SnapshotState | null;
};

/** An unfinished initial snapshot. */
export type SnapshotState = { startedAt: EpochMs; slotLsn: string };

/** What a sink is opened with. */
export type SinkOptions = {
  origin: Origin;
  /** Partitions of each topic. */
  partitions: number;
  /** The writer's fencing epoch (host/module_context.ts). */
  epoch: number;
};

/** What a sink can do beyond the contract. */
export type SinkCapabilities = {
  /**
   * Records and position are there together or not at all. False: after a rejection or a crash, records may be there
   * whose position is not; they then come twice, which readers survive (I2). The position is never ahead of the records.
   */
  atomicAppend: boolean;
};

/**
 * `write` makes records durable, `store` a position whose records are. Each has one call under way at a time; one of each
 * may be under way together. Rejections are as those of `append`.
 */
export type SinkHalves = {
  write(records: readonly SinkRecord[]): Promise<void>;
  store(position: CapturePosition): Promise<void>;
};

/**
 * Where captured changes go. Adapters: `journal` (embedded), `kafka` (cluster), `memory` (tests).
 *
 * Contract: one writer at a time, calls one after the other. When `append` resolves, the records and the position
 * are durable (I1), together where `capabilities.atomicAppend` says so. Order is kept per partition. After a rejection
 * the same call, with the same objects, may be made again, and writes what is missing:
 * `capture.journal_full` (retry: readers are behind), `capture.storage` (retry: disk full, I/O), `log.*` (retry: Kafka
 * is away or refuses; `details.state` says whether that mends itself).
 */
export interface ChangeSink extends AsyncDisposable {
  readonly capabilities: SinkCapabilities;
  /** The position of the last append; undefined for an empty sink. */
  position(): Promise<CapturePosition | undefined>;
  /** Makes records and position durable in one step. No records: the position alone. */
  append(records: readonly SinkRecord[], position: CapturePosition): Promise<void>;
  /** The two halves of an append that is not atomic, for a caller that need not wait for the one with the other. */
  readonly halves?: SinkHalves;
}
