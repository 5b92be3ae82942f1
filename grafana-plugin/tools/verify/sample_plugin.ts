import { dirname, join } from "node:path";
import { PLUGIN_ID } from "../paths.ts";

/** Files of a small plugin that is as it should be, for tests that break one thing each. */
export function sampleFiles(): Record<string, string> {
  const info = {
    keywords: ["market"],
    description: "Sample",
    author: { name: "Candlewire" },
    logos: { small: "img/logo.svg", large: "img/logo.svg" },
    screenshots: [],
    version: "1.2.3",
    updated: "2026-11-29",
  };
  const dependencies = { grafanaDependency: ">=12.3.0", plugins: [] };
  const app = {
    type: "app",
    name: "Sample",
    id: PLUGIN_ID,
    info,
    dependencies,
    roles: [
      {
        role: { name: "Reader", permissions: [{ action: `${PLUGIN_ID}.market:read` }] },
        grants: ["Viewer"],
      },
      {
        role: { name: "Operator", permissions: [{ action: `${PLUGIN_ID}.pipeline:operate` }] },
        grants: ["Admin"],
      },
    ],
    routes: [
      {
        path: "read/*",
        method: "GET",
        reqAction: `${PLUGIN_ID}.market:read`,
        url: "{{ .JsonData.controlUrl }}/api/v1",
        headers: [{ name: "Authorization", content: "Bearer {{ .SecureJsonData.viewerToken }}" }],
      },
      {
        path: "operate/*",
        method: "POST",
        reqAction: `${PLUGIN_ID}.pipeline:operate`,
        url: "{{ .JsonData.controlUrl }}/api/v1",
        headers: [{ name: "Authorization", content: "Bearer {{ .SecureJsonData.operatorToken }}" }],
      },
    ],
    includes: [
      { type: "page", name: "Market", path: `/a/${PLUGIN_ID}/market`, action: `${PLUGIN_ID}.market:read` },
      { type: "dashboard", name: "Prices", path: "dashboards/prices.json" },
      { type: "datasource", name: "Sample source" },
    ],
  };
  const source = {
    type: "datasource",
    name: "Sample source",
    id: "candlewire-market-datasource",
    backend: true,
    alerting: true,
    executable: "gpx_sample",
    info,
    dependencies,
  };
  const module = 'define(["react","@grafana/data"],function(){return {}});';
  return {
    "plugin.json": JSON.stringify(app),
    "module.js": module,
    "README.md": "Sample",
    "CHANGELOG.md": "Sample",
    "LICENSE": "Sample",
    "img/logo.svg": "<svg/>",
    "dashboards/prices.json": JSON.stringify({ uid: "prices", title: "Prices" }),
    "datasource/plugin.json": JSON.stringify(source),
    "datasource/module.js": module,
    "datasource/img/logo.svg": "<svg/>",
    "datasource/gpx_sample_linux_amd64": "#!/bin/sh",
  };
}

/** Writes files into a new temporary folder; the backend's executable may be run. */
export async function writeFiles(files: Record<string, string>): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "candlewire-sample-" });
  for (const [path, text] of Object.entries(files)) {
    await Deno.mkdir(join(folder, dirname(path)), { recursive: true });
    await Deno.writeTextFile(join(folder, path), text);
    await Deno.chmod(join(folder, path), path.endsWith("_linux_amd64") ? 0o755 : 0o644);
  }
  return folder;
}
