import type { FoundPlugin } from "./reference_problems.ts";

/** Platforms that the zip is built for, as Grafana ends the names of executables. */
const PLATFORM = "linux_amd64";

/** Backends whose executable is missing or may not be run, and other files that may be run without need. */
export function executableProblems(plugins: FoundPlugin[], modes: ReadonlyMap<string, number>): string[] {
  const problems: string[] = [];
  const backends = plugins.filter((plugin) => plugin.json.backend === true);
  for (const { folder, json } of backends) {
    const path = `${folder === "" ? "" : `${folder}/`}${json.executable}_${PLATFORM}`;
    const mode = modes.get(path);
    if (mode === undefined) problems.push(`${json.id}: its executable ${path} is missing`);
    else if (mode !== 0o755) problems.push(`${path}: mode ${mode.toString(8)}, not 755`);
  }
  for (const [path, mode] of modes) {
    const folder = path.slice(0, path.lastIndexOf("/"));
    if ((mode & 0o111) !== 0 && !backends.some((plugin) => plugin.folder === folder)) {
      problems.push(`${path}: mode ${mode.toString(8)}, but only a backend's files may be run`);
    }
    if ((mode & 0o022) !== 0) problems.push(`${path}: mode ${mode.toString(8)}, others may write it`);
  }
  return problems;
}
