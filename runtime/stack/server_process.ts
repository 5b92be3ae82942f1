import { dirname } from "node:path";
import { ignoreMissing } from "../error.ts";

/** A process by number and start: a number alone may have been given to another program meanwhile. */
export type ProcessIdentity = { pid: number; startTime: string };

/**
 * Starts a program that outlives this process: a session of its own, a clean environment, its output in a file. It is a child
 * of nobody here, so whoever looks after it does so by its {@linkcode ProcessIdentity}. Undefined when it is gone already.
 */
export async function spawnDetached(
  program: string,
  args: string[],
  options: { cwd: string; outFile: string; env: Record<string, string> },
): Promise<ProcessIdentity | undefined> {
  const script =
    'ulimit -Sn 65536 2>/dev/null || ulimit -Sn "$(ulimit -Hn)"; "$0" "$@" >"$OUT" 2>&1 </dev/null & echo $!';
  // Not output(): only spawn() heeds "detached", without which the terminal's signals would reach the servers.
  const { stdout } = await new Deno.Command("/bin/sh", {
    args: ["-c", script, program, ...args],
    cwd: options.cwd,
    clearEnv: true,
    env: { ...options.env, OUT: options.outFile },
    detached: true,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn().output();
  return await identify(Number(new TextDecoder().decode(stdout)));
}

/** The identity of a running process; undefined when there is none, or only its zombie. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  if (Deno.build.os === "linux") {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`).catch(gone);
    if (stat === undefined) return undefined;
    // The name in parentheses may hold anything; the fields follow the last one.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // Of a killed JVM the first thread goes before the others, which hold its ports a moment longer.
    const ended = fields[0] === "Z" || fields[0] === "X";
    if (ended && Number(fields[17]) <= 1) return undefined;
    return { pid, startTime: `${await bootId()} ${fields[19]}` };
  }
  const text = await ps(pid, "stat=,lstart=");
  return text === "" || text.startsWith("Z") ? undefined : { pid, startTime: text.replace(/^\S+\s+/, "") };
}

/** Whether that very process still runs. */
export async function isRunning(identity: ProcessIdentity): Promise<boolean> {
  return (await identify(identity.pid))?.startTime === identity.startTime;
}

/** Resident memory, bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const status = Deno.build.os === "linux"
    ? /VmRSS:\s+(\d+) kB/.exec(await Deno.readTextFile(`/proc/${pid}/status`).catch(gone) ?? "")?.[1]
    : await ps(pid, "rss=");
  return Number(status ?? 0) * 1024;
}

/** Sends a signal to that very process; false when it is gone. */
export async function signalProcess(identity: ProcessIdentity, signal: Deno.Signal): Promise<boolean> {
  if (!await isRunning(identity)) return false;
  try {
    Deno.kill(identity.pid, signal);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Waits until that very process is gone; false when it still runs after `timeoutMs`. */
export async function awaitGone(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (await isRunning(identity)) {
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return true;
}

/** The last lines of a file, at most 64 KiB of it; empty when there is none. */
export async function lastLines(path: string, count: number): Promise<string[]> {
  try {
    using file = await Deno.open(path);
    const { size } = await file.stat();
    const length = Math.min(size, 65_536);
    await file.seek(size - length, Deno.SeekMode.Start);
    const text = await new Response(file.readable).text();
    return text.trimEnd().split("\n").filter((line) => line.trim() !== "").slice(-count);
  } catch (error) {
    ignoreMissing(error);
    return [];
  }
}

/** Written beside and renamed, so that a crash leaves the old file or the new one. */
export async function writeWhole(path: string, text: string, mode = 0o644): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(`${path}.new`, text, { mode });
  await Deno.chmod(`${path}.new`, mode);
  await Deno.rename(`${path}.new`, path);
}

let boot: Promise<string> | undefined;

/** Ticks since boot tell a start only within one boot. */
function bootId(): Promise<string> {
  return boot ??= Deno.readTextFile("/proc/sys/kernel/random/boot_id").then((text) => text.trim(), () => "");
}

/** A process may go between two looks: ESRCH comes as a plain error. */
function gone(error: unknown): undefined {
  if (error instanceof Deno.errors.PermissionDenied) throw error;
  return undefined;
}

async function ps(pid: number, columns: string): Promise<string> {
  const { stdout } = await new Deno.Command("ps", {
    args: ["-o", columns, "-p", `${pid}`],
    stdout: "piped",
    stderr: "null",
  }).output();
  return new TextDecoder().decode(stdout).trim();
}
