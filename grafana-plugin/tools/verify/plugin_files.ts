import { Buffer } from "node:buffer";
import { join } from "node:path";
import yauzl from "yauzl";
import { filesBelow } from "../zip_folder.ts";

/** The files of a built plugin, from dist/ or out of a zip. Paths are relative to the plugin's folder. */
export type PluginFiles = {
  /** Permission bits by path. */
  readonly modes: ReadonlyMap<string, number>;
  /** Problems of the container itself: entries outside of the one folder, odd names. */
  readonly problems: readonly string[];
  bytes(path: string): Promise<Uint8Array>;
  text(path: string): Promise<string>;
};

/** The files of a folder. */
export async function folderFiles(folder: string): Promise<PluginFiles> {
  const modes = new Map<string, number>();
  for (const path of await filesBelow(folder)) {
    modes.set(path, ((await Deno.stat(join(folder, path))).mode ?? 0) & 0o777);
  }
  return {
    modes,
    problems: [],
    bytes: (path) => Deno.readFile(join(folder, path)),
    text: (path) => Deno.readTextFile(join(folder, path)),
  };
}

/** The files of a zip whose one folder is named `root`. Executables are not kept: their bytes are read when asked for. */
export async function zipFiles(path: string, root: string): Promise<PluginFiles> {
  const modes = new Map<string, number>();
  const problems: string[] = [];
  const contents = new Map<string, Buffer>();
  const zip = await yauzl.openPromise(path);
  for await (const entry of zip.eachEntry()) {
    const name: string = entry.fileName;
    if (name.endsWith("/")) continue;
    if (!name.startsWith(`${root}/`)) {
      problems.push(`${name} is outside of the folder ${root}/`);
      continue;
    }
    const mode = (entry.externalFileAttributes >>> 16) & 0xffff;
    if ((mode & 0o170000) === 0o120000) problems.push(`${name} is a symbolic link`);
    const inner = name.slice(root.length + 1);
    modes.set(inner, mode & 0o777);
    if (entry.uncompressedSize > 8_000_000) continue;
    const chunks: Uint8Array[] = [];
    for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk);
    contents.set(inner, Buffer.concat(chunks));
  }
  const bytes = (inner: string) => {
    const content = contents.get(inner);
    return content === undefined
      ? Promise.reject(new Error(`Read ${inner} in ${path}: it is not there or is too large`))
      : Promise.resolve(content as Uint8Array);
  };
  return { modes, problems, bytes, text: async (inner) => new TextDecoder().decode(await bytes(inner)) };
}
