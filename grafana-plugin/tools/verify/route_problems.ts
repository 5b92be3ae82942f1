import type { PluginJson } from "./plugin_json.ts";

/**
 * Routes of the app's proxy that let in whom they should not: a route without `reqAction` is open to every signed-in
 * user. Also actions that no role of the plugin grants, and tokens that are not secret settings.
 */
export function routeProblems(json: PluginJson): string[] {
  const problems: string[] = [];
  const granted = new Map<string, Set<string>>();
  for (const { role, grants } of json.roles ?? []) {
    for (const { action } of role.permissions) {
      granted.set(action, new Set([...granted.get(action) ?? [], ...grants]));
    }
  }
  const known = (action: string, what: string) => {
    if (!action.startsWith(`${json.id}.`) && !action.startsWith(`${json.id}:`)) {
      problems.push(`${what}: action ${action} does not begin with the plugin's id`);
    }
    if (!granted.has(action)) problems.push(`${what}: no role grants ${action}`);
  };
  for (const route of json.routes ?? []) {
    const what = `Route ${route.method} ${route.path}`;
    if (route.reqAction === undefined) {
      problems.push(`${what}: without reqAction every signed-in user may call it`);
    } else known(route.reqAction, what);
    if (!/^(GET|POST|PUT|PATCH|DELETE|\*)$/.test(route.method ?? "")) {
      problems.push(`${what}: method is one verb or *`);
    }
    if (!route.path.endsWith("/*")) problems.push(`${what}: without /* paths below it do not match`);
    if (route.method !== "GET" && granted.get(route.reqAction ?? "")?.has("Viewer")) {
      problems.push(`${what}: viewers are granted ${route.reqAction}, which changes state`);
    }
    for (const { name, content } of route.headers ?? []) {
      if (name === "Authorization" && !/\{\{ ?\.SecureJsonData\.\w+ ?\}\}/.test(content)) {
        problems.push(`${what}: the header ${name} is not from a secret setting`);
      }
    }
  }
  for (const include of json.includes ?? []) {
    if (include.action !== undefined) known(include.action, `Include ${include.name}`);
  }
  return problems;
}
