import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("testing/moved_coordinator_kafka.ts", import.meta.url));

Deno.test("a member whose coordinator moves and is still loading joins anew; kafkajs by itself would read on and never deliver", async () => {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", PROGRAM],
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(120_000),
  }).output();
  const text = new TextDecoder().decode(stdout).trim();
  assert.notEqual(text, "", new TextDecoder().decode(stderr));
  const { before, after, joins, committed } = JSON.parse(text);
  assert.ok(before >= 300, text);
  assert.ok(after >= 1000, `What came after the move: ${text}`);
  assert.equal(joins, 2, text);
  assert.equal(committed, true, text);
});
