import { createHash } from "node:crypto";
import { join } from "node:path";
import { PLUGIN_FOLDER } from "../tools/paths.ts";
import { runCommand } from "../tools/run_command.ts";

const SYSTEM_JS = ["dist/system.min.js", "dist/extras/amd.min.js", "dist/extras/named-register.min.js"];

/**
 * The scripts of the mini host: `system.js` (SystemJS) and `host.js` (the host with the real Grafana libraries) with its parts,
 * bundled once by esbuild and kept until the lock or the host's own sources change.
 *
 * @param folder The plugin's folder whose node_modules holds the Grafana libraries: ours, or that of `grafanaTree`.
 * @returns The folder that they are in.
 */
export async function sharedBundle(print: (line: string) => void, folder = PLUGIN_FOLDER): Promise<string> {
  const sourcesFolder = join(folder, "preview", "browser");
  const cache = join(folder, "node_modules", ".cache", "candlewire-preview");
  const hash = createHash("sha256");
  hash.update(await Deno.readFile(join(folder, "package-lock.json")));
  const sources = [...Deno.readDirSync(sourcesFolder)].map(({ name }) => name).sort();
  for (const name of sources) hash.update(name).update(await Deno.readFile(join(sourcesFolder, name)));
  const kept = join(cache, hash.digest("hex").slice(0, 16));
  if (await Deno.stat(kept).then(() => true, () => false)) return kept;
  print("Bundling Grafana's libraries for the mini host, once");
  await Deno.mkdir(cache, { recursive: true });
  const made = await Deno.makeTempDir({ dir: cache });
  await runCommand(join(PLUGIN_FOLDER, "node_modules", ".bin", "esbuild"), [
    join(sourcesFolder, "host.tsx"),
    "--bundle",
    "--splitting",
    "--format=esm",
    "--target=chrome110",
    "--minify",
    "--jsx=automatic",
    ...["svg", "png", "woff2", "ttf"].map((type) => `--loader:.${type}=dataurl`),
    // Libraries that find an AMD loader would give themselves to it instead of to their importer.
    "--define:define.amd=undefined",
    '--define:process.env.NODE_ENV="production"',
    // An older Grafana's tree links to these sources: packages are looked for where the links are.
    "--preserve-symlinks",
    // What Grafana 12's libraries call version 6 beside version 5, which nothing here uses.
    "--alias:react-router-dom-v5-compat=react-router-dom",
    "--log-level=error",
    `--outdir=${made}`,
  ], { cwd: folder });
  const loader = await Promise.all(
    SYSTEM_JS.map((file) => Deno.readTextFile(join(PLUGIN_FOLDER, "node_modules", "systemjs", file))),
  );
  await Deno.writeTextFile(join(made, "system.js"), loader.join("\n;\n"));
  try {
    await Deno.rename(made, kept);
  } catch (error) {
    // Another process has made the same meanwhile.
    await Deno.remove(made, { recursive: true });
    if (!await Deno.stat(kept).then(() => true, () => false)) throw error;
  }
  return kept;
}
