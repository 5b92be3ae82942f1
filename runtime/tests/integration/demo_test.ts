import assert from "node:assert/strict";
import { join } from "node:path";
import { CommandProcess, until } from "../pipeline_process.ts";

Deno.test("demo: ready with its console, goes on when its exchange is killed, stops cleanly", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "candlewire-demo-" });
  await Deno.chmod(folder, 0o755);
  const demo = new CommandProcess([
    "demo",
    ...["--data-dir", join(folder, "demo"), "--port", "0"],
    ...["--set", "postgres.port=0", "--set", "exchange.server.port=0"],
  ]);
  try {
    const [, exchangeUrl] = await demo.line(/Exchange on (http:\S+)/, 60_000);
    const [, console] = await demo.line(/^Console\s+(http:\S+)/, 60_000);
    const trades = async () => {
      const response = await fetch(`${exchangeUrl}/admin/state`, { signal: AbortSignal.timeout(60_000) });
      return (await response.json() as { trades: number; sockets: unknown[] });
    };

    await t.step("the printed link opens the console", async () => {
      const answer = await fetch(console!, { redirect: "manual", signal: AbortSignal.timeout(60_000) });
      await answer.body?.cancel();
      assert.equal(answer.status, 303);
      assert.match(
        answer.headers.get("set-cookie") ?? "",
        /HttpOnly; SameSite=Strict|SameSite=Strict; HttpOnly/,
      );
    });

    await t.step("kill -9 of the exchange: it is started again and the producer connects again", async () => {
      const before = await trades();
      Deno.kill(await exchangePid(demo.pid), "SIGKILL");
      await demo.line(/The exchange ended by itself/, 20_000);
      await until("the market to go on with its readers", 60_000, async () => {
        const now = await trades();
        return now.sockets.length > 0 && now.trades > before.trades || undefined;
      }, () => demo.tail);
    });

    await t.step("SIGTERM ends it, and all that it started", async () => {
      assert.equal((await demo.stop()).code, 0, demo.tail);
      await assert.rejects(() => trades());
    });
  } finally {
    await demo.stop();
    await Deno.remove(folder, { recursive: true });
  }
});

/** The exchange among the host's children. */
async function exchangePid(host: number): Promise<number> {
  for await (const entry of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(entry.name)) continue;
    const stat = await Deno.readTextFile(`/proc/${entry.name}/stat`).catch(() => "");
    if (stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1] !== String(host)) continue;
    const command = await Deno.readTextFile(`/proc/${entry.name}/cmdline`).catch(() => "");
    if (command.includes("\0exchange\0")) return Number(entry.name);
  }
  throw new Error("The host has no exchange");
}
