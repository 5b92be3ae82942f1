import { join } from "node:path";

/**
 * Bytes that the files of a folder and of those below it take on the disk. A file that goes away meanwhile counts nothing,
 * a folder that is not there 0; links are not followed. Rejects with the operating system's error for one that may not be read.
 */
export async function folderBytes(folder: string): Promise<number> {
  let bytes = 0;
  const folders = [folder];
  for (let at = folders.pop(); at !== undefined; at = folders.pop()) {
    try {
      for await (const { name, isDirectory, isFile } of Deno.readDir(at)) {
        const path = join(at, name);
        if (isDirectory) folders.push(path);
        else if (isFile) bytes += await fileBytes(path);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return bytes;
}

async function fileBytes(path: string): Promise<number> {
  try {
    const { blocks, size } = await Deno.lstat(path);
    // Blocks of 512 bytes, where the system has them: a sparse or preallocated file is told as what it takes.
    return blocks === null ? size : blocks * 512;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}
