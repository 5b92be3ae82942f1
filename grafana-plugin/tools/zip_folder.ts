import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import yazl from "yazl";

/** How a zip is written. */
export type ZipOptions = {
  /** Name of the one folder at the zip's top. */
  root: string;
  /** Day that every entry carries, `2026-01-31`. */
  day: string;
};

/**
 * Zips the files of a folder by sorted paths, with one day for all, executables 0755 and all else 0644, so that equal files
 * give an equal zip on any machine of the same zlib. Rejects on symbolic links: Grafana does not install them.
 *
 * By yazl: small, kept for ten years, streams a 96 MB executable through zlib instead of holding it, and
 * takes modes and times as they are given.
 */
export async function zipFolder(folder: string, target: string, options: ZipOptions): Promise<string[]> {
  const paths = (await filesBelow(folder)).sort();
  const zip = new yazl.ZipFile();
  const [year, month, date] = options.day.split("-").map(Number);
  // The format's old times are local ones without a zone: the same digits everywhere, and no other beside them.
  const mtime = new Date(year!, month! - 1, date);
  for (const path of paths) {
    const { mode } = await Deno.stat(join(folder, path));
    const executable = ((mode ?? 0) & 0o111) !== 0;
    zip.addFile(join(folder, path), `${options.root}/${path}`, {
      mtime,
      mode: executable ? 0o100755 : 0o100644,
      forceDosTimestamp: true,
    });
  }
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(target));
  return paths;
}

/** Paths of the files below a folder, relative to it. */
export async function filesBelow(folder: string, prefix = ""): Promise<string[]> {
  const paths: string[] = [];
  for await (const entry of Deno.readDir(join(folder, prefix))) {
    const path = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
    if (entry.isSymlink) throw new Error(`Zip ${path}: it is a symbolic link`);
    if (entry.isDirectory) paths.push(...await filesBelow(folder, path));
    else paths.push(path);
  }
  return paths;
}
