import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BuiltInModule } from "./host/host.ts";

/** The project's root, with deno.json. */
export const ROOT = fileURLToPath(new URL("../", import.meta.url));

/**
 * V8's young generation of capture and consumers in the cluster profile, MB. Measured with 16 instead of the host's 8: capture
 * costs half the CPU a row in bulk, the consumer a tenth less; some 20 MB more each.
 */
export const CLUSTER_YOUNG_MB = 16;

/** A module that comes with the program, from its folder; `name` when there are several instances of it. */
export function builtInModule(
  folder: "producer" | "capture" | "consumer",
  settings: Omit<BuiltInModule, "manifestFile">,
): BuiltInModule {
  return { manifestFile: join(ROOT, "runtime", folder, "manifest.json"), ...settings };
}
