import { eventually } from "./until.ts";

type RunningProcess = { pid: number; group: number; command: string };

/** How long processes may take to end after each signal, ms: a pipeline stops its PostgreSQL first. */
const PATIENCE_MS = { SIGTERM: 30_000, SIGINT: 10_000, SIGKILL: 10_000 };

/**
 * Ends what tests left behind: the members of their process group, if they have one of their own, and whoever names their
 * temporary folder on its command line, as servers do that left the group. Answers their command lines.
 */
export async function endLeft(group: number | undefined, folder: string): Promise<string[]> {
  const inGroup = async () => (await processes()).filter((one) => one.group === group);
  const all = async () =>
    (await processes()).filter((one) => one.group === group || one.command.includes(folder));
  const left = await all();
  if (left.length === 0) return [];
  await end(inGroup, "SIGTERM");
  // For PostgreSQL: at once, whoever is connected.
  await end(all, "SIGINT");
  await end(all, "SIGKILL");
  return left.map(({ command }) => command);
}

async function end(find: () => Promise<RunningProcess[]>, signal: keyof typeof PATIENCE_MS): Promise<void> {
  for (const { pid } of await find()) {
    try {
      Deno.kill(pid, signal);
    } catch {
      // It has ended.
    }
  }
  await eventually(async () => (await find()).length === 0, `ended by ${signal}`, PATIENCE_MS[signal])
    .catch(() => {});
}

/** All processes but the dead ones that their parents have not noticed. */
async function processes(): Promise<RunningProcess[]> {
  const { stdout } = await new Deno.Command("ps", { args: ["-Aww", "-o", "pid=,pgid=,stat=,args="] })
    .output();
  return new TextDecoder().decode(stdout).split("\n").flatMap((line) => {
    const [, pid, group, state, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    if (command === undefined || state!.startsWith("Z")) return [];
    return [{ pid: Number(pid), group: Number(group), command }];
  });
}
