/** Answers with more than a frame may hold. */
import type { RowTransform } from "../../../host/sdk.ts";

export default {
  tables: ["recent_trades"],
  apply(row) {
    return { ...row, symbol: "x".repeat(20 * 1024 * 1024) };
  },
} satisfies RowTransform<"recent_trades">;
