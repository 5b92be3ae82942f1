import type { EpochMs } from "../market/epoch.ts";
import type { CompletenessRow } from "../market/table.ts";
import { IdRanges } from "./id_ranges.ts";

/** Options of {@linkcode GapLedger}. */
export type GapLedgerOptions = {
  /** How long missing ids may still arrive by stream. */
  graceMs: number;
  /** The newest ids of one gap that are refilled; older ones are lost at once. */
  maxIds: number;
  /** Distance of one id to the next: 1 for trades, 60,000 for candles. */
  step: number;
};

/** What to ask the exchange for next. */
export type RefillRequest = { symbol: string; first: number; last: number };

type Gap = {
  first: number;
  last: number;
  cause: string;
  missing: IdRanges;
  /** Ids that the exchange no longer has. */
  lost: IdRanges;
  detectedAt: EpochMs;
  dueAt: number;
  /** Empty answers so far. */
  attempts: number;
  /** True once the exchange was asked. */
  asked: boolean;
  version: number;
};

type Track = {
  last: number | undefined;
  /** Why the next gap would be; back to `source_gap` once an id followed. */
  cause: string;
  gaps: Gap[];
  expected: number;
  expectedSince: number;
};

/** An exchange that answers with nothing this often has nothing. */
const ATTEMPTS = 3;

/** Ids of one completeness row at most, so that a crash repeats little of a long refill. */
const GAP_IDS = 50_000;

/** Open gaps a symbol; further ones extend the last (I10). */
const MAX_GAPS = 1_000;

/**
 * Per symbol, which ids came and which are missing (I3). Pure: time is passed in. Every change of a range becomes a
 * `completeness` row, to be taken by {@linkcode takeRows} and written no later than the ids beyond the gap.
 */
export class GapLedger {
  readonly kind: "trade" | "kline";
  readonly #options: GapLedgerOptions;
  readonly #tracks = new Map<string, Track>();
  #rows: CompletenessRow[] = [];
  /** Gaps found, by cause, since the last {@linkcode takeCounts}. */
  #counts = new Map<string, number>();

  constructor(kind: "trade" | "kline", options: GapLedgerOptions) {
    this.kind = kind;
    this.#options = options;
  }

  /** Begins after a stored id: what comes next must follow it. */
  start(symbol: string, last: number, cause: string): void {
    const track = this.#track(symbol);
    track.last = Math.max(track.last ?? -Infinity, last);
    track.cause = cause;
  }

  /** Takes up a range that was open before a restart. */
  restore(row: CompletenessRow): void {
    const gap = this.#gap({ first: row.first_id, last: row.last_id }, row.cause, row.detected_at);
    gap.version = row.version;
    const track = this.#track(row.symbol);
    track.gaps.push(gap);
    // It may reach beyond the last stored id; the next gap must not overlap it.
    track.last = Math.max(track.last ?? -Infinity, row.last_id);
  }

  /** Highest id seen of a symbol. */
  last(symbol: string): number | undefined {
    return this.#tracks.get(symbol)?.last;
  }

  /** An id came. `duplicate`: it was there already and need not be stored. */
  seen(symbol: string, id: number, now: EpochMs): "next" | "late" | "duplicate" {
    const track = this.#track(symbol);
    const { step } = this.#options;
    const { last } = track;
    if (last === undefined || id === last + step) {
      track.last = id;
      if (track.cause !== "source_gap") track.cause = "source_gap";
      return "next";
    }
    if (id <= last) return this.#fill(symbol, track, id, now) ? "late" : "duplicate";
    this.#open(symbol, track, last + step, id - step, now);
    track.last = id;
    return "next";
  }

  /** The exchange says that ids up to `id` exist; if they do not come within the grace time, they are missing. */
  expect(symbol: string, id: number, now: number): void {
    const track = this.#track(symbol);
    if (track.last === undefined || id <= track.last || id <= track.expected) return;
    if (track.expected <= track.last) track.expectedSince = now;
    track.expected = id;
  }

