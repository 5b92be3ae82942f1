import { tableOf } from "../change/envelope.ts";
import { CandlewireError, errorText } from "../error.ts";
import type { EpochMs } from "../market/epoch.ts";
import { TABLES } from "../market/table.ts";
import { ChangeDecoder, type ColumnMapping } from "./decode_change.ts";
import type { ChangeLog } from "./log/change_log.ts";
import { processBatch } from "./process_batch.ts";
import { isRetryable } from "./retry.ts";
import { storeBatch } from "./store_batch.ts";
import type { MarketStore } from "./store/market_store.ts";
import type { Replay, ReplayRange } from "./store/replay_record.ts";
import type { Alert, Transform } from "./transform/transform.ts";

/** What to replay: a topic or one partition of it, by offsets, by the time of append, or as a whole. */
export type ReplayRequest = {
  topic: string;
  partition?: number;
  /** Inclusive; the oldest kept offset without it. */
  from_offset?: number;
  /** Exclusive; what the log holds now without it. */
  until_offset?: number;
  /** Epoch ms, by the time of append; not together with offsets. */
  from_time?: number;
  until_time?: number;
  /** Counts what would change and changes nothing. */
  dry_run?: boolean;
  /** The rows win over equal versions: for after a transform or a mapping was mended. */
  correcting?: boolean;
};

/** What replays work with. */
export type ReplaysOptions = {
  log: ChangeLog;
  store: MarketStore;
  columns?: ColumnMapping;
  /** Fresh transforms for each replay: a stateful one must not mix the past with what is live. */
  transforms: () => readonly Transform[];
  now: () => EpochMs;
  newId: () => string;
  /** Records in one step. */
  maxRecords: number;
  onAlerts?: (alerts: Alert[]) => void;
  onChange?: (replay: Replay) => void;
  /**
   * Where several consumers share log and store: whether this one is to run replays now. All may start and cancel them;
   * they meet in the store. Without it there is one consumer.
   */
  leads?: () => boolean;
};

/** How often the store is asked for replays that others have started or cancelled, ms. */
const REFRESH_MS = 2000;

type Running = { replay: Replay; decoder: ChangeDecoder; transforms: readonly Transform[] };

/** Replays that may wait or run at once (I10). */
const MAX_RUNNING = 16;

/**
 * Replays over the log, beside live consumption: the loop calls `step` between two batches, and each step reads a
 * bounded number of records. Positions are not touched. Progress is kept in the store, so a restart goes on where the
 * last saved step ended; what is done twice changes nothing (I2), only the counts of that step are repeated.
 *
 * A correcting replay takes the next revision, which is added to every version, so its rows win whole over what was
 * stored at revision 0; see "Version of a row". Records that fail become dead letters as when live. Alerts are raised
 * by their deterministic ids: one that was raised before is not raised again.
 */
export class Replays {
  readonly #options: ReplaysOptions;
  #running: Running[] = [];
  #refreshAt = -Infinity;

  constructor(options: ReplaysOptions) {
    this.#options = options;
  }

