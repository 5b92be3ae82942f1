import { createHash } from "node:crypto";
import { dirname, join, relative, sep } from "node:path";
import { CandlewireError } from "../error.ts";
import { MAX_GRAPH_BYTES, MAX_GRAPH_FILES, readModuleGraph } from "./module_graph.ts";

/** A copy of a user module that cannot change after it was checked. */
export type StagedModule = {
  /** SHA-256 over its files, in hex; a grant binds to it. */
  digest: string;
  /** `<data>/staged/<digest>` */
  folder: string;
  /** The entry file within {@linkcode folder}, absolute. */
  entry: string;
};

/** What to stage. */
export type StagePlan = {
  /** The module's folder: nothing outside may be imported. */
  folder: string;
  /** The entry file, relative to the folder. */
  entry: string;
  /** The manifest, relative to the folder: it is part of what is approved. None for a single transform file. */
  manifest?: string;
  /** Where the copies are kept: `<data>/staged`. */
  stageFolder: string;
};

/**
 * Checks what a user module imports and copies it to a folder named by its digest, from which it runs. The check is
 * made because static imports need no read permission: without it a module could import any file on the machine as
 * JSON or text. It is made again on the copy, which is what runs, so that a file swapped in between gains nothing.
 *
 * Rejects with `module.import_refused` (outside the folder, remote, npm), `module.too_large`, `module.unreadable`.
 */
export async function stageModule(plan: StagePlan): Promise<StagedModule> {
  const folder = await Deno.realPath(plan.folder);
  const entry = join(folder, plan.entry);
  const files = new Map<string, Uint8Array>();
  let size = 0;
  const names = (await checkedFiles(entry, folder)).map((file) => relative(folder, file));
  for (const name of plan.manifest === undefined ? names : [...names, plan.manifest]) {
    const path = join(folder, name);
    const bytes = await readInside(path, folder);
    size += bytes.length;
    if (files.size >= MAX_GRAPH_FILES || size > MAX_GRAPH_BYTES) {
      throw new CandlewireError(
        "module.too_large",
        `Load ${entry}: more than ${files.size} files or ${size} bytes`,
        {
          retry: "operator",
          hint: `A module may have ${MAX_GRAPH_FILES} files and ${MAX_GRAPH_BYTES / 1048576} MiB`,
        },
      );
    }
    files.set(name.replaceAll("\\", "/"), bytes);
  }
  const digest = digestOfFiles(files);
  const target = join(plan.stageFolder, digest);
  const staged: StagedModule = { digest, folder: target, entry: join(target, plan.entry) };
  if (await digestOfFolder(target) === digest) return staged;
  const temporary = join(plan.stageFolder, `.new-${crypto.randomUUID()}`);
  try {
    for (const [name, bytes] of files) {
      const path = join(temporary, name);
      await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await Deno.writeFile(path, bytes, { mode: 0o400 });
    }
    await checkedFiles(join(temporary, plan.entry), await Deno.realPath(temporary));
    await Deno.remove(target, { recursive: true }).catch(() => {});
    await Deno.rename(temporary, target);
  } finally {
    await Deno.remove(temporary, { recursive: true }).catch(() => {});
  }
  return staged;
}

/** An approved copy from an earlier run; undefined when it is gone or was changed. */
export async function findStaged(
  stageFolder: string,
  digest: string,
  entry: string,
): Promise<StagedModule | undefined> {
  const folder = join(stageFolder, digest);
  if (await digestOfFolder(folder) !== digest) return undefined;
  return { digest, folder, entry: join(folder, entry) };
}

/** SHA-256 over names and contents. Lengths come first: no two sets of files are the same bytes. */
export function digestOfFiles(files: ReadonlyMap<string, Uint8Array>): string {
  const hash = createHash("sha256");
  for (const name of [...files.keys()].sort()) {
    const bytes = files.get(name)!;
    hash.update(`${name.length}:${name}${bytes.length}:`).update(bytes);
  }
  return hash.digest("hex");
}

/** The files of a module's graph, all inside its folder, symbolic links resolved. */
async function checkedFiles(entry: string, folder: string): Promise<string[]> {
  const graph = await readModuleGraph(entry);
  const refused: string[] = [];
  for (const other of graph.others) {
    // Built-in modules of Node are checked by Deno's permissions like everything else.
    if (!other.startsWith("node:")) refused.push(other);
  }
  for (const file of graph.files) {
    if (!await isInside(file, folder)) refused.push(file);
  }
  if (refused.length > 0) {
    const shown = refused.slice(0, 5).map((specifier) => JSON.stringify(specifier)).join(", ");
    throw new CandlewireError("module.import_refused", `Load ${entry}: it imports ${shown}`, {
      retry: "operator",
      hint: "A module may import files of its own folder and node: modules; import types with `import type`",
      details: { refused: refused.slice(0, 50) },
    });
  }
  if (graph.problems.length > 0) {
    throw new CandlewireError("module.unreadable", `Load ${entry}: ${graph.problems[0]}`, {
      retry: "operator",
      details: { problems: graph.problems.slice(0, 20) },
    });
  }
  return graph.files;
}

async function isInside(file: string, folder: string): Promise<boolean> {
  if (!file.startsWith(folder + sep)) return false;
  try {
    return (await Deno.realPath(file)).startsWith(folder + sep);
  } catch {
    // It is not there: Deno says so as a problem of the graph.
    return true;
  }
}

async function readInside(path: string, folder: string): Promise<Uint8Array> {
  const bytes = await Deno.readFile(path);
  if (await isInside(path, folder)) return bytes;
  throw new CandlewireError("module.import_refused", `Load ${path}: it leads out of the module's folder`, {
    retry: "operator",
  });
}

async function digestOfFolder(folder: string): Promise<string | undefined> {
  const files = new Map<string, Uint8Array>();
  const read = async (path: string) => {
    for await (const item of Deno.readDir(path)) {
      const full = join(path, item.name);
      if (item.isDirectory) await read(full);
      else files.set(relative(folder, full).replaceAll("\\", "/"), await Deno.readFile(full));
    }
  };
  try {
    await read(folder);
    return digestOfFiles(files);
  } catch {
    return undefined;
  }
}
