import type { PluginOptions } from "@grafana/plugin-e2e";
import { defineConfig } from "@playwright/test";
import { dirname } from "node:path";

const pluginE2eAuth = `${dirname(require.resolve("@grafana/plugin-e2e"))}/auth`;

export default defineConfig<PluginOptions>({
  testDir: ".",
  retries: 1,
  use: { baseURL: process.env.GRAFANA_URL, trace: "retain-on-failure" },
  projects: [
    { name: "auth", testDir: pluginE2eAuth, testMatch: [/.*\.js/] },
    { name: "grafana", use: { storageState: "playwright/.auth/admin.json" }, dependencies: ["auth"] },
  ],
});
