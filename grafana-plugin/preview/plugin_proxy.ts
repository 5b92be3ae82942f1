import type { PluginJson, PluginRoute } from "../tools/verify/plugin_json.ts";

/** Grafana's basic roles; each has what the one before has. */
export const ORG_ROLES = ["Viewer", "Editor", "Admin"] as const;
export type OrgRole = (typeof ORG_ROLES)[number];

/** The app's settings as Grafana keeps them. */
export type AppSettings = { jsonData: Record<string, unknown>; secureJsonData: Record<string, string> };

/** What the proxy does with a call: send it on, or answer it with a status. */
export type ProxyDecision =
  | { kind: "forward"; url: string; headers: Record<string, string>; route: PluginRoute }
  | { kind: "refuse"; status: 403 | 404; message: string };

/** The actions that a role has by the plugin's own roles and their grants. */
export function grantedActions(json: PluginJson, role: OrgRole): Set<string> {
  const actions = new Set<string>();
  for (const { role: granted, grants } of json.roles ?? []) {
    const has = grants.some((grant) => ORG_ROLES.indexOf(grant as OrgRole) <= ORG_ROLES.indexOf(role));
    if (has) { for (const { action } of granted.permissions) actions.add(action); }
  }
  return actions;
}

/**
 * What Grafana's plugin proxy does with a call, by the routes of the built plugin.json: the first route whose method and path
 * match decides; `reqAction` asks for an action, a route without it lets in every signed-in user; the rest of the path
 * is appended and the query kept; headers are templates over the settings.
 *
 * @param path What follows `/api/plugin-proxy/<id>/`, percent-encoding kept.
 * @param search The query with its `?`, or empty.
 */
export function decideProxy(
  json: PluginJson,
  settings: AppSettings,
  role: OrgRole,
  call: { method: string; path: string; search: string },
): ProxyDecision {
  const route = (json.routes ?? []).find(({ path, method = "*" }) =>
    (method === "*" || method === call.method) && matches(path, call.path)
  );
  if (route === undefined) return { kind: "refuse", status: 404, message: "plugin route match not found" };
  if (route.reqAction !== undefined && !grantedActions(json, role).has(route.reqAction)) {
    return { kind: "refuse", status: 403, message: "plugin proxy route access denied" };
  }
  const rest = route.path.endsWith("/*") ? call.path.slice(route.path.length - 1) : "";
  const base = fillTemplate(route.url ?? "", settings).replace(/\/$/, "");
  return {
    kind: "forward",
    url: `${base}${rest === "" ? "" : `/${rest}`}${call.search}`,
    headers: Object.fromEntries(
      (route.headers ?? []).map(({ name, content }) => [name, fillTemplate(content, settings)]),
    ),
    route,
  };
}

function matches(pattern: string, path: string): boolean {
  return pattern.endsWith("/*") ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}

/** Fills `{{ .JsonData.x }}` and `{{ .SecureJsonData.x }}`; what is not set becomes `<no value>`, as in Go's templates. */
function fillTemplate(text: string, settings: AppSettings): string {
  return text.replace(
    /\{\{\s*\.(JsonData|SecureJsonData)\.(\w+)\s*\}\}/g,
    (_, kind: string, name: string) => {
      const value = kind === "JsonData" ? settings.jsonData[name] : settings.secureJsonData[name];
      return value === undefined ? "<no value>" : String(value);
    },
  );
}