  /** The stream of these symbols (null: of all) broke: gaps found next are due to it. */
  broke(symbols: string[] | null, cause: string): void {
    for (const symbol of symbols ?? this.#tracks.keys()) this.#track(symbol).cause = cause;
  }

  /** Looks whether expected ids are overdue. `waiting`: the stream is held back, so nothing is overdue. */
  sweep(now: EpochMs, waiting = false): void {
    // Longer than for a hole: after it there was nothing yet that proves the stream has gone past.
    const grace = this.#options.graceMs * 2 + 1_000;
    for (const [symbol, track] of this.#tracks) {
      if (track.last === undefined || track.expected <= track.last) continue;
      if (waiting) track.expectedSince = now;
      if (now - track.expectedSince < grace) continue;
      this.#open(symbol, track, track.last + this.#options.step, track.expected, now);
      track.last = track.expected;
    }
  }

  /** The oldest range whose grace time is over; undefined when there is none. */
  due(now: number): RefillRequest | undefined {
    let best: { symbol: string; gap: Gap } | undefined;
    for (const [symbol, track] of this.#tracks) {
      for (const gap of track.gaps) {
        if (gap.dueAt <= now && (best === undefined || gap.dueAt < best.gap.dueAt)) best = { symbol, gap };
      }
    }
    const range = best?.gap.missing.first;
    return best === undefined || range === undefined ? undefined : { symbol: best.symbol, ...range };
  }

  /**
   * The exchange answered a request with these ids, ascending. Returns those that were missing and must be stored
   * now. What it skipped is lost; an empty answer is asked again a few times first.
   */
  answered(request: RefillRequest, ids: number[], now: EpochMs): Set<number> {
    const track = this.#track(request.symbol);
    const fresh = new Set<number>();
    for (const gap of track.gaps) gap.asked ||= gap.first <= request.last && gap.last >= request.first;
    for (const id of ids) {
      if (this.#fill(request.symbol, track, id, now)) fresh.add(id);
    }
    const gap = track.gaps.find((gap) => gap.first <= request.first && request.first <= gap.last);
    if (gap === undefined) return fresh;
    const reached = ids.length === 0 ? request.last : Math.min(request.last, ids[ids.length - 1]!);
    if (ids.length === 0 && ++gap.attempts < ATTEMPTS) {
      gap.dueAt = now + 1_000 * gap.attempts;
      return fresh;
    }
    for (const range of gap.missing.cut(request.first, reached)) gap.lost.append(range.first, range.last);
    if (gap.missing.empty) this.#close(request.symbol, track, gap, now);
    return fresh;
  }

  /** A range will not be had; it counts as an empty answer does. */
  refused(request: RefillRequest, now: EpochMs): void {
    this.answered(request, [], now);
  }

  /** An id that came but can never be stored. */
  unstorable(symbol: string, id: number, now: EpochMs): void {
    const gap = this.#gap({ first: id, last: id }, "bad_row", now);
    this.#count("bad_row");
    this.#row(symbol, gap, "lost", id, id, now);
  }

  /** Rows to write, oldest first. */
  takeRows(): CompletenessRow[] {
    const rows = this.#rows;
    if (rows.length > 0) this.#rows = [];
    return rows;
  }

  /** Gaps found since the last call, by cause. */
  takeCounts(): Map<string, number> {
    const counts = this.#counts;
    if (counts.size > 0) this.#counts = new Map();
    return counts;
  }

  /** Ranges not yet refilled. */
  get openGaps(): number {
    let count = 0;
    for (const track of this.#tracks.values()) count += track.gaps.length;
    return count;
  }

  #open(symbol: string, track: Track, first: number, last: number, now: EpochMs): void {
    const { step, maxIds } = this.#options;
    const cause = track.cause;
    track.cause = "source_gap";
    this.#count(cause);
    const firstKept = Math.max(first, last - (maxIds - 1) * step);
    if (firstKept > first) {
      const lost = Math.min(firstKept - step, last);
      this.#row(symbol, this.#gap({ first, last: lost }, "refill_limit", now), "lost", first, lost, now);
    }
    const end = track.gaps.at(-1);
    if (track.gaps.length >= MAX_GAPS && end !== undefined && firstKept > end.last) {
      end.missing.append(firstKept, last);
      end.last = last;
      this.#row(symbol, end, "open", end.first, end.last, now);
      return;
    }
    for (let from = firstKept; from <= last; from += GAP_IDS * step) {
      const gap = this.#gap({ first: from, last: Math.min(last, from + (GAP_IDS - 1) * step) }, cause, now);
      track.gaps.push(gap);
      this.#row(symbol, gap, "open", gap.first, gap.last, now);
    }
  }

  #fill(symbol: string, track: Track, id: number, now: EpochMs): boolean {
    for (const gap of track.gaps) {
      if (id < gap.first || id > gap.last) continue;
      if (!gap.missing.remove(id)) return false;
      if (gap.missing.empty) this.#close(symbol, track, gap, now);
      return true;
    }
    return false;
  }

  #close(symbol: string, track: Track, gap: Gap, now: EpochMs): void {
    track.gaps.splice(track.gaps.indexOf(gap), 1);
    // All came by stream, only late: nothing is marked backfill.
    if (!gap.asked) gap.cause = "reordered";
    const { step } = this.#options;
    let from = gap.first;
    for (const range of gap.lost.ranges) {
      if (range.first > from) this.#row(symbol, gap, "refilled", from, range.first - step, now);
      this.#row(symbol, gap, "lost", range.first, range.last, now);
      from = range.last + step;
    }
    if (from <= gap.last) this.#row(symbol, gap, "refilled", from, gap.last, now);
  }

  #row(
    symbol: string,
    gap: Gap,
    state: CompletenessRow["state"],
    first: number,
    last: number,
    now: EpochMs,
  ): void {
    gap.version = Math.max(now * 1_000, gap.version + 1);
    this.#rows.push({
      symbol,
      kind: this.kind,
      first_id: first,
      last_id: last,
      cause: gap.cause,
      state,
      detected_at: gap.detectedAt,
      updated_at: now,
      version: gap.version,
    });
  }

  #gap(range: { first: number; last: number }, cause: string, detectedAt: EpochMs): Gap {
    return {
      ...range,
      cause,
      missing: new IdRanges(this.#options.step, [range]),
      lost: new IdRanges(this.#options.step),
      detectedAt,
      dueAt: detectedAt + this.#options.graceMs,
      attempts: 0,
      asked: false,
      version: 0,
    };
  }

  #count(cause: string): void {
    this.#counts.set(cause, (this.#counts.get(cause) ?? 0) + 1);
  }

  #track(symbol: string): Track {
    let track = this.#tracks.get(symbol);
    if (track === undefined) {
      track = { last: undefined, cause: "source_gap", gaps: [], expected: -Infinity, expectedSince: 0 };
      this.#tracks.set(symbol, track);
    }
    return track;
  }
}
