import { basename } from "node:path";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { CandlewireError } from "../../runtime/error.ts";
import { isBuilt, sourceDate } from "./build_date.ts";
import { ARTIFACTS, DIST, PLUGIN_ID, zipPath } from "./paths.ts";
import { zipFolder } from "./zip_folder.ts";

/** A zip that was written. */
export type Artifact = { path: string; bytes: number; files: number; sha256: string };

/** Zips dist/ for installation, with `<zip>.sha256` beside it in the form that `sha256sum -c` reads. */
export async function packagePlugin(): Promise<Artifact> {
  if (!isBuilt()) {
    throw new CandlewireError("plugin.not_built", "Zip dist/: there is no module.js in it", {
      hint: "Run `deno task plugin build` first",
    });
  }
  await Deno.mkdir(ARTIFACTS, { recursive: true });
  const path = zipPath();
  const files = await zipFolder(DIST, path, { root: PLUGIN_ID, day: await sourceDate() });
  const sha256 = await digest(path);
  await Deno.writeTextFile(`${path}.sha256`, `${sha256}  ${basename(path)}\n`);
  return { path, bytes: (await Deno.stat(path)).size, files: files.length, sha256 };
}

/** SHA-256 of a file, in hexadecimal digits. */
export async function digest(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}
