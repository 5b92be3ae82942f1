/** Tries everything that Node's modules offer beyond the plain ways; what succeeds is named in the error. */
import { fork } from "node:child_process";
import { lookup } from "node:dns/promises";
import { open } from "node:inspector";
import { createRequire } from "node:module";
import { hostname, setPriority } from "node:os";
import process from "node:process";
import { setFlagsFromString, writeHeapSnapshot } from "node:v8";
import type { RowTransform } from "../../../host/sdk.ts";

const ways: Record<string, () => unknown> = {
  fork: () => fork("/tmp/x.js"),
  require: () => createRequire("file:///tmp/x.js")("/etc/hostname"),
  lookup: () => lookup("localhost"),
  inspector: () => open(0),
  hostname: () => hostname(),
  setPriority: () => setPriority(process.ppid, 19),
  killParent: () => process.kill(process.ppid, "SIGKILL"),
  probeParent: () => process.kill(process.ppid, 0),
  dlopen: () =>
    (process as unknown as { dlopen(m: object, f: string): void }).dlopen({ exports: {} }, "/lib/x.so"),
  heapSnapshot: () => writeHeapSnapshot("/tmp/candlewire_hostile_heap"),
  chdir: () => process.chdir("/"),
  denoKill: () => Deno.kill(Deno.ppid, "SIGKILL"),
  localStorage: () => localStorage.setItem("a", "b"),
  caches: () => caches.open("x").then((cache) => cache.put("http://a/", new Response("x"))),
  openStdout: () => Deno.openSync("/dev/stdout", { write: true }),
  readMemory: () => Deno.readFileSync("/proc/self/mem"),
  makeTempDir: () => Deno.makeTempDirSync(),
  request: async () => {
    const { state } = await Deno.permissions.request({ name: "read" });
    if (state !== "granted") throw new Error(state);
  },
};

export default {
  tables: ["recent_trades"],
  async apply() {
    // Not a permission: the host's own watchdog must hold without V8's limit.
    setFlagsFromString("--max-old-space-size=4096");
    const open: string[] = [];
    for (const [name, way] of Object.entries(ways)) {
      try {
        await way();
        open.push(name);
      } catch {
        // Denied.
      }
    }
    throw new Error(open.length === 0 ? "denied" : `open: ${open.join(", ")}`);
  },
} satisfies RowTransform<"recent_trades">;
