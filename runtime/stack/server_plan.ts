import type { StackPart, StackSettings } from "./settings.ts";

/** All that is needed to start one Java server; computed from the settings, so that every start is the same. */
export type ServerPlan = {
  /** `kafka-1`, `connect`, `cassandra-2`. */
  name: string;
  /** From 1, among those of its kind. */
  index: number;
  part: Exclude<StackPart, "postgres">;
  /** Where clients reach it. */
  host: string;
  port: number;
  /** Every address that it takes, with the flag that changes the port. */
  listens: { host: string; port: number; flag: string }[];
  /** Its data, temporary files and configuration. */
  folder: string;
  /** Rolled by the server itself. */
  logFile: string;
  /** What the JVM prints besides; made anew at each start. */
  outFile: string;
  /** Written before each start: absolute path to text. */
  files: Record<string, string>;
  /** Arguments of `java` for a run that must have succeeded once before the first start. */
  format: string[] | null;
  /** Arguments of `java`. */
  args: string[];
};

/** Folders that plans refer to. */
export type PlanFolders = {
  /** The stack's folder, absolute. */
  stack: string;
  /** The servers' jars, as Maven resolved them. */
  servers: string;
  /** The repository's `connectors/`. */
  connectors: string;
};

/** What all Java servers of a stack are started with. */
export function jvmArguments(
  settings: StackSettings,
  server: Pick<ServerPlan, "part" | "folder" | "logFile">,
): string[] {
  const { folder, logFile } = server;
  const heapMb = settings.heapsMb[server.part];
  return [
    ...(settings.quickStart ? ["-XX:TieredStopAtLevel=1"] : []),
    `-Xmx${heapMb}m`,
    `-Xms${Math.max(64, Math.floor(heapMb / 4))}m`,
    "-XX:+UseG1GC",
    // A server without memory must be seen to be gone, not limp on.
    "-XX:+ExitOnOutOfMemoryError",
    // Nothing is left in the machine's temporary folder, not after kill -9 either.
    "-XX:-UsePerfData",
    `-XX:ErrorFile=${folder}/tmp/jvm-error.log`,
    `-Djava.io.tmpdir=${folder}/tmp`,
    "-Djava.net.preferIPv4Stack=true",
    "-Djava.awt.headless=true",
    `-Dcandlewire.log=${logFile}`,
  ];
}

/** The loopback address of the nth server of a kind, from 1. */
export function loopback(index: number): string {
  return `127.0.0.${index}`;
}
