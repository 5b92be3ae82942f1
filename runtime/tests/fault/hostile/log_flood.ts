/** Logs far more than anyone reads. */
import type { RowTransform } from "../../../host/sdk.ts";

export default {
  tables: ["recent_trades"],
  apply(row, context) {
    for (let i = 0; i < 50_000; i++) context.log("error", `line ${i}`, { padding: "x".repeat(50) });
    return row;
  },
} satisfies RowTransform<"recent_trades">;
