/**
 * Writes the bundled dashboards and their places in the plugin's list:
 *
 *   deno run --config deno.json -A grafana-plugin/dashboards/generate.ts
 *
 * The files are committed; generate_test.ts fails when they differ from what this would write.
 */
import { catalogue, textOf } from "./catalogue.ts";
import { PLUGIN_JSON, pluginWith } from "./plugin_includes.ts";

const folder = new URL("../src/dashboards/", import.meta.url);
await Deno.mkdir(folder, { recursive: true });
const made = catalogue();
const wanted = new Set(made.map(({ file }) => file));
for (const { name } of Deno.readDirSync(folder)) {
  if (name.endsWith(".json") && !wanted.has(name)) await Deno.remove(new URL(name, folder));
}
for (const { file, dashboard } of made) await Deno.writeTextFile(new URL(file, folder), textOf(dashboard));
await Deno.writeTextFile(PLUGIN_JSON, pluginWith(made, await Deno.readTextFile(PLUGIN_JSON)));
console.log(`${made.length} dashboards`);
