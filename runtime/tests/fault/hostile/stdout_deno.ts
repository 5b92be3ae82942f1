/** Writes to the pipe of the protocol. */
import type { RowTransform } from "../../../host/sdk.ts";

export default {
  tables: ["recent_trades"],
  apply(row) {
    Deno.stdout.writeSync(new TextEncoder().encode("hello, host\n"));
    return row;
  },
} satisfies RowTransform<"recent_trades">;
