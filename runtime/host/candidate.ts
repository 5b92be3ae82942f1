import { join, resolve } from "node:path";
import type { HostConfig } from "./config.ts";

/** Something in a watched folder that may be a module: a folder with a manifest, or a transform file. */
export type Candidate = {
  /** The folder's or the file's name, without `.ts`. A manifest may say another one. */
  name: string;
  /** The folder, or the transform file; absolute. */
  path: string;
  /** Nothing outside of it may be imported. */
  folder: string;
  /** A transform file without a manifest. */
  single: boolean;
};

/** Entries looked at of one folder (I10). */
const MAX_ENTRIES = 2_000;

/** Every candidate in the configured folders, ordered by path. Tests, declarations and hidden files are none. */
export async function findCandidates(config: HostConfig): Promise<Candidate[]> {
  const { modulesFolder, transformsFolder } = config;
  const found: Candidate[] = [];
  for (const item of await listFolder(modulesFolder)) {
    const path = join(resolve(modulesFolder!), item.name);
    if (await exists(join(path, "manifest.json"))) {
      found.push({ name: item.name, path, folder: path, single: false });
    }
  }
  for (const item of await listFolder(transformsFolder)) {
    if (item.isDirectory || !item.name.endsWith(".ts") || /(^[._])|(_test|\.d)\.ts$/.test(item.name)) {
      continue;
    }
    const folder = resolve(transformsFolder!);
    found.push({ name: item.name.slice(0, -3), path: join(folder, item.name), folder, single: true });
  }
  return found.sort((a, b) => a.path < b.path ? -1 : 1);
}

/** What lies in a folder; nothing when it cannot be read. */
export async function listFolder(folder: string | null): Promise<Deno.DirEntry[]> {
  if (folder === null) return [];
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).slice(0, MAX_ENTRIES);
  } catch {
    return [];
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch {
    return false;
  }
}

/** Names, sizes and times of what a candidate consists of: changes when any of its files may have. */
export async function fingerprintOf(candidate: Candidate): Promise<string> {
  const parts: string[] = [];
  const add = async (path: string) => {
    try {
      const { size, mtime, ino } = await Deno.stat(path);
      parts.push(`${path} ${size} ${mtime?.getTime()} ${ino}`);
    } catch {
      parts.push(`${path} absent`);
    }
  };
  const walk = async (folder: string, depth: number) => {
    for (const item of await listFolder(folder)) {
      if (parts.length > MAX_ENTRIES) return;
      const path = join(folder, item.name);
      if (item.isDirectory && depth < 16) await walk(path, depth + 1);
      else if (!candidate.single || depth > 0) await add(path);
    }
  };
  if (candidate.single) await add(candidate.path);
  await walk(candidate.folder, 0);
  return parts.sort().join("\n");
}
