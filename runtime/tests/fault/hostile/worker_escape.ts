/** Starts workers that read files, write to stdout and spin. */
import type { RowTransform } from "../../../host/sdk.ts";

const reads =
  "try { Deno.readTextFileSync('/etc/passwd'); self.postMessage('open') } catch (e) { self.postMessage(e.name) }";

export default {
  tables: ["recent_trades"],
  async apply(row) {
    const worker = new Worker("data:application/javascript," + encodeURIComponent(reads), { type: "module" });
    const answer = await new Promise((resolve) => worker.onmessage = (event) => resolve(event.data));
    new Worker("data:application/javascript,while(true);", { type: "module" });
    if (answer === "NotCapable") throw new Error("denied");
    return row;
  },
} satisfies RowTransform<"recent_trades">;
