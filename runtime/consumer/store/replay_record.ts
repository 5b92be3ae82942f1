import type { EpochMs } from "../../market/epoch.ts";

/** Life of a replay; `running` ones go on after a restart. */
export type ReplayState = "running" | "done" | "cancelled" | "failed";

/** One partition's range of a replay: `next` is how far it got. */
export type ReplayRange = { partition: number; from: number; until: number; next: number };

/** A replay of a part of the log, as it is kept in the store and answered to readers. */
export type Replay = {
  id: string;
  state: ReplayState;
  topic: string;
  ranges: ReplayRange[];
  /** Offsets to go through, and how many were. */
  total: number;
  done: number;
  /** Changes that the store took; in a dry run: that it would take. */
  stored: number;
  /** Changes that were there already, or are older than what is there. */
  unchanged: number;
  filtered: number;
  failed: number;
  dry_run: boolean;
  correcting: boolean;
  /** Added to every version of a correcting replay, so that it wins; else 0. */
  revision: number;
  created_at: EpochMs;
  finished_at: EpochMs | null;
  error: string | null;
};
