import { join } from "node:path";
import { CandlewireError } from "../error.ts";
import type { Java } from "./java.ts";
import { addressState, portHolder } from "./port_holder.ts";
import { probeCassandra, probeConnect, probeKafka } from "./probe.ts";
import type { ServerPlan } from "./server_plan.ts";
import { isRunning, lastLines, type ProcessIdentity, spawnDetached, writeWhole } from "./server_process.ts";

/** How often a starting server is asked, ms. */
const ASK_MS = 200;
/** How often a person is told that it still starts, ms. */
const TELL_MS = 5000;

/** Options of {@linkcode launchServer} and {@linkcode awaitServer}. */
export type StartOptions = {
  java: Java;
  path: string;
  print: (line: string) => void;
  signal?: AbortSignal | undefined;
  timeoutMs: number;
};

/** Throws `stack.port_in_use`, saying who holds each port and what to change, or `stack.address_missing`. */
export function checkListens(plans: Pick<ServerPlan, "name" | "listens">[]): void {
  const taken: string[] = [];
  const flags = new Set<string>();
  for (const { name, listens } of plans) {
    for (const { host, port, flag } of listens) {
      const state = addressState(host, port);
      if (state === "absent") {
        throw new CandlewireError(
          "stack.address_missing",
          `Start ${name} on ${host}: this machine has no such address`,
          {
            retry: "operator",
            hint:
              `Add it to the loopback interface (macOS: ifconfig lo0 alias ${host}), or start one server of a kind`,
          },
        );
      }
      if (state === "free") continue;
      taken.push(`${name} on ${host}:${port}: ${portHolder(host, port) ?? "another program"} listens there`);
      flags.add(flag);
    }
  }
  if (taken.length === 0) return;
  throw new CandlewireError("stack.port_in_use", `Start ${taken.join("; ")}`, {
    retry: "operator",
    hint: `Stop what listens there, or choose other ports with ${[...flags].join(", ")} (0 takes a free one)`,
  });
}

/**
 * Starts a server's process and returns once it is there; whether it serves is {@linkcode awaitServer}'s to tell. Rejects with
 * `stack.port_in_use`, `stack.format_failed`, `stack.server_died`.
 */
export async function launchServer(plan: ServerPlan, options: StartOptions): Promise<ProcessIdentity> {
  checkListens([plan]);
  const env = {
    PATH: options.path,
    LANG: "C.UTF-8",
    TZ: "UTC",
    HOME: plan.folder,
    // glibc gives each thread an arena of its own otherwise, which costs hundreds of MB.
    MALLOC_ARENA_MAX: "2",
  };
  await Deno.remove(join(plan.folder, "tmp"), { recursive: true }).catch(() => {});
  for (const folder of [join(plan.folder, "tmp"), join(plan.outFile, "..")]) {
    await Deno.mkdir(folder, { recursive: true });
  }
  for (const [file, text] of Object.entries(plan.files)) await writeWhole(file, text);
  await Deno.remove(plan.outFile).catch(() => {});
  if (plan.format !== null) await formatOnce(plan, plan.format, { ...options, env });
  const process = await spawnDetached(options.java.program, plan.args, {
    cwd: plan.folder,
    outFile: plan.outFile,
    env,
  });
  if (process === undefined) throw await died(plan);
  return process;
}

/** Waits until a started server serves. Rejects with `stack.server_died` or `stack.server_slow`, each with the log's last lines. */
export async function awaitServer(
  plan: ServerPlan,
  process: ProcessIdentity,
  options: StartOptions & { serves?: () => Promise<boolean> },
): Promise<void> {
  const started = performance.now();
  const serves = options.serves ?? (() => isServing(plan));
  let toldAt = started;
  while (!await serves()) {
    options.signal?.throwIfAborted();
    if (!await isRunning(process)) throw await died(plan);
    const now = performance.now();
    if (now - started > options.timeoutMs) {
      throw new CandlewireError(
        "stack.server_slow",
        `Wait for ${plan.name}: it runs (process ${process.pid}), but does not serve after ${
          Math.round(options.timeoutMs / 1000)
        } s`,
        { retry: "operator", hint: `Give it longer with --timeout. ${await logText(plan)}` },
      );
    }
    if (now - toldAt > TELL_MS) {
      toldAt = now;
      const [last] = await lastLines(plan.logFile, 1);
      options.print(
        `  ${plan.name}: ${((now - started) / 1000).toFixed(0)} s, ${(last ?? "starting").slice(0, 100)}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_MS));
  }
}

/** Whether a server answers its protocol right now. */
export async function isServing(
  plan: Pick<ServerPlan, "part" | "index" | "host" | "port">,
): Promise<boolean> {
  switch (plan.part) {
    case "kafka":
      // A broker that is not yet let in by the controller does not count itself.
      return (await probeKafka(plan.host, plan.port)).includes(plan.index);
    case "connect":
      return await probeConnect(plan.port);
    case "cassandra":
      return await probeCassandra(plan.host, plan.port);
  }
}

async function formatOnce(
  plan: ServerPlan,
  args: string[],
  options: StartOptions & { env: Record<string, string> },
): Promise<void> {
  // Kafka writes it when a folder is formatted.
  if (await Deno.stat(join(plan.folder, "data", "meta.properties")).then(() => true, () => false)) return;
  const { success, code, stdout, stderr } = await new Deno.Command(options.java.program, {
    args,
    cwd: plan.folder,
    clearEnv: true,
    env: options.env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  }).output();
  if (success) return;
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  throw new CandlewireError(
    "stack.format_failed",
    `Format the folder of ${plan.name}: java ended with ${code}`,
    {
      retry: "operator",
      hint: `It says: ${text.trim().split("\n").slice(-4).join(" | ")}`,
    },
  );
}

async function died(plan: ServerPlan): Promise<CandlewireError> {
  return new CandlewireError("stack.server_died", `Start ${plan.name}: its process ended`, {
    retry: "operator",
    hint: await logText(plan),
  });
}

async function logText(plan: ServerPlan): Promise<string> {
  const parts: string[] = [];
  // The log may hold only what an earlier run wrote; the output is made anew at each start.
  const started = (await Deno.stat(plan.outFile).catch(() => undefined))?.birthtime?.getTime() ?? 0;
  for (const file of [plan.logFile, plan.outFile]) {
    const written = (await Deno.stat(file).catch(() => undefined))?.mtime?.getTime() ?? 0;
    const lines = written < started ? [] : await lastLines(file, 10);
    if (lines.length > 0) {
      parts.push(`Last lines of ${file}:\n    ${lines.map((line) => line.slice(0, 300)).join("\n    ")}`);
    }
  }
  return parts.length > 0 ? parts.join("\n  ") : `It left nothing in ${plan.logFile}`;
}
