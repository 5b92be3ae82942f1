import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("testing/stopped_runner.ts", import.meta.url));

/** What the program prints before it ends or is ended. */
async function printed(parameters: string[], limitMs: number): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", PROGRAM, ...parameters],
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(limitMs),
  }).output();
  return new TextDecoder().decode(stdout).trim() || new TextDecoder().decode(stderr).trim();
}

Deno.test("a consumer that is stopped while its fetchers are made anew ends; kafkajs' own would spin for ever", async () => {
  assert.equal(await printed([], 60_000), "stopped");
  assert.equal(await printed(["--as-it-is"], 5_000), "", "kafkajs ends by itself now: the mend is needless");
});
