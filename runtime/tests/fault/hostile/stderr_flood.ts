/** Floods stderr with lines and with a line that never ends. */
import type { RowTransform } from "../../../host/sdk.ts";

const line = new TextEncoder().encode("flood ".repeat(20) + "\n");
const endless = new TextEncoder().encode("x".repeat(65536));

export default {
  tables: ["recent_trades"],
  async apply(row) {
    for (let i = 0; i < 4_000; i++) await Deno.stderr.write(line);
    for (let i = 0; i < 4; i++) await Deno.stderr.write(endless);
    return row;
  },
} satisfies RowTransform<"recent_trades">;
