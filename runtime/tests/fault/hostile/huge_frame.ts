/** Announces a frame of four gigabytes. */
import type { RowTransform } from "../../../host/sdk.ts";

export default {
  tables: ["recent_trades"],
  apply(row) {
    Deno.stdout.writeSync(new Uint8Array([0xff, 0xff, 0xff, 0xff, 9, 0, 0, 0, 2]));
    return row;
  },
} satisfies RowTransform<"recent_trades">;
