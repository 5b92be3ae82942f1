import { cp } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildAll } from "../backend/testing/go_client.ts";
import { isBuilt } from "../tools/build_date.ts";
import { BACKEND_FOLDER, DIST } from "../tools/paths.ts";

/** What the benches run, as the sources are now; the frontend as it was built last. */
export type BenchBuild = {
  /** The Go client that stands for Grafana's server. */
  client: string;
  backend: string;
  /** The Go plugin that the backend is compared with. */
  twin: string;
  /** The whole plugin, with this backend; undefined without a built frontend. */
  dist: string | undefined;
};

/** Builds into a folder. The frontend is `dist`, another one by `CANDLEWIRE_PLUGIN_DIST`; it is copied, not changed. */
export async function buildForBench(folder: string): Promise<BenchBuild> {
  const from = Deno.env.get("CANDLEWIRE_PLUGIN_DIST") ?? DIST;
  const dist = join(folder, "dist");
  const built = isBuilt(from);
  if (built) {
    // The backend that lies there may be an old one, and the copy of Deno in it is large.
    const old = /^(deno|plugin\.js|gpx_.*)$/;
    await cp(from, dist, { recursive: true, filter: (path) => !old.test(basename(path)) });
  }
  const paths = await buildAll(join(dist, BACKEND_FOLDER));
  return { ...paths, twin: await buildTwin(folder), dist: built ? dist : undefined };
}

async function buildTwin(folder: string): Promise<string> {
  const twin = join(folder, "twin");
  const { code, stderr } = await new Deno.Command("go", {
    args: ["build", "-o", twin, "."],
    cwd: fileURLToPath(new URL("./twin", import.meta.url)),
    stderr: "piped",
  }).output();
  if (code !== 0) throw new Error(`Build the Go twin: ${new TextDecoder().decode(stderr)}`);
  return twin;
}
