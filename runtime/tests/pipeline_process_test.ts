import assert from "node:assert/strict";
import { CommandProcess } from "./pipeline_process.ts";

Deno.test("a command that goes on is killed, and what it printed is told", async () => {
  const folder = await Deno.makeTempDir();
  const process = new CommandProcess([
    "exchange",
    "--port",
    "0",
    "--set",
    `exchange.market.folder=${folder}`,
  ]);
  try {
    await process.line(/Exchange on/);
    await assert.rejects(process.stopped(50), /has not ended within 50 ms, it is killed:[\s\S]*Exchange on/);
    assert.equal((await process.stopped()).signal, "SIGKILL");
  } finally {
    process.kill();
    await process.stopped();
    await Deno.remove(folder, { recursive: true });
  }
});
