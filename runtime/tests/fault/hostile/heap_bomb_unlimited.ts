/** Lifts V8's own limit, then fills the heap. */
import { setFlagsFromString } from "node:v8";
import type { RowTransform } from "../../../host/sdk.ts";

export default {
  tables: ["recent_trades"],
  async apply() {
    setFlagsFromString("--max-old-space-size=16000");
    const kept: unknown[] = [];
    while (true) {
      for (let i = 0; i < 200_000; i++) kept.push({ i, text: `${i}` });
      await new Promise((resolve) => setTimeout(resolve));
    }
  },
} satisfies RowTransform<"recent_trades">;
