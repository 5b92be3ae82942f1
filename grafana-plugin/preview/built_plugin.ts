import { join } from "node:path";
import { CandlewireError } from "../../runtime/error.ts";
import { filesBelow } from "../tools/zip_folder.ts";
import type { PluginJson } from "../tools/verify/plugin_json.ts";

/** The built plugin as Grafana finds it in a folder. */
export type BuiltPlugin = {
  dist: string;
  app: PluginJson;
  /** Nested plugins with their folders below dist. */
  nested: { folder: string; json: PluginJson }[];
};

/** Reads the plugin.json files of a built plugin. Rejects with `plugin.not_built` when there is none. */
export async function readBuiltPlugin(dist: string): Promise<BuiltPlugin> {
  const read = async (path: string) => JSON.parse(await Deno.readTextFile(join(dist, path))) as PluginJson;
  try {
    await Deno.stat(join(dist, "module.js"));
    const paths = (await filesBelow(dist)).filter((path) => path.endsWith("/plugin.json")).sort();
    return {
      dist,
      app: await read("plugin.json"),
      nested: await Promise.all(
        paths.map(async (path) => ({
          folder: path.slice(0, -"/plugin.json".length),
          json: await read(path),
        })),
      ),
    };
  } catch (cause) {
    throw new CandlewireError("plugin.not_built", `Read the built plugin in ${dist}: it is not complete`, {
      cause,
      hint: "Run `deno task plugin build` first",
    });
  }
}

/** The packaged backend's executable; undefined when the plugin was built without it. */
export async function backendExecutable({ dist, nested }: BuiltPlugin): Promise<string | undefined> {
  const found = nested.find(({ json }) => json.backend === true);
  if (found === undefined) return undefined;
  const path = join(dist, found.folder, `${found.json.executable}_linux_amd64`);
  return await Deno.stat(path).then(() => path, () => undefined);
}
