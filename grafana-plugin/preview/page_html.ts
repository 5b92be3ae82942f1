import type { PreviewData } from "./browser/boot_data.ts";
import type { BuiltPlugin } from "./built_plugin.ts";
import { grantedActions, type OrgRole } from "./plugin_proxy.ts";

/** Uid of the one data source. */
export const DATA_SOURCE_UID = "candlewire-market";

/** What a page is made for. */
export type PageOptions = {
  plugin: BuiltPlugin;
  role: OrgRole;
  theme: "light" | "dark";
  hasBackend: boolean;
  /** Version of Grafana that the mini host says it is: that of the libraries it serves. */
  grafana: string;
};

/** The one page: Grafana's boot data, what the host needs beside it, and its scripts. */
export function pageHtml({ plugin, role, theme, hasBackend, grafana }: PageOptions): string {
  const { app, nested } = plugin;
  const permissions = Object.fromEntries([...grantedActions(app, role)].map((action) => [action, true]));
  const dataSource = nested.find(({ json }) => json.type === "datasource")?.json;
  const preview: PreviewData = {
    appId: app.id,
    role,
    theme,
    pages: (app.includes ?? []).filter((include) =>
      include.type === "page" && include.addToNav &&
      (include.action === undefined ? role === "Admin" : include.action in permissions)
    ).map(({ name = "", path = "" }) => ({ name, path })),
    panels: nested.filter(({ json }) => json.type === "panel").map(({ json }) => ({
      id: json.id,
      name: json.name,
    })),
    dataSource: dataSource === undefined || !hasBackend
      ? null
      : { id: dataSource.id, uid: DATA_SOURCE_UID, name: dataSource.name, meta: dataSource },
  };
  const boot = {
    settings: {
      appUrl: "/",
      appSubUrl: "",
      buildInfo: {
        version: grafana,
        edition: "Open Source",
        env: "production",
        commit: "",
        buildstamp: 0,
      },
      featureToggles: {},
      apps: {},
      panels: {},
      datasources: {},
      defaultDatasource: DATA_SOURCE_UID,
      namespace: "default",
      liveEnabled: true,
      minRefreshInterval: "1s",
      dateFormats: {
        fullDate: "YYYY-MM-DD HH:mm:ss",
        interval: {
          millisecond: "HH:mm:ss.SSS",
          second: "HH:mm:ss",
          minute: "HH:mm",
          hour: "MM/DD HH:mm",
          day: "MM/DD",
          month: "YYYY-MM",
          year: "YYYY",
        },
        defaultTimezone: "browser",
        defaultWeekStart: "browser",
        useBrowserLocale: false,
      },
      licenseInfo: { expiry: 0, licenseUrl: "", edition: "Open Source", enabledFeatures: {} },
    },
    user: {
      id: 1,
      uid: "preview",
      isSignedIn: true,
      login: role.toLowerCase(),
      name: role,
      email: "",
      orgId: 1,
      orgName: "Main Org.",
      orgRole: role,
      orgCount: 1,
      isGrafanaAdmin: role === "Admin",
      gravatarUrl: "",
      timezone: "browser",
      weekStart: "browser",
      locale: "en-GB",
      language: "en-US",
      helpFlags1: 0,
      theme,
      lightTheme: theme === "light",
      permissions,
      authenticatedBy: "password",
    },
    navTree: [],
    assets: { dark: "", light: "" },
  };
  return `<!doctype html>
<html lang="en" class="theme-${theme}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<base href="/">
<title>Candlewire in the mini host</title>
<link rel="icon" href="data:,">
<style>body { margin: 0; } #reactRoot { min-height: 100vh; }</style>
</head>
<body class="theme-${theme}">
<div id="reactRoot"></div>
<script>
window.__grafana_public_path__ = "/public/";
window.grafanaBootData = ${script(boot)};
window.candlewirePreview = ${script(preview)};
</script>
<script src="/preview/system.js"></script>
<script type="module" src="/preview/host.js"></script>
</body>
</html>
`;
}

/** JSON that cannot end the script that holds it. */
function script(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}
