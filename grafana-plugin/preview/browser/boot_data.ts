/** What the server writes into the page for the host, beside Grafana's own boot data. */
export type PreviewData = {
  appId: string;
  role: "Viewer" | "Editor" | "Admin";
  theme: "light" | "dark";
  /** Pages of the app, as in its includes. */
  pages: { name: string; path: string }[];
  /** Nested panels. */
  panels: { id: string; name: string }[];
  /** Settings of the data source, or null while its backend does not run. */
  dataSource: { id: string; uid: string; name: string; meta: unknown } | null;
};

/** The app's settings as Grafana answers them. */
export type PluginSettings = {
  id: string;
  name: string;
  enabled: boolean;
  pinned: boolean;
  jsonData?: Record<string, unknown>;
  secureJsonFields: Record<string, boolean>;
};

declare global {
  var candlewirePreview: PreviewData;
}
