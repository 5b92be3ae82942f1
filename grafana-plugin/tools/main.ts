/** `deno task plugin [build|package|verify|check|preview|screenshots]`: the Grafana plugin, from sources to a zip. */
import { relative } from "node:path";
import { parseArgs } from "node:util";
import { CandlewireError } from "../../runtime/error.ts";
import { build, check } from "./build.ts";
import { checkAgainst } from "./grafana_tree.ts";
import { packagePlugin } from "./package.ts";
import { DIST, PLUGIN_ID, ROOT, zipPath } from "./paths.ts";
import { folderFiles, zipFiles } from "./verify/plugin_files.ts";
import { verifyPlugin } from "./verify/verify_plugin.ts";

const HELP = `deno task plugin [command] [options]

Without a command: build, package and verify.

  build    [--no-backend]  npm packages when needed, webpack, the data source's backend, into grafana-plugin/dist
  package                  dist as a zip for Grafana with its SHA-256, into grafana-plugin/artifacts
  verify   [--no-backend]  checks the zip, or dist when there is no zip or with --dist
  check    [--grafana 12.4] types and lint of the frontend; or its types against the libraries of an older Grafana
  preview                  the pages and panels in a browser without Grafana, on a pipeline of its own or one that runs;
                           preview --help says more
  screenshots              the pictures of the plugin in src/img, of the demo's simulated market; needs Chromium`;

const COMMANDS: Record<string, (args: string[]) => Promise<void>> = {
  build: async (args) => await build({ backend: !flags(args)["no-backend"], print }),
  package: makeZip,
  verify,
  check: async (args) => {
    const { grafana } = flags(args);
    await (grafana === undefined ? check(print) : checkAgainst(grafana, print));
  },
  preview: async (args) => await (await import("../preview/main.ts")).main(args),
  screenshots: async () => await (await import("../preview/screenshots.ts")).takeScreenshots(print),
  all: async (args) => {
    const backend = !flags(args)["no-backend"];
    await build({ backend, print });
    await makeZip();
    await verify(backend ? [] : ["--no-backend"]);
  },
};

const [first, ...rest] = Deno.args;
if (first === "--help" || first === "-h" || first === "help") {
  console.log(HELP);
} else {
  const named = first !== undefined && !first.startsWith("-");
  const command = COMMANDS[named ? first : "all"];
  if (command === undefined) fail(`Run ${first}: there is no such command\n\n${HELP}`);
  try {
    await command!(named ? rest : Deno.args);
  } catch (error) {
    if (!(error instanceof CandlewireError) && !(error instanceof TypeError)) throw error;
    const hint = error instanceof CandlewireError ? error.hint : undefined;
    fail(hint === undefined ? error.message : `${error.message}\n${hint}`);
  }
}

/** Zips dist and says what came out. */
async function makeZip(): Promise<void> {
  const { path, bytes, files, sha256 } = await packagePlugin();
  print(`${relative(ROOT, path)}: ${files} files, ${megabytes(bytes)}, SHA-256 ${sha256}`);
}

/** Checks the zip or dist; ends with 1 when something is wrong. */
async function verify(args: string[]): Promise<void> {
  const { dist = false, "no-backend": noBackend = false } = flags(args);
  const zip = zipPath();
  const useZip = !dist && await Deno.stat(zip).then(() => true, () => false);
  const files = useZip ? await zipFiles(zip, PLUGIN_ID) : await folderFiles(DIST);
  const { problems, plugins, sizes } = await verifyPlugin(files, { backend: !noBackend });
  print(`Verified ${relative(ROOT, useZip ? zip : DIST)}: ${files.modes.size} files, ${plugins.join(", ")}`);
  for (const { path, bytes, gzip } of sizes) {
    print(`  ${path.padEnd(40)} ${String(bytes).padStart(9)} bytes ${String(gzip).padStart(8)} gzip`);
  }
  for (const problem of problems) console.error(`PROBLEM ${problem}`);
  print(`${problems.length} problems`);
  if (problems.length > 0) Deno.exit(1);
}

function flags(args: string[]): { "no-backend"?: boolean; dist?: boolean; grafana?: string } {
  return parseArgs({
    args,
    options: {
      "no-backend": { type: "boolean" },
      dist: { type: "boolean" },
      grafana: { type: "string" },
    },
  }).values;
}

function print(line: string): void {
  console.log(line);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

function fail(message: string): never {
  console.error(message);
  Deno.exit(1);
}
