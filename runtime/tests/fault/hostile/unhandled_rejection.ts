/** Leaves a rejected promise behind. */
import type { RowTransform } from "../../../host/sdk.ts";

export default {
  tables: ["recent_trades"],
  apply(row) {
    Promise.reject(new Error("left behind"));
    return row;
  },
} satisfies RowTransform<"recent_trades">;
