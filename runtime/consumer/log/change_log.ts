import type { ChangeBatch, Position, TopicPartition } from "../../change/record.ts";

/** A rebalance, as one reader sees it: what it has no more, and what it has from now on. */
export type AssignmentChange = { assigned: TopicPartition[]; revoked: TopicPartition[] };

/**
 * The consumer's side of the change log: topics, partitions, offsets. Adapters: `memory`, `journal` (embedded),
 * `kafka` (cluster). One reader calls one method at a time.
 *
 * Contract: delivery is at least once, in offset order within a partition. A record is delivered again after a
 * restart until its position was acknowledged; `acknowledge` is called only once everything below the position is
 * durable downstream (I1). Nothing is skipped silently: reading below the oldest kept offset rejects with
 * `log.out_of_range` and names the range.
 */
export interface ChangeLog extends AsyncDisposable {
  /**
   * Starts to read. `from` wins over what the log itself remembers; a partition in neither starts at its oldest
   * record. Topics that do not exist yet are waited for.
   *
   * Where several readers share a log, `onAssignment` is told of each change of the partitions that this one has, the
   * first assignment included. Records of a partition that was revoked are delivered no more; an `acknowledge` of it is
   * passed over, not an error: another reader has it, which repeats what was not acknowledged (I2). A partition that is
   * assigned again is neither paused nor behind what the log remembers of it.
   */
  subscribe(
    topics: string[],
    options?: { from?: Position[]; onAssignment?: (change: AssignmentChange) => void },
  ): Promise<void>;
  /**
   * At most `maxRecords` records (at least one batch if any is there), several partitions fairly; an empty array
   * after `timeoutMs` with nothing new. Rejects with a retryable error while the log is unavailable.
   */
  poll(options: { maxRecords: number; timeoutMs: number; signal?: AbortSignal }): Promise<ChangeBatch[]>;
  /** Says that all below these positions is durable downstream. Idempotent. */
  acknowledge(positions: Position[]): Promise<void>;
  /** Stops, or goes on with, delivery of partitions; others are not affected. */
  pause(partitions: TopicPartition[]): void;
  resume(partitions: TopicPartition[]): void;
  /** The partitions that this instance reads at present, where several share them; absent: it reads all. */
  owned?(): TopicPartition[];
  /**
   * How far the partitions that this instance reads are durable downstream, as the log remembers it; absent: it
   * remembers nothing, the store does.
   */
  positions?(): Position[];
  /** Oldest kept and next offset of every partition known; for lag, replays and dry runs. */
  watermarks(): Promise<(TopicPartition & { low: number; high: number })[]>;
  /**
   * Reads a fixed range without touching positions, for replays and lineage. `until` is exclusive. A time range is
   * first turned into offsets by `offsetsAt`.
   */
  read(range: TopicPartition & { from: number; until: number; maxRecords: number }): Promise<ChangeBatch>;
  /** Per partition of a topic, the first offset whose record was appended at or after a time; `high` if none. */
  offsetsAt(topic: string, time: number): Promise<Position[]>;
}
