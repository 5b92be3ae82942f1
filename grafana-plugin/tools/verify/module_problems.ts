import { gzipSync } from "node:zlib";

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

/** Most that the app's module.js may have, bytes: it has only to load the pages, which come lazily. */
export const MODULE_BYTES = 30_000;
/**
 * Most that a nested plugin's module.js may have, bytes of gzip: it is loaded only where a panel or a data source is shown, and
 * whole, for its chunks would be looked for in the app's folder.
 */
export const NESTED_MODULE_GZIP_BYTES = 30_000;

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
  const nested = path.includes("/");
  const bytes = new TextEncoder().encode(source);
  const size = nested ? gzipSync(bytes).length : bytes.length;
  const most = nested ? NESTED_MODULE_GZIP_BYTES : MODULE_BYTES;
  if (size >= most) problems.push(`${path}: ${size} bytes${nested ? " of gzip" : ""}, not below ${most}`);
  return problems;
}
