import { join, resolve } from "node:path";
import { CandlewireError, ignoreMissing } from "../error.ts";
import { openStackFolder, readStackRecord } from "./stack_file.ts";
import { stopServers } from "./stop_server.ts";

/** Options of {@linkcode stopStack}. */
export type StopStackOptions = {
  /** Deletes the servers' data, configuration and logs as well; their jars stay. */
  remove?: boolean;
  print?: (line: string) => void;
};

/** Stops what was started in a stack's folder, and nothing else. Rejects with `stack.none` when no stack was made there. */
export async function stopStack(folderPath: string, options: StopStackOptions = {}): Promise<void> {
  const path = resolve(folderPath);
  if (await readStackRecord(path) === undefined) {
    throw new CandlewireError("stack.none", `Stop the stack in ${path}: there is none`, {
      retry: "operator",
      hint: "Name the folder that it was started with: --dir FOLDER",
    });
  }
  const print = options.print ?? (() => {});
  using folder = await openStackFolder(path);
  const names = Object.keys(folder.record?.servers ?? {});
  if (names.length === 0) print("Nothing runs");
  await stopServers(folder, names, print);
  if (options.remove) await removeData(path, print);
}

async function removeData(path: string, print: (line: string) => void): Promise<void> {
  // PostgreSQL's files lie elsewhere when its user cannot reach this folder.
  const moved = await Deno.readTextFile(join(path, "postgres", "moved-to")).catch(ignoreMissing);
  const mine = /^(kafka-\d|cassandra-\d|connect|postgres|logs|candlewire\.json|connect-secrets\.properties)$/;
  const names: string[] = [];
  for await (const entry of Deno.readDir(path)) if (mine.test(entry.name)) names.push(entry.name);
  // Last: as long as it is there, what is left of a removal that was cut off can be removed again.
  for (
    const file of [
      ...(moved === undefined ? [] : [moved.trim()]),
      ...names.map((name) => join(path, name)),
    ]
  ) {
    await Deno.remove(file, { recursive: true }).catch(ignoreMissing);
  }
  await Deno.remove(join(path, "stack.json"));
  print(`Removed the stack's data in ${path}`);
}
