import { join } from "node:path";
import { PLUGIN_FOLDER, ROOT } from "./paths.ts";

/**
 * The day of the last commit that touched the plugin or what it shares, `2026-01-31`; today's without git. Grafana's build
 * writes the day of the build, so that the same sources would give another zip each day.
 */
export async function sourceDate(): Promise<string> {
  try {
    const { code, stdout } = await new Deno.Command("git", {
      args: ["log", "-1", "--format=%cs", "--", "grafana-plugin", "runtime"],
      cwd: ROOT,
      stderr: "null",
    }).output();
    const day = new TextDecoder().decode(stdout).trim();
    if (code === 0 && /^\d{4}-\d\d-\d\d$/.test(day)) return day;
  } catch {
    // No git on this machine.
  }
  return new Date().toISOString().slice(0, 10);
}

/** Sets `info.updated` of every plugin.json below a folder. */
export async function setUpdated(folder: string, day: string): Promise<void> {
  for await (const entry of Deno.readDir(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) await setUpdated(path, day);
    else if (entry.name === "plugin.json") {
      const text = await Deno.readTextFile(path);
      await Deno.writeTextFile(path, text.replace(/("updated":\s*)"[^"]*"/, `$1"${day}"`));
    }
  }
}

/** Whether the frontend is built: the app's module is there. */
export function isBuilt(dist: string = join(PLUGIN_FOLDER, "dist")): boolean {
  try {
    return Deno.statSync(join(dist, "module.js")).isFile;
  } catch {
    return false;
  }
}
