import { join, relative } from "node:path";
import { PLUGIN_FOLDER, ROOT } from "./paths.ts";
import { runCommand } from "./run_command.ts";

/** A package-lock's entries, as far as they are compared. */
export type Lock = { packages: Record<string, { version?: string; optional?: boolean; link?: boolean }> };

/**
 * What differs between the committed lock and what npm last wrote into node_modules (its hidden lock); none when the
 * installed packages are those of the lock. Optional packages of other platforms may be missing.
 */
export function differences(wanted: Lock, installed: Lock): string[] {
  const found: string[] = [];
  for (const [path, { version, optional }] of Object.entries(wanted.packages)) {
    if (path === "") continue;
    const there = installed.packages[path];
    if (there === undefined && !optional) found.push(`${path} is missing`);
    if (there !== undefined && there.version !== version) {
      found.push(`${path} is ${there.version}, not ${version}`);
    }
  }
  for (const path of Object.keys(installed.packages)) {
    if (!(path in wanted.packages)) found.push(`${path} is not in the lock`);
  }
  return found;
}

/** Where packages are installed, and how. */
export type InstallOptions = {
  /** An npm project with a lock; default the plugin. */
  folder?: string;
  /** More arguments of `npm ci`. */
  args?: string[];
};

/** Installs the npm packages of the lock unless they are there. */
export async function installPackages(
  print: (line: string) => void,
  { folder = PLUGIN_FOLDER, args = [] }: InstallOptions = {},
): Promise<void> {
  const wanted = readLock(folder, "package-lock.json");
  const installed = readLock(folder, "node_modules/.package-lock.json");
  const differing = installed === undefined ? ["nothing is installed"] : differences(wanted!, installed);
  if (differing.length === 0) return;
  print(
    `Installing npm packages into ${relative(ROOT, folder)} (${differing[0]}${
      differing.length > 1 ? " …" : ""
    })`,
  );
  await runCommand(
    "npm",
    ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", ...args],
    {
      cwd: folder,
    },
  );
}

function readLock(folder: string, path: string): Lock | undefined {
  try {
    return JSON.parse(Deno.readTextFileSync(join(folder, path))) as Lock;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound && path.startsWith("node_modules")) return undefined;
    throw error;
  }
}
