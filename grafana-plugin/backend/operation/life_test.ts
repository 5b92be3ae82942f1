import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { logLine } from "./log.ts";

Deno.test("a process whose main thread stands still is ended by its watchdog, which says why", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--no-config",
      "--no-lock",
      "--no-remote",
      "--no-npm",
      "--v8-flags=--max-old-space-size=256",
      fileURLToPath(new URL("../testing/hung.ts", import.meta.url)),
    ],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), 40_000);
  const { code, signal, stdout, stderr } = await child.output();
  clearTimeout(timer);
  assert.match(new TextDecoder().decode(stdout), /hangs/);
  assert.match(new TextDecoder().decode(stderr), /The backend hangs: ended by its watchdog/);
  assert.notEqual(signal, "SIGKILL", "it had to be killed");
  assert.notEqual(code, 0);
});

Deno.test("a line of the log is what go-plugin reads", () => {
  assert.deepEqual(JSON.parse(logLine(new Date(5), "warn", "Text", { port: 1 })), {
    "@level": "warn",
    "@message": "Text",
    "@timestamp": "1970-01-01T00:00:00.005000Z",
    port: 1,
  });
});
