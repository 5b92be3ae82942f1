/** A route of the app's proxy, as in plugin.json. */
export type PluginRoute = {
  path: string;
  /** One verb or `*`. */
  method?: string;
  reqAction?: string;
  reqRole?: string;
  url?: string;
  headers?: { name: string; content: string }[];
};

/** What an app brings. */
export type PluginInclude = {
  type: string;
  name?: string;
  path?: string;
  uid?: string;
  action?: string;
  role?: string;
  addToNav?: boolean;
  defaultNav?: boolean;
};

/** plugin.json as far as it is looked at. */
export type PluginJson = {
  id: string;
  type: string;
  name: string;
  backend?: boolean;
  executable?: string;
  alerting?: boolean;
  streaming?: boolean;
  info: {
    version: string;
    updated: string;
    logos: { small: string; large: string };
    keywords?: string[];
    screenshots?: { name?: string; path: string }[];
  };
  includes?: PluginInclude[];
  routes?: PluginRoute[];
  roles?: {
    role: { name: string; permissions: { action: string; scope?: string }[] };
    grants: string[];
  }[];
  dependencies: { grafanaDependency: string };
};

const TOP = new Set(
  "$schema id type name info dependencies backend executable alerting annotations metrics logs streaming tracing includes routes roles category preload queryOptions extensions languages buildMode"
    .split(" "),
);
const INFO = new Set("author build description keywords links logos screenshots updated version".split(" "));

/**
 * What is wrong with a built plugin.json, after Grafana's schema of it (required members, patterns of ids, versions and
 * dates, unknown members) and without placeholders that the build should have replaced.
 */
export function pluginJsonProblems(text: string): string[] {
  let json: PluginJson;
  try {
    json = JSON.parse(text) as PluginJson;
  } catch (error) {
    return [`It is not JSON: ${(error as Error).message}`];
  }
  const problems: string[] = [];
  const want = (ok: boolean, problem: string) => ok || problems.push(problem);
  for (const placeholder of new Set(text.match(/%[A-Z_]+%/g))) {
    problems.push(`${placeholder} was not replaced`);
  }
  for (const key of Object.keys(json)) want(TOP.has(key), `Member ${key} is unknown to Grafana`);
  want(
    /^[0-9a-z]+-([0-9a-z]+-)?(app|panel|datasource)$/.test(json.id ?? ""),
    `Id ${json.id} is not of the form organisation-name-type`,
  );
  want(["app", "panel", "datasource"].includes(json.type), `Type ${json.type} is unknown`);
  want(json.id?.endsWith(`-${json.type}`) === true, `Id ${json.id} does not end in its type ${json.type}`);
  want((json.name ?? "") !== "", "It has no name");
  const info = json.info ?? {};
  for (const key of Object.keys(info)) want(INFO.has(key), `Member info.${key} is unknown to Grafana`);
  want(/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(info.version ?? ""), `Version ${info.version} is none`);
  want(/^\d{4}-\d\d-\d\d$/.test(info.updated ?? ""), `Day of update ${info.updated} is not YYYY-MM-DD`);
  want((info.keywords?.length ?? 0) > 0, "It has no keywords");
  for (const size of ["small", "large"] as const) {
    want(/\.svg$/.test(info.logos?.[size] ?? ""), `The ${size} logo is not an SVG image`);
  }
  want(
    /^(>=|\^|~)\d+\.\d+\.\d+/.test(json.dependencies?.grafanaDependency ?? ""),
    "It does not say which Grafana it needs",
  );
  want(json.alerting !== true || json.backend === true, "Alerting needs a backend");
  want(json.backend !== true || (json.executable ?? "") !== "", "A backend needs an executable");
  return problems;
}
