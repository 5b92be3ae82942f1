/** Changes the prototypes of its own realm under the protocol's feet. */
import type { RowTransform } from "../../../host/sdk.ts";

export default {
  tables: ["recent_trades"],
  apply(row) {
    Object.assign(Object.prototype, { error: { code: "x" }, ok: false });
    JSON.stringify = () => "garbage";
    Array.prototype.push = () => 0;
    Uint8Array.prototype.set = () => {};
    return row;
  },
} satisfies RowTransform<"recent_trades">;
