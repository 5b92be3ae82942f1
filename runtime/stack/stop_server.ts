import { join } from "node:path";
import { startPostgres } from "../postgres/server.ts";
import { awaitGone, isRunning, type ProcessIdentity, signalProcess } from "./server_process.ts";
import type { StackFolder } from "./stack_file.ts";

/** How long a server may take to end by itself before it is killed, ms; brokers that lost their quorum would wait for minutes. */
const GRACE_MS = { kafka: 12_000, connect: 20_000, cassandra: 40_000 };

/**
 * Stops recorded servers, Connect before the Kafka that it talks to, and takes them from the record. Only a process that was
 * started as this server is touched: number and start must agree.
 */
export async function stopServers(
  folder: StackFolder,
  names: readonly string[],
  print: (line: string) => void,
): Promise<void> {
  const first = names.filter((name) => name === "connect");
  const others = names.filter((name) => name !== "connect");
  let saving = Promise.resolve();
  for (const group of [first, others]) {
    await Promise.all(group.map(async (name) => {
      const process = folder.record?.servers[name];
      if (process === undefined) return;
      print(await stopOne(folder, name, process));
      // One at a time: they are written to one file.
      saving = saving.then(async () => {
        const { [name]: _, ...servers } = folder.record!.servers;
        await folder.save({ ...folder.record!, servers });
      });
      await saving;
    }));
  }
}

async function stopOne(folder: StackFolder, name: string, process: ProcessIdentity): Promise<string> {
  if (!await isRunning(process)) return `${name} was gone already`;
  const started = performance.now();
  // One that was paused would never hear of it.
  await signalProcess(process, "SIGCONT");
  if (name === "postgres") {
    const server = await startPostgres({
      folder: join(folder.path, "postgres"),
      port: folder.record!.settings.ports.postgres,
    });
    await server.stop();
    return `${name} stopped after ${seconds(started)}`;
  }
  await signalProcess(process, "SIGTERM");
  const kind = name.replace(/-\d+$/, "") as keyof typeof GRACE_MS;
  if (await awaitGone(process, GRACE_MS[kind] ?? 20_000)) return `${name} stopped after ${seconds(started)}`;
  await signalProcess(process, "SIGKILL");
  await awaitGone(process, 10_000);
  return `${name} was killed: it had not stopped after ${seconds(started)}`;
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
