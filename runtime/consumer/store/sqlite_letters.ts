import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { CandlewireError } from "../../error.ts";
import type { EpochMs } from "../../market/epoch.ts";
import type { DeadLetter } from "../../query/market_query.ts";
import { deadLetterId, type NewDeadLetter } from "./market_store.ts";

/** How much the dead-letter store holds. */
export type DeadLetterLimits = { maxCount: number; maxBytes: number };

/** Dead letters in the store's file: bounded (I10), committed with the positions (I5). */
export class SqliteLetters {
  readonly #db: DatabaseSync;
  readonly #limits: DeadLetterLimits;
  readonly #again: StatementSync;
  readonly #insert: StatementSync;
  readonly #remove: StatementSync;
  readonly #sizes: StatementSync;

  constructor(db: DatabaseSync, limits: DeadLetterLimits) {
    this.#db = db;
    this.#limits = limits;
    this.#again = db.prepare(
      `UPDATE dead_letters SET attempts = attempts + 1, last_failed_at = ?, code = ?, message = ? WHERE id = ?`,
    );
    this.#insert = db.prepare(
      `INSERT INTO dead_letters (id, topic, partition, "offset", code, message, key, value, bytes,
         first_failed_at, last_failed_at, attempts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`,
    );
    this.#remove = db.prepare("DELETE FROM dead_letters WHERE id = ?");
    this.#sizes = db.prepare("SELECT count(*) AS count, coalesce(sum(bytes), 0) AS bytes FROM dead_letters");
  }

  /** Within a transaction: stores letters, refuses with `store.dead_letters_full` when one does not fit. */
  write(letters: NewDeadLetter[], at: EpochMs): void {
    if (letters.length === 0) return;
    let { count, bytes } = this.room();
    for (const letter of letters) {
      const id = deadLetterId(letter.topic, letter.partition, letter.offset);
      if (this.#again.run(at, letter.code, letter.message, id).changes === 1) continue;
      const size = (letter.key?.length ?? 0) + (letter.value?.length ?? 0);
      count++;
      bytes += size;
      if (count > this.#limits.maxCount || bytes > this.#limits.maxBytes) {
        throw new CandlewireError(
          "store.dead_letters_full",
          `Store dead letter ${id}: ${count - 1} letters of ${
            bytes - size
          } bytes are there, at most ${this.#limits.maxCount} of ${this.#limits.maxBytes} bytes fit`,
          { retry: "operator", hint: "Retry or drop dead letters; the partition goes on by itself then" },
        );
      }
      this.#insert.run(
        id,
        letter.topic,
        letter.partition,
        letter.offset,
        letter.code,
        letter.message,
        letter.key,
        letter.value,
        size,
        at,
        at,
      );
    }
  }

  room(): { count: number; bytes: number; maxCount: number; maxBytes: number } {
    const { count, bytes } = this.#sizes.get() as { count: number; bytes: number };
    return { count, bytes, ...this.#limits };
  }

  remove(id: string): boolean {
    return this.#remove.run(id).changes === 1;
  }

  list(
    options: { ids?: string[]; code?: string; topic?: string; after?: string; limit: number },
  ): DeadLetter[] {
    const where: string[] = [];
    const values: SQLInputValue[] = [];
    const add = (sql: string, value: SQLInputValue) => {
      where.push(sql);
      values.push(value);
    };
    if (options.ids !== undefined) {
      add("id IN (SELECT value FROM json_each(?))", JSON.stringify(options.ids));
    }
    if (options.code !== undefined) add("code = ?", options.code);
    if (options.topic !== undefined) add("topic = ?", options.topic);
    if (options.after !== undefined) {
      add("sequence > coalesce((SELECT sequence FROM dead_letters WHERE id = ?), 0)", options.after);
    }
    return this.#db.prepare(
      `SELECT id, topic, partition, "offset", code, message, key, value, first_failed_at, last_failed_at, attempts
       FROM dead_letters ${
        where.length === 0 ? "" : `WHERE ${where.join(" AND ")}`
      } ORDER BY sequence LIMIT ?`,
    ).all(...values, options.limit) as unknown as DeadLetter[];
  }
}
