/**
 * Puts the backend into a folder, as Grafana wants it beside the data source's plugin.json: a launcher, Deno itself and the bundle.
 *
 * `deno run -A --config deno.json grafana-plugin/backend/build.ts grafana-plugin/dist/datasource`
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** `executable` of the data source's plugin.json with Go's names of the system. */
const EXECUTABLE = `gpx_candlewire_market_datasource_linux_${
  Deno.build.arch === "aarch64" ? "arm64" : "amd64"
}`;

/** Variables that the backend may read; all others do not exist for it. */
const VARIABLES = ["grafana_plugin_type", "PLUGIN_PROTOCOL_VERSIONS"];

/**
 * Grafana starts it without HOME, PATH and TMPDIR. Nothing is read or written but the network and the bundle; to whom it talks is
 * decided by data sources' settings, which are not known here. Libraries that look for other variables find none. Deno's
 * cache has no place: there is nothing to keep, and a folder of it would stay behind.
 */
const LAUNCHER = `#!/bin/sh
d="\${0%/*}"
export DENO_DIR=/dev/null/none DENO_NO_UPDATE_CHECK=1 NO_COLOR=1
exec "$d/deno" run --no-prompt --no-config --no-lock --no-remote --no-npm --deny-import --no-check --ignore-env \\
  --allow-env=${
  VARIABLES.join(",")
} --allow-sys=hostname,osRelease,homedir --allow-net --v8-flags=--max-old-space-size=256 "$d/plugin.js"
`;

/** Builds into `folder` and answers with the sizes of the files, bytes. */
export async function buildBackend(folder: string): Promise<Record<string, number>> {
  await Deno.mkdir(folder, { recursive: true });
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const bundle = join(folder, "plugin.js");
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--config",
      join(root, "deno.json"),
      "--minify",
      "--platform",
      "deno",
      "-o",
      bundle,
      join(root, "grafana-plugin/backend/main.ts"),
    ],
    stdout: "null",
    stderr: "piped",
  }).output();
  if (code !== 0) throw new Error(`Bundle the backend: ${new TextDecoder().decode(stderr)}`);
  const launcher = join(folder, EXECUTABLE);
  await Deno.writeTextFile(launcher, LAUNCHER);
  await Deno.chmod(launcher, 0o755);
  const deno = join(folder, "deno");
  // A running backend holds the old file.
  await Deno.remove(deno).catch(() => {});
  await Deno.copyFile(Deno.execPath(), deno);
  await Deno.chmod(deno, 0o755);
  const sizes: Record<string, number> = {};
  for (const name of [EXECUTABLE, "deno", "plugin.js"]) {
    sizes[name] = (await Deno.stat(join(folder, name))).size;
  }
  return sizes;
}

if (import.meta.main) {
  const [folder] = Deno.args;
  if (folder === undefined) {
    console.error("Name the folder to build into, such as grafana-plugin/dist/datasource");
    Deno.exit(2);
  }
  for (const [name, bytes] of Object.entries(await buildBackend(folder))) {
    console.log(`${name.padEnd(52)} ${(bytes / 1e6).toFixed(2)} MB`);
  }
}
