/** Tries to load a native library. */
import type { RowTransform } from "../../../host/sdk.ts";

export default {
  tables: ["recent_trades"],
  apply(row) {
    try {
      Deno.dlopen("libc.so.6", {});
    } catch (error) {
      if ((error as Error).name === "NotCapable") throw new Error("denied");
    }
    return row;
  },
} satisfies RowTransform<"recent_trades">;
