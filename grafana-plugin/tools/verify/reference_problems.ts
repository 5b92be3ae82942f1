import type { PluginJson } from "./plugin_json.ts";

/** A plugin.json with the folder that it lies in, `""` for the app. */
export type FoundPlugin = { folder: string; json: PluginJson };

const inFolder = (folder: string, path: string) => folder === "" ? path : `${folder}/${path}`;

/** Files that plugin.json files name and that are not there, nested plugins that the app does not include, or the reverse. */
export function referenceProblems(plugins: FoundPlugin[], has: (path: string) => boolean): string[] {
  const problems: string[] = [];
  for (const { folder, json } of plugins) {
    const name = inFolder(folder, "plugin.json");
    const { logos, screenshots = [] } = json.info;
    for (const path of new Set([logos.small, logos.large, ...screenshots.map((one) => one.path)])) {
      if (!has(inFolder(folder, path))) problems.push(`${name}: its image ${path} is missing`);
    }
    if (!has(inFolder(folder, "module.js"))) problems.push(`${name}: there is no module.js beside it`);
  }
  const app = plugins.find((plugin) => plugin.folder === "");
  if (app === undefined) return ["plugin.json of the app is missing", ...problems];
  const { json } = app;
  const nested = plugins.filter((plugin) => plugin !== app);
  const included = new Set<string>();
  for (const include of json.includes ?? []) {
    const what = `plugin.json: include ${include.type} ${JSON.stringify(include.name)}`;
    if (include.type === "dashboard") {
      if (!has(include.path ?? "")) problems.push(`${what}: ${include.path} is missing`);
    } else if (include.type === "page") {
      const path = include.path ?? "";
      if (!path.startsWith(`/a/${json.id}/`) && path !== `/plugins/${json.id}`) {
        problems.push(`${what}: path ${path} is not below /a/${json.id}/`);
      }
      if (include.action === undefined && include.role === undefined) {
        problems.push(`${what}: neither action nor role says who may see it`);
      }
    } else {
      const plugin = nested.find((one) => one.json.name === include.name && one.json.type === include.type);
      if (plugin === undefined) problems.push(`${what}: no nested plugin has this name and type`);
      else included.add(plugin.json.id);
    }
  }
  for (const plugin of nested) {
    if (!included.has(plugin.json.id)) problems.push(`plugin.json: ${plugin.json.id} is not in includes`);
    if (plugin.json.info.version !== json.info.version) {
      problems.push(`${plugin.json.id}: version ${plugin.json.info.version} is not the app's`);
    }
  }
  return problems;
}
