/** Waits for ever. */
import type { RowTransform } from "../../../host/sdk.ts";

export default {
  tables: ["recent_trades"],
  apply: () => new Promise(() => {}),
} satisfies RowTransform<"recent_trades">;
