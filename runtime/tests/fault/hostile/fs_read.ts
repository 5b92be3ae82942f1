/** Tries to read files. */
import { readFileSync } from "node:fs";
import type { RowTransform } from "../../../host/sdk.ts";

export default {
  tables: ["recent_trades"],
  apply(row) {
    for (const read of [() => Deno.readTextFileSync("/etc/passwd"), () => readFileSync("/etc/passwd")]) {
      try {
        read();
        return row;
      } catch (error) {
        if ((error as Error).name !== "NotCapable") return row;
      }
    }
    throw new Error("denied");
  },
} satisfies RowTransform<"recent_trades">;
