import { CandlewireError, errorText } from "../../error.ts";

/**
 * What SQLite's primary result codes demand (https://www.sqlite.org/rescode.html), with the text that each one has:
 * Deno's `exec` and constructor give the text alone.
 */
const CODES: readonly [number, RegExp, "unavailable" | "corrupt" | "bad_row"][] = [
  [5, /database is locked|database is busy/, "unavailable"],
  [6, /table is locked/, "unavailable"],
  [7, /out of memory/, "unavailable"],
  [8, /readonly database/, "unavailable"],
  [9, /interrupted/, "unavailable"],
  [10, /disk I\/O error/, "unavailable"],
  [13, /database or disk is full/, "unavailable"],
  [14, /unable to open database/, "unavailable"],
  [15, /locking protocol/, "unavailable"],
  [22, /large file support/, "unavailable"],
  [11, /malformed/, "corrupt"],
  [26, /is not a database/, "corrupt"],
  [18, /too big/, "bad_row"],
  [19, /constraint failed|cannot store/, "bad_row"],
  [20, /datatype mismatch/, "bad_row"],
  [25, /index out of range/, "bad_row"],
];

/**
 * Tells what an error of `node:sqlite` demands of the caller. Only what names the row is the row's fault: an unknown
 * error of SQLite stops the consumer's progress visibly (`store.failed`), and never makes a dead letter.
 */
export function storeError(action: string, cause: unknown): CandlewireError {
  if (cause instanceof CandlewireError) return cause;
  const { code, errcode } = cause as { code?: string; errcode?: number };
  const text = `${action}: ${errorText(cause)}`;
  // A value that cannot be bound at all.
  if (code !== "ERR_SQLITE_ERROR") return new CandlewireError("store.bad_row", text, { cause });
  const known = CODES.find(([primary, message]) =>
    errcode === undefined ? message.test((cause as Error).message) : (errcode & 0xff) === primary
  );
  switch (known?.[2]) {
    case "bad_row":
      return new CandlewireError("store.bad_row", text, { cause });
    case "unavailable":
      return new CandlewireError("store.unavailable", text, {
        retry: "retry",
        hint: known![0] === 13
          ? "Free space on the disk of the store's file"
          : "Check that the store's folder is there and writable, and that no other consumer holds it",
        cause,
      });
    case "corrupt":
      return new CandlewireError("store.corrupt", text, {
        retry: "operator",
        hint: "Move the store's file away: the consumer builds it again from the log as far as that reaches",
        cause,
      });
    case undefined:
      return new CandlewireError("store.failed", text, {
        retry: "operator",
        hint: "Look at the message; the consumer tries again by itself and reads no further until then",
        cause,
      });
  }
}
