import { CandlewireError } from "../../error.ts";
import type { EpochMs } from "../../market/epoch.ts";
import type { DeadLetter } from "../../query/market_query.ts";
import type { CassandraSession } from "./cassandra_session.ts";
import { deadLetterId, type MarketStore, type NewDeadLetter } from "./market_store.ts";

/** How long what other instances did to the letters may go unnoticed, ms. */
const FRESH_MS = 5000;
/** Letters whose payloads are read at once. */
const AT_ONCE = 16;

/** A letter without its payload. */
type Light = Omit<DeadLetter, "key" | "value"> & { bytes: number };

/** How much the dead-letter store holds. */
export type LetterLimits = { maxCount: number; maxBytes: number };

/**
 * Dead letters: the payload first, then the row that makes it a letter, so that a letter is never without its payload
 * (I5). The bound (I10) is checked against what is there at most some seconds ago; instances that write at the same
 * instant may pass it by what they have in hand.
 */
export class CassandraLetters {
  readonly #session: CassandraSession;
  readonly #limits: LetterLimits;
  #known = new Map<string, Light>();
  #bytes = 0;
  #readAt = -Infinity;

  constructor(session: CassandraSession, limits: LetterLimits) {
    this.#session = session;
    this.#limits = limits;
  }

  /** Rejects with `store.dead_letters_full` when one of them does not fit. Stores nothing. */
  async check(letters: readonly NewDeadLetter[]): Promise<void> {
    if (letters.length === 0) return;
    await this.#refresh();
    if (this.#overflow(letters) === undefined) return;
    // Full as far as we know: others may have made room.
    await this.#refresh(true);
    const full = this.#overflow(letters);
    if (full === undefined) return;
    throw new CandlewireError(
      "store.dead_letters_full",
      `Store dead letter ${full.id}: ${full.count} letters of ${full.bytes} bytes are there, at most ${this.#limits.maxCount} of ${this.#limits.maxBytes} bytes fit`,
      { retry: "operator", hint: "Retry or drop dead letters; the partition goes on by itself then" },
    );
  }

  #overflow(letters: readonly NewDeadLetter[]): { id: string; count: number; bytes: number } | undefined {
    let count = this.#known.size;
    let bytes = this.#bytes;
    const fresh = new Set<string>();
    for (const letter of letters) {
      const id = idOf(letter);
      if (this.#known.has(id) || fresh.has(id)) continue;
      fresh.add(id);
      if (count + 1 > this.#limits.maxCount || bytes + sizeOf(letter) > this.#limits.maxBytes) {
        return { id, count, bytes };
      }
      count++;
      bytes += sizeOf(letter);
    }
    return undefined;
  }

  /** Stores letters for which {@linkcode check} found room. A known one counts as another attempt. */
  async write(letters: readonly NewDeadLetter[], at: EpochMs): Promise<void> {
    for (const letter of letters) {
      const id = idOf(letter);
      const known = this.#known.get(id);
      const light: Light = {
        id,
        topic: letter.topic,
        partition: letter.partition,
        offset: letter.offset,
        code: letter.code,
        message: letter.message,
        bytes: known?.bytes ?? sizeOf(letter),
        first_failed_at: known?.first_failed_at ?? at,
        last_failed_at: at,
        attempts: (known?.attempts ?? 0) + 1,
      };
      const action = `Store dead letter ${id}`;
      // Also of a known one: another instance may have removed it since we looked.
      await this.#session.change(
        action,
        "INSERT INTO dead_letter_payloads (id, key, value) VALUES (?, ?, ?)",
        [
          id,
          letter.key,
          letter.value,
        ],
      );
      await this.#session.change(
        action,
        `INSERT INTO dead_letters (shard, id, topic, partition, offset, code, message, bytes, first_failed_at,
           last_failed_at, attempts) VALUES (0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        [
          id,
          light.topic,
          light.partition,
          light.offset,
          light.code,
          light.message,
          light.bytes,
          light.first_failed_at,
          light.last_failed_at,
          light.attempts,
        ],
      );
      if (known === undefined) this.#bytes += light.bytes;
      this.#known.set(id, light);
    }
  }

  /** True when there was such a letter. */
  async remove(id: string): Promise<boolean> {
    await this.#refresh();
    const action = `Remove dead letter ${id}`;
    if (!this.#known.has(id)) {
      await this.#refresh(true);
      if (!this.#known.has(id)) return false;
    }
    await this.#session.change(action, "DELETE FROM dead_letters WHERE shard = 0 AND id = ?", [id]);
    await this.#session.change(action, "DELETE FROM dead_letter_payloads WHERE id = ?", [id]);
    this.#bytes -= this.#known.get(id)!.bytes;
    this.#known.delete(id);
    return true;
  }

  async room(): Promise<{ count: number; bytes: number } & LetterLimits> {
    await this.#refresh(true);
    return { count: this.#known.size, bytes: this.#bytes, ...this.#limits };
  }

  async list(options: Parameters<MarketStore["deadLetters"]>[0]): Promise<DeadLetter[]> {
    await this.#refresh(true);
    const ids = options.ids === undefined ? undefined : new Set(options.ids);
    const ordered = [...this.#known.values()].sort((a, b) =>
      a.first_failed_at - b.first_failed_at || (a.id < b.id ? -1 : 1)
    );
    const start = options.after === undefined ? 0 : ordered.findIndex(({ id }) => id === options.after) + 1;
    const wanted = ordered.slice(start).filter((letter) =>
      (ids?.has(letter.id) ?? true) && (options.code ?? letter.code) === letter.code &&
      (options.topic ?? letter.topic) === letter.topic
    ).slice(0, options.limit);
    const letters: DeadLetter[] = [];
    for (let at = 0; at < wanted.length; at += AT_ONCE) {
      letters.push(...await Promise.all(wanted.slice(at, at + AT_ONCE).map((light) => this.#whole(light))));
    }
    return letters;
  }

  async #whole({ bytes: _, ...light }: Light): Promise<DeadLetter> {
    const [row] = await this.#session.rows(
      `Read dead letter ${light.id}`,
      "SELECT key, value FROM dead_letter_payloads WHERE id = ?",
      [light.id],
    );
    return { ...light, key: row?.key ?? null, value: row?.value ?? null };
  }

  async #refresh(now = false): Promise<void> {
    if (!now && performance.now() - this.#readAt < FRESH_MS) return;
    const rows = await this.#session.rows(
      "Read dead letters",
      `SELECT id, topic, partition, offset, code, message, bytes, first_failed_at, last_failed_at, attempts
       FROM dead_letters WHERE shard = 0`,
      [],
    );
    this.#known = new Map(rows.map((row) => [row.id, {
      id: row.id,
      topic: row.topic,
      partition: row.partition,
      offset: Number(row.offset),
      code: row.code,
      message: row.message,
      bytes: Number(row.bytes),
      first_failed_at: row.first_failed_at.getTime(),
      last_failed_at: row.last_failed_at.getTime(),
      attempts: row.attempts,
    }]));
    this.#bytes = 0;
    for (const { bytes } of this.#known.values()) this.#bytes += bytes;
    this.#readAt = performance.now();
  }
}

function idOf({ topic, partition, offset }: NewDeadLetter): string {
  return deadLetterId(topic, partition, offset);
}

function sizeOf({ key, value }: NewDeadLetter): number {
  return (key?.length ?? 0) + (value?.length ?? 0);
}
