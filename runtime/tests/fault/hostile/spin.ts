/** Never comes back from a row. */
import type { RowTransform } from "../../../host/sdk.ts";

export default {
  tables: ["recent_trades"],
  apply() {
    while (true);
  },
} satisfies RowTransform<"recent_trades">;
