import { join } from "node:path";
import { CandlewireError } from "../../runtime/error.ts";
import { installPackages } from "./npm_packages.ts";
import { PLUGIN_FOLDER, ROOT } from "./paths.ts";
import { runCommand } from "./run_command.ts";

/** Older Grafana that the one build must serve, with the folder here that pins its libraries. */
const PINNED: Record<string, string> = { "12.4": "grafana_12" };

/** What of the repository the tree shows; everything else of a plugin's folder is npm's. */
const SHOWN = [
  "runtime",
  ...["src", "preview", "tools", ".config", "tsconfig.json"].map((name) => `grafana-plugin/${name}`),
];

/**
 * A tree beside the repository's own, `data/grafana-<line>/`, in which the plugin's sources (links, so always the present
 * ones) find the libraries of an older Grafana: both compilers look for packages upwards from where a source lies, and a map
 * of paths would not follow the packages' own `exports`. Installs the pinned packages when they are not there.
 *
 * @param line Grafana's version as `12.4`.
 * @returns The folder of the plugin in the tree.
 * Rejects with `plugin.unknown_grafana` when no libraries are pinned for that line.
 */
export async function grafanaTree(line: string, print: (text: string) => void): Promise<string> {
  const pinned = PINNED[line];
  if (pinned === undefined) {
    throw new CandlewireError(
      "plugin.unknown_grafana",
      `Use the libraries of Grafana ${line}: none are pinned`,
      {
        hint: `Pinned are ${Object.keys(PINNED).join(", ")}; the plugin's own need no option`,
      },
    );
  }
  const tree = join(ROOT, "data", `grafana-${line}`);
  const folder = join(tree, "grafana-plugin");
  await Deno.mkdir(folder, { recursive: true });
  for (const path of SHOWN) await link(join(ROOT, path), join(tree, path));
  for (const name of ["package.json", "package-lock.json"]) {
    await Deno.copyFile(join(PLUGIN_FOLDER, "tools", pinned, name), join(folder, name));
  }
  // Grafana's packages of that line ask for peers that contradict each other.
  await installPackages(print, { folder, args: ["--legacy-peer-deps"] });
  return folder;
}

/** Type check of the plugin's frontend against an older Grafana's libraries and its React. Rejects as `grafanaTree` and `runCommand` do. */
export async function checkAgainst(line: string, print: (text: string) => void): Promise<void> {
  await installPackages(print);
  const folder = await grafanaTree(line, print);
  print(`Checking types against Grafana ${line}`);
  const tsc = join(PLUGIN_FOLDER, "node_modules", ".bin", "tsc");
  await runCommand(tsc, ["--noEmit", "--project", folder], { cwd: folder });
}

/** Makes a symbolic link; one that is there already stays. */
async function link(target: string, path: string): Promise<void> {
  const there = await Deno.readLink(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  });
  if (there === target) return;
  if (there !== undefined) await Deno.remove(path);
  await Deno.symlink(target, path);
}
