/** Tries to write a file. */
import type { RowTransform } from "../../../host/sdk.ts";

export default {
  tables: ["recent_trades"],
  apply(row) {
    try {
      Deno.writeTextFileSync("/tmp/candlewire_hostile_write", "x");
    } catch (error) {
      if ((error as Error).name === "NotCapable") throw new Error("denied");
    }
    return row;
  },
} satisfies RowTransform<"recent_trades">;
