import { CandlewireError, errorText } from "../../error.ts";

/** Primary result codes of SQLite that mean "not now": https://www.sqlite.org/rescode.html */
const UNAVAILABLE = new Set([5, 6, 7, 8, 9, 10, 13, 14, 15, 22]);
/** The file is damaged or no database: a person must act. */
const CORRUPT = new Set([11, 26]);

/** Tells what an error of `node:sqlite` demands of the caller. */
export function storeError(action: string, cause: unknown): CandlewireError {
  if (cause instanceof CandlewireError) return cause;
  const primary = ((cause as { errcode?: number }).errcode ?? -1) & 0xff;
  const text = `${action}: ${errorText(cause)}`;
  if ((cause as { errcode?: number }).errcode === undefined) {
    return new CandlewireError("store.bad_row", text, { cause });
  }
  if (UNAVAILABLE.has(primary)) {
    return new CandlewireError("store.unavailable", text, {
      retry: "retry",
      hint: primary === 13
        ? "Free space on the disk of the store's file"
        : "Check that the store's folder is mounted and writable",
      cause,
    });
  }
  if (CORRUPT.has(primary)) {
    return new CandlewireError("store.corrupt", text, {
      retry: "operator",
      hint: "Move the store's file away: the consumer builds it again from the log as far as that reaches",
      cause,
    });
  }
  return new CandlewireError("store.bad_row", text, { cause });
}
