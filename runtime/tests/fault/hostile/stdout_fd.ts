/** Writes to file descriptor 1. */
import { writeSync } from "node:fs";
import type { RowTransform } from "../../../host/sdk.ts";

export default {
  tables: ["recent_trades"],
  apply(row) {
    writeSync(1, "hello, host\n");
    return row;
  },
} satisfies RowTransform<"recent_trades">;
