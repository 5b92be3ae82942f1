import assert from "node:assert/strict";
import { ORIGIN } from "./captured_postgres.ts";

/** Capture in a child process that a test may kill, with the permission flags given and no others (I6). */
export function spawnCapture(permissions: readonly string[], parameters: Record<string, unknown>) {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", "--cached-only", "--no-remote", "--ignore-env", "--no-check"],
      ...["--config", new URL("../../deno.json", import.meta.url).pathname],
      ...permissions,
      new URL("./capture_child.ts", import.meta.url).pathname,
    ],
    stdin: "piped",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  const message = { parameters, origin: ORIGIN, password: "c" };
  writer.write(new TextEncoder().encode(`${JSON.stringify(message)}\n`)).catch(() => {});
  return {
    /** `kill -9`, and wait until it is gone. */
    async kill() {
      child.kill("SIGKILL");
      await child.status;
      await writer.close().catch(() => {});
    },
    async stop() {
      await writer.close();
      assert.equal((await child.status).code, 0);
    },
  };
}
