import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BuiltInModule } from "./host/host.ts";

/** The project's root, with deno.json. */
export const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** A module that comes with the program, from its folder; `name` when there are several instances of it. */
export function builtInModule(
  folder: "producer" | "capture" | "consumer",
  settings: Omit<BuiltInModule, "manifestFile">,
): BuiltInModule {
  return { manifestFile: join(ROOT, "runtime", folder, "manifest.json"), ...settings };
}
