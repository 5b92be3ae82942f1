/** Tries to import a file outside by a specifier that no graph shows, directly and through data: and blob: modules. */
import type { RowTransform } from "../../../host/sdk.ts";

const outside = "file:///etc/" + "hostname";
const nested = `import x from "${outside}" with { type: "text" }; export default x`;

export default {
  tables: ["recent_trades"],
  async apply(row) {
    const ways = [
      () => import(outside, { with: { type: "text" } }),
      () => import("data:application/javascript," + encodeURIComponent(nested)),
      () => import(URL.createObjectURL(new Blob([nested], { type: "application/javascript" }))),
      () => new Function(`return import("${outside}", { with: { type: "text" } })`)(),
    ];
    for (const way of ways) {
      try {
        await way();
        return row;
      } catch (error) {
        if (!/read access/.test((error as Error).message)) return row;
      }
    }
    throw new Error("denied");
  },
} satisfies RowTransform<"recent_trades">;
