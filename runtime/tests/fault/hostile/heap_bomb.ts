/** Fills the heap. */
import type { RowTransform } from "../../../host/sdk.ts";

export default {
  tables: ["recent_trades"],
  async apply() {
    const kept: unknown[] = [];
    while (true) {
      for (let i = 0; i < 200_000; i++) kept.push({ i, text: `${i}` });
      await new Promise((resolve) => setTimeout(resolve));
    }
  },
} satisfies RowTransform<"recent_trades">;
