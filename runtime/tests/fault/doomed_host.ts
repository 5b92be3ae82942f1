/**
 * A host with three children that do not end by themselves, to be killed by a test: one spins, one ignores its stop,
 * one is well-behaved. Prints their pids once the spinning one spins.
 */
import { join } from "node:path";
import { openHost, until } from "./host_fixture.ts";

const MAINS: Record<string, string> = {
  spins: "context.health('running'); await new Promise((ok) => setTimeout(ok, 300)); while (true);",
  stays: "context.health('running'); await new Promise(() => {});",
  behaves:
    "context.health('running'); if (!context.signal.aborted) await new Promise((ok) => context.signal.addEventListener('abort', ok));",
};

const fixture = await openHost({ config: { hangMs: 60_000, heartbeatMs: 100 } });
for (const [name, main] of Object.entries(MAINS)) {
  const folder = join(fixture.modulesFolder, name);
  await Deno.mkdir(folder);
  await Deno.writeTextFile(
    join(folder, "main.ts"),
    `export default async function main(context) { ${main} }\n`,
  );
  await Deno.writeTextFile(
    join(folder, "manifest.json"),
    JSON.stringify({ name, version: "1.0.0", kind: "source" }),
  );
}
const { host } = fixture;
await host.rescan();
await until("all to run", () => host.modules().every(({ state }) => state === "running"));
// It spins when its CPU time grows and its heartbeat does not.
await until("it to spin", () => {
  const { lastHeartbeatAt, cpuSeconds } = host.module("spins")!;
  return lastHeartbeatAt !== null && Date.now() - lastHeartbeatAt > 500 && (cpuSeconds ?? 0) > 0.3;
});
console.log(JSON.stringify({ pids: host.modules().map(({ pid }) => pid), folder: fixture.folder }));
