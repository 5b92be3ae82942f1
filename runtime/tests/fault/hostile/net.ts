/** Tries to reach the network by every way it knows. */
import type { RowTransform } from "../../../host/sdk.ts";

export default {
  tables: ["recent_trades"],
  async apply(row) {
    const ways = [
      () => Deno.connect({ hostname: "127.0.0.1", port: 5432 }),
      () => fetch("http://127.0.0.1:8787/"),
      () => Promise.resolve(Deno.listen({ port: 0 })),
    ];
    for (const way of ways) {
      try {
        await way();
        return row;
      } catch (error) {
        if ((error as Error).name !== "NotCapable") return row;
      }
    }
    throw new Error("denied");
  },
} satisfies RowTransform<"recent_trades">;
