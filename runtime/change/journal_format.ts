import { crc32 } from "node:zlib";

/**
 * What the journal's writer (capture) and its readers (consumer) agree on beyond `schema/sqlite/journal_0001.sql`:
 * the names of segments and the text of a batch.
 */

/** The format that this version writes and reads; another one's folder is refused. */
export const JOURNAL_FORMAT = 1;

/** The file of a segment: `segment-0000000042.sqlite`. Numbers rise by one. */
export function segmentFile(number: number): string {
  return `segment-${String(number).padStart(10, "0")}.sqlite`;
}

/** A segment's number; undefined for the name of any other file. */
export function segmentNumber(file: string): number | undefined {
  const match = /^segment-(\d{10,})\.sqlite$/.exec(file);
  return match === null ? undefined : Number(match[1]);
}

/** Key and value of a record as JSON text on one line, or null. */
export type JournalRecord = { key: string | null; value: string | null };

/** A batch's text: two lines a record. */
export function encodeRecords(records: readonly JournalRecord[]): string {
  let text = "";
  for (const { key, value } of records) text += (key ?? "") + "\n" + (value ?? "") + "\n";
  return text;
}

/** The records of a batch; undefined when the text does not hold exactly `count` of them. */
export function decodeRecords(text: string, count: number): JournalRecord[] | undefined {
  const lines = text.split("\n");
  if (lines.length !== count * 2 + 1 || lines[count * 2] !== "") return undefined;
  const records: JournalRecord[] = new Array(count);
  for (let i = 0; i < count; i++) {
    const key = lines[2 * i]!;
    const value = lines[2 * i + 1]!;
    records[i] = { key: key === "" ? null : key, value: value === "" ? null : value };
  }
  return records;
}

/** CRC-32 of a batch's text; tells a torn or altered batch. */
export function checksumOf(text: string): number {
  return crc32(text);
}

/**
 * True for an error of SQLite that says that a file is no segment, or a damaged one. By its text: Deno gives the result
 * code (SQLITE_CORRUPT, SQLITE_NOTADB) on some calls alone.
 */
export function isCorruption(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return code === "ERR_SQLITE_ERROR" &&
    /malformed|not a database|no such (table|column)|database corruption/.test(String(message));
}
