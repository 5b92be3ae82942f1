/** CPU and memory of a process, from /proc; zero where there is no /proc. */
export type ProcessCost = { cpuSeconds: number; rssBytes: number };

/** Clock ticks a second of /proc's CPU times: 100 on every Linux that Deno runs on. */
const TICKS = 100;

/** What a process has used up to now, its children's aside. */
export function costOf(pid: number): ProcessCost {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const pages = Number(Deno.readTextFileSync(`/proc/${pid}/statm`).split(" ")[1]);
    return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS, rssBytes: pages * 4096 };
  } catch {
    return { cpuSeconds: 0, rssBytes: 0 };
  }
}

/** A process and all its descendants, such as PostgreSQL's backends. */
export function costOfTree(pid: number): ProcessCost {
  const children = new Map<number, number[]>();
  for (const entry of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(entry.name)) continue;
    try {
      const stat = Deno.readTextFileSync(`/proc/${entry.name}/stat`);
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      children.set(parent, [...children.get(parent) ?? [], Number(entry.name)]);
    } catch {
      // It ended while we looked.
    }
  }
  const total = { cpuSeconds: 0, rssBytes: 0 };
  const visit = (at: number) => {
    const cost = costOf(at);
    total.cpuSeconds += cost.cpuSeconds;
    total.rssBytes += cost.rssBytes;
    for (const child of children.get(at) ?? []) visit(child);
  };
  visit(pid);
  return total;
}

/** The value below which a share of the sorted numbers lies; NaN of none. */
export function quantile(sorted: number[], share: number): number {
  return sorted.length === 0 ? NaN : sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}
