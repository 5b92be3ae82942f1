/** Takes memory outside of the heap. */
import type { RowTransform } from "../../../host/sdk.ts";

export default {
  tables: ["recent_trades"],
  async apply() {
    const kept: Uint8Array[] = [];
    while (true) {
      kept.push(new Uint8Array(16 * 1024 * 1024).fill(1));
      await new Promise((resolve) => setTimeout(resolve));
    }
  },
} satisfies RowTransform<"recent_trades">;
