import type { BookRow } from "../../market/table.ts";
import { parseSide, topOfBook } from "../../query/book_levels.ts";
import type { Change, Outcome, Transform } from "./transform.ts";

/**
 * Flattens a book's sides, fails a book whose sides are no lists of levels (`transform.bad_book`), and enriches it with
 * best bid and ask, spread and mid. The levels with their notional are what `flattenBook` makes of the same text on
 * read: the store keeps the text, see schema/sqlite/store_0001.sql.
 */
export function enrich(): Transform {
  return {
    name: "enrich",
    tables: ["order_book"],
    apply(changes: Change[]): Outcome[] {
      return changes.map((change): Outcome => {
        if (change.kind === "delete") return { kind: "keep", change };
        const row = change.row as BookRow;
        const bids = parseSide(row.bids);
        if (typeof bids === "string") return badBook(row, "bids", bids);
        const asks = parseSide(row.asks);
        if (typeof asks === "string") return badBook(row, "asks", asks);
        return { kind: "keep", change: { ...change, enrichment: topOfBook(bids, asks) } };
      });
    },
  };
}

function badBook(row: BookRow, side: string, problem: string): Outcome {
  return {
    kind: "fail",
    code: "transform.bad_book",
    message: `Flatten the book of ${row.symbol} at ${row.last_update_id}: ${side}: ${problem}`,
  };
}
