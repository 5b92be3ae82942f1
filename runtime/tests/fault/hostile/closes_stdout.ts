/** Closes the protocol's pipes and goes on living. */
import { closeSync } from "node:fs";
import type { RowTransform } from "../../../host/sdk.ts";

export default {
  tables: ["recent_trades"],
  async apply(row) {
    for (const close of [() => closeSync(1), () => Deno.stdout.close()]) {
      try {
        close();
      } catch {
        // Next one.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    return row;
  },
} satisfies RowTransform<"recent_trades">;
