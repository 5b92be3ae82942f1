/** What the operating system says of a process. */
export type ProcessStat = {
  rssBytes: number;
  /** User and system time. */
  cpuSeconds: number;
  /** Opaque; with the pid it names a process for ever. */
  startTime: string;
};

/** Linux counts CPU time in hundredths of a second on every architecture that Deno runs on. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = Deno.build.arch === "aarch64" ? undefined : 4096;

/** Reads /proc; undefined when the process is gone or there is no /proc. Costs about 20 µs. */
export function readProcess(pid: number): ProcessStat | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    // The name in parentheses may hold anything, also parentheses; the numbers follow the last one.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const rssBytes = PAGE_BYTES === undefined
      ? rssFromStatus(pid)
      : Number(Deno.readTextFileSync(`/proc/${pid}/statm`).split(" ")[1]) * PAGE_BYTES;
    return {
      rssBytes,
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
      startTime: fields[19] ?? "0",
    };
  } catch {
    return undefined;
  }
}

/** The same by `ps`, for systems without /proc; one call for all processes. */
export async function readProcesses(pids: number[]): Promise<Map<number, ProcessStat>> {
  const found = new Map<number, ProcessStat>();
  if (pids.length === 0) return found;
  if (Deno.build.os === "linux") {
    for (const pid of pids) {
      const stat = readProcess(pid);
      if (stat !== undefined) found.set(pid, stat);
    }
    return found;
  }
  try {
    const { stdout } = await new Deno.Command("ps", {
      args: ["-o", "pid=,rss=,time=", "-p", pids.join(",")],
      stdout: "piped",
      stderr: "null",
    }).output();
    for (const line of new TextDecoder().decode(stdout).split("\n")) {
      const [pid, rss, time] = line.trim().split(/\s+/);
      if (time === undefined) continue;
      found.set(Number(pid), {
        rssBytes: Number(rss) * 1024,
        cpuSeconds: time.split(/[:-]/).reduce((sum, part) => sum * 60 + Number(part), 0),
        startTime: "0",
      });
    }
  } catch {
    // No ps: the heap flag is the only ceiling.
  }
  return found;
}

/** Kernels with pages of another size: status tells kilobytes. */
function rssFromStatus(pid: number): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
  return Number(match?.[1] ?? 0) * 1024;
}
