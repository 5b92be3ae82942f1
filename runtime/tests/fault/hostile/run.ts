/** Tries to run a program. */
import type { RowTransform } from "../../../host/sdk.ts";

export default {
  tables: ["recent_trades"],
  apply(row) {
    try {
      new Deno.Command("/bin/sh", { args: ["-c", "id"] }).outputSync();
    } catch (error) {
      if ((error as Error).name === "NotCapable") throw new Error("denied");
    }
    return row;
  },
} satisfies RowTransform<"recent_trades">;
