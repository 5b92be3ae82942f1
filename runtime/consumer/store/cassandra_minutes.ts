import type { Client } from "cassandra-driver";
import type { EpochMs } from "../../market/epoch.ts";
import type { DirtyMinute } from "./market_store.ts";

/** A mark in the table is written again when the minute is touched this long after it. */
const REFRESH_US = 60_000_000;
/** Marks of others older than this are taken over: who made them is gone, or would have made them anew. */
const TAKEOVER_US = 3 * REFRESH_US;
/** How often the table is looked at for marks of others. */
const SCAN_EVERY_US = REFRESH_US;
/** Minutes remembered; what is forgotten beyond them is still in the table (I10). */
const MOST_REMEMBERED = 200_000;
/** The ring is read in parts, so that no part meets more of the rows deleted lately than a read may meet. */
const RING_PARTS = 64n;
const LOWEST_TOKEN = -(2n ** 63n);

type Entry = DirtyMinute & {
  /** Time stamp of the mark in the table, µs; undefined while there is none. */
  stamp: number | undefined;
};

/** What must be written so that a touched minute survives a crash. */
export type MarkToWrite = { symbol: string; minute: EpochMs; stamp: number };

/**
 * The minutes whose windows must be computed again. The truth for this writer is in memory, loaded at the start; the
 * table has what another one needs to go on after a crash. So that a mark costs one row a minute and not one a batch, a
 * minute that is marked in the table is not marked again, unless the mark is a minute old.
 *
 * Among writers (I2): a mark is taken over only when it was not renewed for three minutes, and unmarking deletes at the
 * mark's own time stamp, so it never removes a mark made since. What both compute is the same, from the same trades.
 */
export class CassandraMinutes {
  readonly #entries = new Map<string, Entry>();
  readonly #writer: string;
  readonly #nowUs: () => number;
  #touches = 0;
  #scannedAt = -Infinity;
  /** Where the scan of the ring goes on, should a part of it have failed. */
  #part = 0n;

  /** `nowUs`: the clock in µs, which never goes back. */
  constructor(writer: string, nowUs: () => number) {
    this.#writer = writer;
    this.#nowUs = nowUs;
  }

  /** Marks a minute; answers with the mark that must become durable, if one must. */
  touch(symbol: string, minute: EpochMs): MarkToWrite | undefined {
    const key = `${symbol} ${minute}`;
    const known = this.#entries.get(key);
    const entry: Entry = { symbol, minute, mark: ++this.#touches, stamp: known?.stamp };
    // Put last again: the longest untouched come first.
    if (known !== undefined) this.#entries.delete(key);
    this.#entries.set(key, entry);
    this.#forget();
    const now = this.#nowUs();
    if (entry.stamp !== undefined && now - entry.stamp < REFRESH_US) return undefined;
    return { symbol, minute, stamp: now };
  }

  /** The marks are in the table now. */
  written(marks: readonly MarkToWrite[]): void {
    for (const { symbol, minute, stamp } of marks) {
      const entry = this.#entries.get(`${symbol} ${minute}`);
      if (entry !== undefined) entry.stamp = stamp;
    }
  }

  /**
   * The longest untouched first, from `oldest` on: others are forgotten. Looks at the table at the first call and then
   * every minute.
   */
  async list(
    client: Client,
    { limit, consistency, oldest }: { limit: number; consistency: number; oldest: number },
  ): Promise<DirtyMinute[]> {
    if (this.#nowUs() - this.#scannedAt >= SCAN_EVERY_US) await this.scan(client, consistency);
    this.forgetBefore(oldest);
    const found: DirtyMinute[] = [];
    for (const { symbol, minute, mark } of this.#entries.values()) {
      if (found.length >= limit) break;
      found.push({ symbol, minute, mark });
    }
    return found;
  }

  /** Forgets minutes that were computed, unless touched since; answers with the marks to delete from the table. */
  done(minutes: readonly DirtyMinute[]): MarkToWrite[] {
    const gone: MarkToWrite[] = [];
    for (const { symbol, minute, mark } of minutes) {
      const key = `${symbol} ${minute}`;
      const entry = this.#entries.get(key);
      if (entry === undefined || entry.mark !== mark) continue;
      this.#entries.delete(key);
      if (entry.stamp !== undefined) gone.push({ symbol, minute, stamp: entry.stamp });
    }
    return gone;
  }

  /** Puts minutes back whose unmarking failed. */
  undone(minutes: readonly MarkToWrite[]): void {
    for (const { symbol, minute, stamp } of minutes) {
      const key = `${symbol} ${minute}`;
      if (!this.#entries.has(key)) {
        this.#entries.set(key, { symbol, minute, stamp, mark: ++this.#touches });
      }
    }
  }

  /** Marks of minutes before `cutoff` that nobody takes, since windows may be switched off (I10). */
  forgetBefore(cutoff: number): number {
    let removed = 0;
    for (const [key, { minute }] of this.#entries) {
      if (minute >= cutoff) continue;
      this.#entries.delete(key);
      removed++;
    }
    return removed;
  }

  /** Reads the table: our own marks of before, and those of others who have not renewed them. */
  async scan(client: Client, consistency: number): Promise<void> {
    const now = this.#nowUs();
    const step = 2n ** 64n / RING_PARTS;
    for (; this.#part < RING_PARTS && this.#entries.size < MOST_REMEMBERED; this.#part++) {
      const from = LOWEST_TOKEN + this.#part * step;
      const until = from + step - 1n;
      const found = await client.execute(
        "SELECT symbol, minute, mark, writer FROM dirty_minutes WHERE token(symbol) >= ? AND token(symbol) <= ?",
        [from.toString(), until.toString()],
        { prepare: true, consistency, isIdempotent: true, fetchSize: 5000 },
      );
      for await (const row of found) {
        const stamp = Number(row.mark);
        if (row.writer !== this.#writer && now - stamp < TAKEOVER_US) continue;
        const minute = (row.minute as Date).getTime() as EpochMs;
        const key = `${row.symbol} ${minute}`;
        if (this.#entries.has(key)) continue;
        this.#entries.set(key, { symbol: row.symbol, minute, mark: ++this.#touches, stamp });
      }
    }
    this.#part = 0n;
    this.#scannedAt = now;
  }

  #forget(): void {
    if (this.#entries.size <= MOST_REMEMBERED) return;
    for (const [key, { stamp }] of this.#entries) {
      // Only what the table has.
      if (stamp !== undefined) {
        this.#entries.delete(key);
        return;
      }
    }
  }
}
