/** Modules that Grafana shares with plugins: a built module may ask for these and no others. */
const SHARED = new Set([
  "module",
  "@emotion/css",
  "@emotion/react",
  "@grafana/data",
  "@grafana/runtime",
  "@grafana/ui",
  "d3",
  "i18next",
  "jquery",
  "lodash",
  "moment",
  "react",
  "react-dom",
  "react-redux",
  "react-router",
  "react/jsx-dev-runtime",
  "react/jsx-runtime",
  "redux",
  "rxjs",
  "rxjs/operators",
]);

/** Most that a module.js may have, bytes: Grafana loads all panels' and the app's at once. */
export const MODULE_BYTES = 30_000;

/** What a module asks for: the names in `define([...]`; undefined when it is no AMD module. */
export function moduleDependencies(source: string): string[] | undefined {
  const match = /(?:^|[;\n])\s*define\(\s*(?:"[^"]*"\s*,\s*)?\[([^\]]*)\]/.exec(source);
  if (match === null) return undefined;
  return match[1]!.split(",").map((name) => name.trim().slice(1, -1)).filter((name) => name !== "");
}

/** What is wrong with a built module.js: foreign dependencies, its size, APIs that only React 19 has. */
export function moduleProblems(path: string, source: string): string[] {
  const dependencies = moduleDependencies(source);
  if (dependencies === undefined) return [`${path}: it is not an AMD module`];
  const problems = dependencies.filter((name) => !SHARED.has(name))
    .map((name) => `${path}: it needs ${name}, which Grafana does not share`);
  const bytes = new TextEncoder().encode(source).length;
  if (bytes >= MODULE_BYTES) problems.push(`${path}: ${bytes} bytes, not below ${MODULE_BYTES}`);
  return problems;
}
