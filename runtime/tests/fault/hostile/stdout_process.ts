/** Writes to Node's stdout. */
import process from "node:process";
import type { RowTransform } from "../../../host/sdk.ts";

export default {
  tables: ["recent_trades"],
  apply(row) {
    process.stdout.write("hello, host\n");
    return row;
  },
} satisfies RowTransform<"recent_trades">;
