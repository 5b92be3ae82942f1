import { join } from "node:path";
import { setUpdated, sourceDate } from "./build_date.ts";
import { installPackages } from "./npm_packages.ts";
import { BACKEND_FOLDER, DIST, PLUGIN_FOLDER, ROOT } from "./paths.ts";
import { runCommand } from "./run_command.ts";

/** What of the plugin is built. */
export type BuildOptions = { backend?: boolean; print: (line: string) => void };

/**
 * Builds dist/: the npm packages when they differ from the lock, the frontend by webpack, then the data source's
 * backend. Rejects with `plugin.command_failed` when a step fails; its output is shown.
 */
export async function build({ backend = true, print }: BuildOptions): Promise<void> {
  await installPackages(print);
  const started = performance.now();
  print("Building the frontend");
  await runCommand("npm", ["run", "--silent", "build", "--", "--stats=errors-warnings"], {
    cwd: PLUGIN_FOLDER,
  });
  await setUpdated(DIST, await sourceDate());
  print(`Built the frontend in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  if (backend) await buildBackend(print);
  else await removeLaunchers();
}

/** webpack keeps the launcher of a build before and removes what it starts; a plugin without a backend has neither. */
async function removeLaunchers(): Promise<void> {
  const folder = join(DIST, BACKEND_FOLDER);
  for await (const { name } of Deno.readDir(folder)) {
    if (name.startsWith("gpx_")) await Deno.remove(join(folder, name));
  }
}

async function buildBackend(print: (line: string) => void): Promise<void> {
  const started = performance.now();
  print("Building the backend");
  const script = join("grafana-plugin", "backend", "build.ts");
  await runCommand(
    Deno.execPath(),
    ["run", "-A", "--config", "deno.json", "--frozen", script, join(DIST, BACKEND_FOLDER)],
    { cwd: ROOT },
  );
  print(`Built the backend in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

/** Type check and lint of the plugin's frontend. */
export async function check(print: (line: string) => void): Promise<void> {
  await installPackages(print);
  for (const [script, what] of [["typecheck", "types"], ["lint", "lint"]] as const) {
    print(`Checking ${what}`);
    await runCommand("npm", ["run", "--silent", script], { cwd: PLUGIN_FOLDER });
  }
  print("Checking types of the mini host's page");
  await runCommand("npx", ["--no-install", "tsc", "--noEmit", "-p", "preview/browser"], {
    cwd: PLUGIN_FOLDER,
  });
}
