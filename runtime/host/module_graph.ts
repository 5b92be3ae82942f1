import { createHash } from "node:crypto";
import { dirname, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { CandlewireError } from "../error.ts";

/** What a module loads when it starts. */
export type ModuleGraph = {
  /** Absolute paths of its files, sorted. */
  files: string[];
  /** Whatever is no local file: `npm:pg@8.23.1`, `node:fs`, `https://…`. Sorted. */
  others: string[];
  /** What could not be resolved, one line each. */
  problems: string[];
};

/** The parts of `deno info --json` that are read. */
type Info = {
  modules?: {
    specifier: string;
    local?: string;
    error?: string;
    kind?: string;
    dependencies?: { specifier: string; code?: { specifier?: string; error?: string } }[];
  }[];
  redirects?: Record<string, string>;
  roots?: string[];
};

/** Most files a user module may have, and their size together. */
export const MAX_GRAPH_FILES = 500;
export const MAX_GRAPH_BYTES = 16 * 1024 * 1024;

/**
 * The files that a module's entry imports, directly or not; imports of types alone do not count, because they are
 * erased. Asked of Deno itself, so that it is the graph that will run. Rejects with `module.unreadable`.
 */
export async function readModuleGraph(
  entry: string,
  options: { config?: string } = {},
): Promise<ModuleGraph> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "info",
      "--json",
      "--quiet",
      "--no-remote",
      ...(options.config === undefined
        ? ["--no-config", "--no-npm", "--no-lock"]
        : ["--config", options.config, "--frozen"]),
      entry,
    ],
    cwd: dirname(entry),
    env: { DENO_NO_PACKAGE_JSON: "1", NO_COLOR: "1" },
    stdin: "null",
  }).output();
  let info: Info;
  try {
    if (code !== 0) throw new Error(new TextDecoder().decode(stderr).trim().split("\n").at(-1));
    info = JSON.parse(new TextDecoder().decode(stdout)) as Info;
  } catch (cause) {
    throw new CandlewireError(
      "module.unreadable",
      `Read the imports of ${entry}: ${(cause as Error).message}`,
      {
        retry: "operator",
        hint: "deno info on the file shows the same",
        cause,
      },
    );
  }
  return walk(info);
}

/** Follows code imports from the root; type imports lead nowhere at run time. */
function walk(info: Info): ModuleGraph {
  const modules = new Map((info.modules ?? []).map((module) => [module.specifier, module]));
  const redirects = info.redirects ?? {};
  const seen = new Set<string>();
  const queue = [...info.roots ?? []];
  const graph = { files: new Set<string>(), others: new Set<string>(), problems: [] as string[] };
  for (let specifier = queue.pop(); specifier !== undefined; specifier = queue.pop()) {
    specifier = redirects[specifier] ?? specifier;
    if (seen.has(specifier)) continue;
    seen.add(specifier);
    if (specifier.startsWith("file:")) graph.files.add(fileURLToPath(specifier));
    else graph.others.add(specifier.slice(0, 200));
    const module = modules.get(specifier);
    if (module?.error !== undefined) graph.problems.push(firstLine(module.error));
    for (const dependency of module?.dependencies ?? []) {
      const { code } = dependency;
      if (code?.specifier !== undefined) queue.push(code.specifier);
      else if (code?.error !== undefined) graph.problems.push(firstLine(code.error));
    }
  }
  return { files: [...graph.files].sort(), others: [...graph.others].sort(), problems: graph.problems };
}

/**
 * SHA-256, in hex, over the names and contents of a graph's files, names relative to `base`; what is not a file counts
 * by its specifier. A grant binds to it.
 */
export async function digestOfGraph(
  graph: ModuleGraph,
  base: string,
  extra: Record<string, Uint8Array> = {},
): Promise<string> {
  const hash = createHash("sha256");
  const add = (name: string, bytes: Uint8Array) => {
    // Lengths before contents: no two graphs are the same bytes.
    hash.update(`${name.length}:${name}${bytes.length}:`).update(bytes);
  };
  for (const file of graph.files) add(relative(base, file), await Deno.readFile(file));
  for (const [name, bytes] of Object.entries(extra)) add(name, bytes);
  for (const other of graph.others) add(other, new Uint8Array(0));
  return hash.digest("hex");
}

function firstLine(text: string): string {
  return text.split("\n")[0]!.slice(0, 300);
}
