import { CandlewireError } from "../error.ts";

/**
 * Opaque cursors: the sort key of the last row of a page, as base64url of a JSON array that begins with the kind of
 * list. Keyset paging: rows that come or go between two pages neither repeat nor hide others.
 */
export function encodeCursor(kind: string, key: (string | number)[]): string {
  const bytes = new TextEncoder().encode(JSON.stringify([kind, ...key]));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The key in a cursor; undefined without one. Throws `query.bad_cursor` for a cursor of another list, or none. */
export function decodeCursor(
  kind: string,
  types: readonly ("string" | "number")[],
  cursor: string | undefined,
): (string | number)[] | undefined {
  if (cursor === undefined) return undefined;
  let parsed: unknown;
  try {
    const text = atob(cursor.replaceAll("-", "+").replaceAll("_", "/"));
    parsed = JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (char) => char.charCodeAt(0))));
  } catch {
    throw badCursor(kind, cursor);
  }
  if (!Array.isArray(parsed) || parsed[0] !== kind || parsed.length !== types.length + 1) {
    throw badCursor(kind, cursor);
  }
  const key = parsed.slice(1) as unknown[];
  if (
    !key.every((value, at) =>
      typeof value === types[at] && (typeof value === "string" || Number.isFinite(value))
    )
  ) {
    throw badCursor(kind, cursor);
  }
  return key as (string | number)[];
}

function badCursor(kind: string, cursor: string): CandlewireError {
  return new CandlewireError(
    "query.bad_cursor",
    `Read ${kind}: cursor "${cursor.slice(0, 60)}" is not one of this list`,
    {
      hint: "Start again without a cursor; cursors belong to one list and one order",
    },
  );
}
