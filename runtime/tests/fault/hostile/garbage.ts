/** Random bytes in place of frames. */
import type { RowTransform } from "../../../host/sdk.ts";

export default {
  tables: ["recent_trades"],
  apply(row) {
    Deno.stdout.writeSync(crypto.getRandomValues(new Uint8Array(4096)));
    return row;
  },
} satisfies RowTransform<"recent_trades">;
