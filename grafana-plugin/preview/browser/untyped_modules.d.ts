/** What Grafana's own frontend sets and does not show to plugins; the types are those of the exported parts. */
declare module "*/PanelRenderer.mjs" {
  export function setPanelRenderer(renderer: unknown): void;
}
declare module "*/PluginPage.mjs" {
  export function setPluginPage(page: unknown): void;
}
declare module "prismjs" {
  const prism: unknown;
  export default prism;
}
