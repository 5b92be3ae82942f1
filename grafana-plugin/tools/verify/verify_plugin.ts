import { gzipSync } from "node:zlib";
import { PLUGIN_ID } from "../paths.ts";
import { executableProblems } from "./executable_problems.ts";
import { moduleProblems } from "./module_problems.ts";
import { type PluginJson, pluginJsonProblems } from "./plugin_json.ts";
import type { PluginFiles } from "./plugin_files.ts";
import { type FoundPlugin, referenceProblems } from "./reference_problems.ts";
import { routeProblems } from "./route_problems.ts";

/** What was found: problems, and sizes of what a browser loads, bytes. */
export type Verdict = {
  problems: string[];
  /** Ids of the plugins found. */
  plugins: string[];
  sizes: { path: string; bytes: number; gzip: number }[];
};

/** How strict: a build without its backend is checked for all else. */
export type VerifyOptions = { backend?: boolean };

/** Checks a built plugin as far as it can be without a Grafana server. */
export async function verifyPlugin(
  files: PluginFiles,
  { backend = true }: VerifyOptions = {},
): Promise<Verdict> {
  const problems = [...files.problems];
  const plugins: FoundPlugin[] = [];
  const paths = [...files.modes.keys()];
  for (const path of paths.filter((path) => /(^|\/)plugin\.json$/.test(path))) {
    const text = await files.text(path);
    const found = pluginJsonProblems(text);
    problems.push(...found.map((problem) => `${path}: ${problem}`));
    if (!found.some((problem) => problem.startsWith("It is not JSON"))) {
      plugins.push({ folder: path.split("/").slice(0, -1).join("/"), json: JSON.parse(text) as PluginJson });
    }
  }
  problems.push(...referenceProblems(plugins, (path) => files.modes.has(path)));
  const app = plugins.find((plugin) => plugin.folder === "")?.json;
  if (app !== undefined) {
    if (app.id !== PLUGIN_ID) problems.push(`plugin.json: id ${app.id} is not ${PLUGIN_ID}`);
    problems.push(...routeProblems(app));
    for (const include of app.includes ?? []) {
      if (include.type === "dashboard" && files.modes.has(include.path ?? "")) {
        problems.push(
          ...dashboardProblems(include.path!, await files.text(include.path!), include.name ?? ""),
        );
      }
    }
  }
  if (backend) problems.push(...executableProblems(plugins, files.modes));
  for (const name of ["README.md", "CHANGELOG.md", "LICENSE"]) {
    if (!files.modes.has(name)) problems.push(`${name} is missing`);
  }
  const sizes: Verdict["sizes"] = [];
  for (const path of paths.filter((path) => path.endsWith(".js") && !backendFile(path, plugins)).sort()) {
    const bytes = await files.bytes(path);
    sizes.push({ path, bytes: bytes.length, gzip: gzipSync(bytes).length });
    if (/(^|\/)module\.js$/.test(path)) {
      problems.push(...moduleProblems(path, new TextDecoder().decode(bytes)));
    }
  }
  return { problems, plugins: plugins.map((plugin) => plugin.json.id), sizes };
}

/** Whether a script is the backend's and no browser's. */
function backendFile(path: string, plugins: FoundPlugin[]): boolean {
  return !/(^|\/)(module|\d+|[\w~-]+)\.js$/.test(path) ||
    plugins.some(({ folder, json }) => json.backend && path === `${folder}/plugin.js`);
}

/** A bundled dashboard without uid or with another title than its include's is imported twice or not found. */
function dashboardProblems(path: string, text: string, name: string): string[] {
  try {
    const { uid, title } = JSON.parse(text) as { uid?: string; title?: string };
    const problems: string[] = [];
    if (!uid) problems.push(`${path}: it has no uid`);
    if (title !== name) problems.push(`${path}: title ${title} is not its include's name ${name}`);
    return problems;
  } catch (error) {
    return [`${path}: it is not JSON: ${(error as Error).message}`];
  }
}
