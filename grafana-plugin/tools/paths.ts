import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The npm project of the Grafana plugin. */
export const PLUGIN_FOLDER = fileURLToPath(new URL("../", import.meta.url));
/** The repository's root. */
export const ROOT = join(PLUGIN_FOLDER, "..");
/** What webpack and the backend's build write. */
export const DIST = join(PLUGIN_FOLDER, "dist");
/** Zip files and their checksums. */
export const ARTIFACTS = join(PLUGIN_FOLDER, "artifacts");
/** Id of the app, the zip's root folder. */
export const PLUGIN_ID = "candlewire-marketdata-app";
/** Folder of the data source below dist, which holds the backend's executable. */
export const BACKEND_FOLDER = "datasource";

/** The plugin's version, from its package.json. */
export function pluginVersion(): string {
  return (JSON.parse(Deno.readTextFileSync(join(PLUGIN_FOLDER, "package.json"))) as { version: string })
    .version;
}

/** Path of the zip file of a version. */
export function zipPath(version: string = pluginVersion()): string {
  return join(ARTIFACTS, `${PLUGIN_ID}-${version}.zip`);
}
