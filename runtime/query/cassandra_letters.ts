import type { EpochMs } from "../market/epoch.ts";
import { type CassandraReader, type CassandraRow, numberOf } from "./cassandra_reader.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import type { DeadLetter, MarketQuery, Page } from "./market_query.ts";
import { checkLimit, LISTED_VALUE, pageOf } from "./page.ts";

/** Payloads that are held whole at a time before they are cut (I10). */
const PAYLOADS_AT_ONCE = 4;

const COLUMNS = "id, topic, partition, offset, code, message, first_failed_at, last_failed_at, attempts";

/**
 * Newest first by first failure, then by position. The letters of a keyspace are few (`consumer.deadLetters` bounds
 * them) and in one partition: their keys are read and sorted here, their payloads only for the page that is shown.
 */
export async function readLetters(
  reader: CassandraReader,
  options: Parameters<MarketQuery["deadLetters"]>[0],
): Promise<Page<DeadLetter>> {
  const { code, topic } = options;
  const limit = checkLimit(options.limit);
  const after = decodeCursor("dead-letters", ["number", "string"], options.cursor) as
    | [number, string]
    | undefined;
  const where = ["shard = 0"];
  const values: unknown[] = [];
  for (const [column, value] of [["code", code], ["topic", topic]] as const) {
    if (value === undefined) continue;
    where.push(`${column} = ?`);
    values.push(value);
  }
  const keys: { at: number; id: string }[] = [];
  const select = `SELECT id, first_failed_at FROM ${reader.table("dead_letters")} WHERE ${
    where.join(" AND ")
  }${values.length === 0 ? "" : " ALLOW FILTERING"}`;
  for await (const rows of reader.scan(select, values)) {
    for (const row of rows) keys.push({ at: numberOf(row.first_failed_at) ?? 0, id: row.id as string });
  }
  const rest = after === undefined
    ? keys
    : keys.filter((key) => newestFirst(key, { at: after[0], id: after[1] }) > 0);
  rest.sort(newestFirst);
  const page = pageOf(rest, limit, ({ at, id }) => encodeCursor("dead-letters", [at, id]));
  const letters = await reader.each(
    `SELECT ${COLUMNS} FROM ${reader.table("dead_letters")} WHERE shard = 0 AND id = ?`,
    page.rows.map(({ id }) => [id]),
  );
  const rows: DeadLetter[] = [];
  for (let start = 0; start < letters.length; start += PAYLOADS_AT_ONCE) {
    const some = letters.slice(start, start + PAYLOADS_AT_ONCE);
    const payloads = await reader.each(payloadOf(reader), some.map(([letter]) => [letter?.id ?? ""]));
    some.forEach(([letter], at) => {
      // Settled between the two questions.
      if (letter === undefined) return;
      const whole = letterOf(letter, payloads[at]![0]);
      rows.push({ ...whole, value: whole.value?.slice(0, LISTED_VALUE) ?? null });
    });
  }
  return { rows, next: page.next };
}

/** One letter, whole. */
export async function readLetter(reader: CassandraReader, id: string): Promise<DeadLetter | undefined> {
  // An empty key is refused by the server.
  if (id === "") return undefined;
  const [[letter], [payload]] = await Promise.all([
    reader.rows(`SELECT ${COLUMNS} FROM ${reader.table("dead_letters")} WHERE shard = 0 AND id = ?`, [id]),
    reader.rows(payloadOf(reader), [id]),
  ]);
  return letter && letterOf(letter, payload);
}

function payloadOf(reader: CassandraReader): string {
  return `SELECT key, value FROM ${reader.table("dead_letter_payloads")} WHERE id = ?`;
}

function letterOf(letter: CassandraRow, payload: CassandraRow | undefined): DeadLetter {
  return {
    id: letter.id as string,
    topic: letter.topic as string,
    partition: letter.partition as number,
    offset: numberOf(letter.offset)!,
    code: letter.code as string,
    message: letter.message as string,
    key: (payload?.key ?? null) as string | null,
    value: (payload?.value ?? null) as string | null,
    first_failed_at: numberOf(letter.first_failed_at) as EpochMs,
    last_failed_at: numberOf(letter.last_failed_at) as EpochMs,
    attempts: letter.attempts as number,
  };
}

function newestFirst(a: { at: number; id: string }, b: { at: number; id: string }): number {
  if (a.at !== b.at) return b.at - a.at;
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0;
}
