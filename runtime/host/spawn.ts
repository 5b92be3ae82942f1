import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { type Grant, permissionFlags } from "./permission.ts";

/** How a module's process is started. */
export type SpawnPlan = {
  name: string;
  /** The module's file, absolute. */
  entry: string;
  /** Folder for the generated entry file and the empty working folder: `<data>/run/<name>`. */
  runFolder: string;
  grant: Grant;
  memoryMb: number;
  /** Greatest size of V8's young generation, MB. */
  youngGenerationMb?: number;
  /**
   * Comes with the program: it may use the packages of the root's configuration and Deno's cache. All others get no
   * cache to write to, limits by the operating system, and an audit of every permission they touch.
   */
  builtIn: boolean;
  /** The project's root, with deno.json. */
  root: string;
  /** Deno's cache, for built-in modules. */
  denoDir: string;
};

/** V8's heap is what the ceiling leaves after a bare process (about 50 MB). */
const BARE_PROCESS_MB = 56;
/** 8 MB instead of V8's 16: measured, a tenth less memory; below that the consumer pays with twice the CPU. */
const YOUNG_MB = 8;
/**
 * Data segment beyond the ceiling. V8 maps about 550 MB for itself, and again for each worker, without touching them;
 * this limit is the last wall against a bomb that outruns the watchdog, and against workers without number.
 */
const DATA_HEADROOM_MB = 2048;

/**
 * Starts a module's process with the granted permissions and nothing else: no prompt, no remote code, no environment,
 * an empty working folder. The generated file imports the host's side first, so that it owns stdout before any code of
 * the module is evaluated; static imports need no read permission, which is why the module's graph is checked before.
 */
export function spawnModule(plan: SpawnPlan): Deno.ChildProcess {
  const cwd = join(plan.runFolder, "empty");
  Deno.mkdirSync(cwd, { recursive: true, mode: 0o700 });
  const main = join(plan.runFolder, "main.ts");
  const childFile = new URL("./child.ts", import.meta.url).href;
  Deno.writeTextFileSync(
    main,
    `import { serve } from ${JSON.stringify(childFile)};\n` +
      `import * as module from ${JSON.stringify(pathToFileURL(plan.entry).href)};\n` +
      `await serve(module);\n`,
  );
  const [command, args] = withLimits(plan, Deno.execPath(), denoArguments(plan, main));
  return new Deno.Command(command, {
    args,
    cwd,
    clearEnv: true,
    env: {
      NO_COLOR: "1",
      DENO_NO_UPDATE_CHECK: "1",
      DENO_NO_PACKAGE_JSON: "1",
      // Web storage and caches live under DENO_DIR and need no permission: without a folder they cannot fill a disk.
      DENO_DIR: plan.builtIn ? plan.denoDir : Deno.build.os === "windows" ? "NUL" : "/dev/null",
      ...(plan.builtIn || Deno.build.os === "windows" ? {} : { DENO_AUDIT_PERMISSIONS: "/dev/stderr" }),
    },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** The arguments of `deno` for a plan. */
export function denoArguments(plan: SpawnPlan, main: string): string[] {
  const heapMb = Math.max(32, plan.memoryMb - BARE_PROCESS_MB);
  return [
    "run",
    "--quiet",
    "--no-prompt",
    "--no-remote",
    "--cached-only",
    "--deny-import",
    "--no-check",
    ...(plan.builtIn
      ? ["--config", join(plan.root, "deno.json"), "--frozen", "--ignore-env"]
      : ["--no-config", "--no-lock", "--no-npm"]),
    `--v8-flags=--max-old-space-size=${heapMb},--max-semi-space-size=${plan.youngGenerationMb ?? YOUNG_MB}`,
    ...permissionFlags(plan.grant),
    main,
  ];
}

/**
 * `sh` sets limits and then becomes `deno` (the pid stays). An interrupt typed at the terminal reaches the whole
 * process group: modules ignore it and wait for the host's stop, so that they can drain.
 */
function withLimits(plan: SpawnPlan, deno: string, args: string[]): [string, string[]] {
  if (Deno.build.os === "windows") return [deno, args];
  const limits = ["trap '' INT HUP XFSZ", "ulimit -c 0"];
  if (!plan.builtIn) {
    if (plan.grant.write.length === 0) limits.push("ulimit -f 0");
    limits.push(`ulimit -d ${(plan.memoryMb + DATA_HEADROOM_MB) * 1024} 2>/dev/null || true`);
  }
  // User code yields to the pipeline where both want the processor.
  const nice = plan.builtIn ? "" : "nice -n 5 ";
  return ["/bin/sh", ["-c", `${limits.join("; ")}; exec ${nice}"$@"`, "sh", deno, ...args]];
}
