import { join, resolve } from "node:path";
import { probePostgres } from "./probe.ts";
import { loopback } from "./server_plan.ts";
import { identify, isRunning, residentBytes } from "./server_process.ts";
import type { StackPart, StackSettings } from "./settings.ts";
import { readStackRecord } from "./stack_file.ts";
import { isServing } from "./start_server.ts";

/** What is known of one server. */
export type ServerStatus = {
  name: string;
  part: StackPart;
  host: string;
  port: number;
  /** `died`: started and not stopped, and yet gone. `hangs`: it runs and does not answer. */
  state: "serves" | "hangs" | "died" | "stopped";
  pid: number | null;
  /** Resident memory, bytes; 0 when it does not run. Of PostgreSQL the first process alone. */
  rssBytes: number;
  /** ISO 8601; null when it was not started. */
  startedAt: string | null;
  logFile: string;
};

/** Looks at each server of a stack; undefined when no stack was made in the folder. */
export async function stackStatus(folder: string): Promise<ServerStatus[] | undefined> {
  const path = resolve(folder);
  const record = await readStackRecord(path);
  if (record === undefined) return undefined;
  return await Promise.all(
    members(record.settings).map(async (member): Promise<ServerStatus> => {
      const known = record.servers[member.name];
      const running = known !== undefined && await isRunning(known);
      const serves = running &&
        (member.part === "postgres"
          ? await probePostgres(member.host, member.port)
          : await isServing({ ...member, part: member.part }));
      const { index: _, ...shown } = member;
      return {
        ...shown,
        state: serves ? "serves" : running ? "hangs" : known !== undefined ? "died" : "stopped",
        pid: running ? known.pid : null,
        rssBytes: running && await identify(known.pid) !== undefined ? await residentBytes(known.pid) : 0,
        startedAt: known?.startedAt ?? null,
        logFile: member.part === "postgres"
          ? join(path, "postgres", "log")
          : join(path, "logs", `${member.name}.log`),
      };
    }),
  );
}

function members(
  settings: StackSettings,
): { name: string; part: StackPart; index: number; host: string; port: number }[] {
  const { ports } = settings;
  return settings.parts.flatMap((part) => {
    const several = part === "kafka" || part === "cassandra";
    const count = part === "kafka" ? settings.brokers : part === "cassandra" ? settings.nodes : 1;
    return Array.from({ length: count }, (_, at) => ({
      name: several ? `${part}-${at + 1}` : part,
      part,
      index: at + 1,
      host: loopback(at + 1),
      port: ports[part],
    }));
  });
}