  /** Takes up what was running when the consumer ended. */
  async load(): Promise<void> {
    if (this.#options.leads !== undefined) return;
    const replays = await this.#options.store.replays();
    for (const replay of replays.reverse()) if (replay.state === "running") this.#start(replay);
  }

  /** Whether a step has anything to do. */
  due(now: EpochMs): boolean {
    const { leads } = this.#options;
    if (leads === undefined) return this.#running.length > 0;
    if (leads()) return this.#running.length > 0 || now >= this.#refreshAt;
    // Another consumer goes on with them from what is saved.
    this.#running = [];
    this.#refreshAt = -Infinity;
    return false;
  }

  /** Checks and starts a replay. Rejects with `replay.bad_request`, `replay.too_many` or `replay.out_of_range`. */
  async create(parameters: unknown): Promise<Replay> {
    const request = checkRequest(parameters);
    const { leads } = this.#options;
    const running = leads === undefined
      ? this.#running.length
      : (await this.list()).filter(({ state }) => state === "running").length;
    if (running >= MAX_RUNNING) {
      throw new CandlewireError("replay.too_many", `Start a replay: ${MAX_RUNNING} are running`, {
        retry: "retry",
        hint: "Wait for one to end, or cancel one",
      });
    }
    const ranges = await this.#ranges(request);
    const { store, now, newId } = this.#options;
    const { correcting = false, dry_run = false } = request;
    const replay: Replay = {
      id: newId(),
      state: "running",
      topic: request.topic,
      ranges,
      total: ranges.reduce((sum, { from, until }) => sum + until - from, 0),
      done: 0,
      stored: 0,
      unchanged: 0,
      filtered: 0,
      failed: 0,
      dry_run,
      correcting,
      // A dry run of a correction shows what the next one would do, without using up its number.
      revision: correcting ? (dry_run ? 999 : await store.nextRevision()) : 0,
      created_at: now(),
      finished_at: null,
      error: null,
    };
    await store.saveReplay(replay);
    if (leads?.() !== false) this.#start(replay);
    return structuredClone(replay);
  }

  async list(): Promise<Replay[]> {
    return await this.#options.store.replays();
  }

  async get(id: string): Promise<Replay> {
    const replay = (await this.list()).find((known) => known.id === id);
    if (replay === undefined) throw unknownReplay(id);
    return replay;
  }

  /** Ends a replay where it is; what it stored stays. */
  async cancel(id: string): Promise<Replay> {
    const at = this.#running.findIndex(({ replay }) => replay.id === id);
    if (at < 0) {
      const replay = await this.get(id);
      if (this.#options.leads === undefined || replay.state !== "running") return replay;
      // Whoever runs it would write over a mere state.
      await this.#options.store.saveNote(cancelNote(id), "cancelled");
      await this.#finish(replay, "cancelled", null);
      return structuredClone(replay);
    }
    const { replay } = this.#running[at]!;
    await this.#finish(replay, "cancelled", null);
    return structuredClone(replay);
  }

  /** One bounded step of the oldest running replay; answers whether any is left to run. */
  async step(): Promise<boolean> {
    if (this.#options.leads !== undefined) await this.#refresh();
    const current = this.#running[0];
    if (current === undefined) return false;
    const { replay } = current;
    try {
      const range = replay.ranges.find(({ next, until }) => next < until);
      if (range === undefined) await this.#finish(replay, "done", null);
      else await this.#read(current, range);
    } catch (error) {
      // The loop waits and comes back for what is unavailable; anything else ends this replay, not the consumer.
      if (isRetryable(error) || (error as CandlewireError).code === "store.fenced") throw error;
      await this.#finish(replay, "failed", errorText(error));
    }
    return this.#running.length > 0;
  }

  /** Takes up what others started, and ends what others cancelled. */
  async #refresh(): Promise<void> {
    const { store, now } = this.#options;
    if (now() < this.#refreshAt) return;
    for (const { replay } of [...this.#running]) {
      if (await store.note(cancelNote(replay.id)) !== undefined) {
        await this.#finish(replay, "cancelled", null);
      }
    }
    const known = new Set(this.#running.map(({ replay }) => replay.id));
    for (const replay of (await store.replays()).reverse()) {
      if (replay.state !== "running" || known.has(replay.id)) continue;
      if (await store.note(cancelNote(replay.id)) !== undefined) {
        await this.#finish(replay, "cancelled", null);
      } else this.#start(replay);
    }
    this.#refreshAt = now() + REFRESH_MS;
  }

  async #read(current: Running, range: ReplayRange): Promise<void> {
    const { log, store, now, maxRecords, onAlerts, onChange } = this.#options;
    const { replay, decoder, transforms } = current;
    const { partition, until, next: from } = range;
    const batch = await log.read({ topic: replay.topic, partition, from, until, maxRecords });
    const processed = await processBatch([batch], { decoder, transforms });
    if (processed.alerts.length > 0 && !replay.dry_run) {
      onAlerts?.(await store.raiseAlerts(processed.alerts));
    }
    const { result, letters } = await storeBatch(store, processed, {
      positions: [],
      at: now(),
      dryRun: replay.dry_run,
    });
    // Nothing to read below `until` (offsets may have holes): the range is done.
    range.next = batch.records.length === 0 ? until : Math.min(until, Math.max(batch.next, from + 1));
    const applied = Object.values(result.applied).reduce((sum, rows) => sum + rows, 0);
    replay.done += range.next - from;
    replay.stored += applied;
    replay.unchanged += result.duplicates + result.stale + result.tiedKept;
    replay.filtered += [...processed.filtered.values()].reduce((sum, rows) => sum + rows, 0);
    replay.failed += letters.length;
    await store.saveReplay(replay);
    onChange?.(replay);
  }

  #start(replay: Replay): void {
    const decoder = new ChangeDecoder({ columns: this.#options.columns, revision: replay.revision });
    this.#running.push({ replay, decoder, transforms: this.#options.transforms() });
  }

  async #finish(replay: Replay, state: Replay["state"], error: string | null): Promise<void> {
    const finished = { state, error, finished_at: this.#options.now() };
    // Until it is durable it runs: it is ended again should the store not answer.
    await this.#options.store.saveReplay({ ...replay, ...finished });
    Object.assign(replay, finished);
    const at = this.#running.findIndex((running) => running.replay === replay);
    if (at >= 0) this.#running.splice(at, 1);
    this.#options.onChange?.(replay);
  }

  async #ranges(request: ReplayRequest): Promise<ReplayRange[]> {
    const { log } = this.#options;
    const marks = (await log.watermarks()).filter(({ topic, partition }) =>
      topic === request.topic && (request.partition ?? partition) === partition
    );
    if (marks.length === 0) {
      throw new CandlewireError(
        "replay.out_of_range",
        `Replay ${request.topic}${
          request.partition === undefined ? "" : ` partition ${request.partition}`
        }: ` +
          "the log has no such partition",
      );
    }
    const at = async (time: number | undefined) =>
      new Map(
        time === undefined
          ? []
          : (await log.offsetsAt(request.topic, time)).map((p) => [p.partition, p.offset]),
      );
    const starts = await at(request.from_time);
    const ends = await at(request.until_time);
    return marks.map(({ partition, low, high }): ReplayRange => {
      const from = request.from_offset ?? starts.get(partition) ?? low;
      const until = Math.min(high, request.until_offset ?? ends.get(partition) ?? high);
      if (from < low) {
        throw new CandlewireError(
          "replay.out_of_range",
          `Replay ${request.topic} partition ${partition} from offset ${from}: the log keeps ${low} to ${high}`,
          { hint: `Replay from ${low}; what is older was removed by retention` },
        );
      }
      return { partition, from, until: Math.max(from, until), next: from };
    });
  }
}

function cancelNote(id: string): string {
  return `replay.cancelled.${id}`;
}

function unknownReplay(id: string): CandlewireError {
  return new CandlewireError("replay.unknown", `Find replay: "${String(id).slice(0, 100)}" is not known`);
}

function checkRequest(parameters: unknown): ReplayRequest {
  const bad = (what: string) => new CandlewireError("replay.bad_request", `Start a replay: ${what}`);
  if (typeof parameters !== "object" || parameters === null) throw bad("its parameters are no object");
  const request = parameters as Record<string, unknown>;
  const { topic } = request;
  const table = typeof topic === "string" ? tableOf(topic) : undefined;
  if (!(TABLES as readonly unknown[]).includes(table)) {
    throw bad(`topic ${JSON.stringify(topic)} is none of binance.public.{${TABLES.join(", ")}}`);
  }
  for (const name of ["partition", "from_offset", "until_offset", "from_time", "until_time"]) {
    const value = request[name];
    if (value !== undefined && (!Number.isSafeInteger(value) || (value as number) < 0)) {
      throw bad(`${name} must be an integer from 0, found ${JSON.stringify(value)}`);
    }
  }
  for (const name of ["dry_run", "correcting"]) {
    const value = request[name];
    if (value !== undefined && typeof value !== "boolean") {
      throw bad(`${name} must be true or false, found ${JSON.stringify(value)}`);
    }
  }
  const { from_offset, until_offset, from_time, until_time } = request as ReplayRequest;
  if ((from_offset ?? until_offset) !== undefined && (from_time ?? until_time) !== undefined) {
    throw bad("give offsets or times, not both");
  }
  if ((from_offset ?? 0) > (until_offset ?? Infinity) || (from_time ?? 0) > (until_time ?? Infinity)) {
    throw bad("it ends before it starts");
  }
  return request as ReplayRequest;
}
