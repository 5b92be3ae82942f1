import { join } from "node:path";
import { PLUGIN_FOLDER } from "./paths.ts";
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

/** Installs the npm packages of the lock unless they are there. */
export async function installPackages(print: (line: string) => void): Promise<void> {
  const wanted = readLock("package-lock.json");
  const installed = readLock("node_modules/.package-lock.json");
  const differing = installed === undefined ? ["nothing is installed"] : differences(wanted!, installed);
  if (differing.length === 0) return;
  print(`Installing the plugin's npm packages (${differing[0]}${differing.length > 1 ? " …" : ""})`);
  await runCommand("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: PLUGIN_FOLDER,
  });
}

function readLock(path: string): Lock | undefined {
  try {
    return JSON.parse(Deno.readTextFileSync(join(PLUGIN_FOLDER, path))) as Lock;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound && path.startsWith("node_modules")) return undefined;
    throw error;
  }
}
