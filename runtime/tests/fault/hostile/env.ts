/** Tries to read the environment. */
import type { RowTransform } from "../../../host/sdk.ts";

export default {
  tables: ["recent_trades"],
  apply(row) {
    try {
      if (Object.keys(Deno.env.toObject()).length > 0) return row;
    } catch (error) {
      if ((error as Error).name === "NotCapable") throw new Error("denied");
    }
    return row;
  },
} satisfies RowTransform<"recent_trades">;
