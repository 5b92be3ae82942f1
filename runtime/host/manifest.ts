import { z } from "zod";
import { CandlewireError } from "../error.ts";

/** A network address: `host`, `host:port`, or a reference such as `${postgres}` that the host resolves. */
const netEntry = z.string().min(1).max(256).regex(
  /^(\$\{[a-zA-Z][\w.]*\}|\[[0-9a-fA-F:]+\](:\d{1,5})?|[a-zA-Z0-9_.-]+(:\d{1,5})?)$/,
  "is no host, host:port or ${reference}",
);

/** A path: absolute, or a reference such as `${folder.journal}`, with nothing after it that climbs. */
const pathEntry = z.string().min(1).max(1024).regex(
  /^(\$\{[a-zA-Z][\w.]*\}|\/)/,
  "must be absolute or begin with a ${reference}",
).refine((path) => !path.split("/").includes(".."), "must not contain ..");

/** What a module asks for. There is no run and no ffi: no module ever gets them. */
export const permissionSchema = z.strictObject({
  net: z.array(netEntry).max(64).default([]).describe("Addresses it may connect to or listen on"),
  read: z.array(pathEntry).max(64).default([]).describe("Files and folders it may read"),
  write: z.array(pathEntry).max(64).default([]).describe("Files and folders it may write"),
  calls: z.array(z.string().regex(/^[\w-]+\.[\w.]+$/, "is no module.method")).max(64).default([])
    .describe("Methods of other modules it may call, such as producer.rows"),
});

/** A module's `manifest.json`. */
export const manifestSchema = z.strictObject({
  $schema: z.string().optional().describe("For editors; ignored"),
  name: z.string().regex(/^[a-z][a-z0-9_-]{0,62}$/, "must be lower case, such as kraken_source")
    .describe("Unique among the modules"),
  version: z.string().regex(/^\d+\.\d+\.\d+(-[\w.]+)?$/, "must be like 1.0.0").describe(
    "The module's own version",
  ),
  kind: z.enum(["producer", "capture", "consumer", "transform", "source"]).describe("Its part in the flow"),
  description: z.string().max(500).default("").describe("One line for people"),
  entry: z.string().default("main.ts").refine(
    (entry) =>
      !entry.startsWith("/") && !entry.split(/[\\/]/).includes("..") && /\.(ts|js|mjs|mts)$/.test(entry),
    "must be a .ts or .js file inside the module's folder",
  ).describe("The file with the default export"),
  permissions: permissionSchema.default({ net: [], read: [], write: [], calls: [] }),
  memoryMb: z.int().min(64).max(16_384).default(128).describe("Resident memory above which it is killed")
    .meta({ unit: "MiB", example: 256 }),
  timeoutMs: z.int().min(10).max(600_000).default(5_000)
    .describe("For transforms: time limit of one batch").meta({ unit: "ms", example: 2000 }),
  restart: z.strictObject({
    budget: z.int().min(0).max(1000).default(5).describe("Restarts within the window"),
    windowMs: z.int().min(1000).max(86_400_000).default(60_000).meta({ unit: "ms", example: 60_000 }),
  }).default({ budget: 5, windowMs: 60_000 }),
  parameters: z.record(z.string(), z.unknown()).default({}).describe("Defaults of the module's parameters"),
});

/** A module's manifest, complete. */
export type Manifest = z.infer<typeof manifestSchema>;

/** What a manifest asks for. */
export type RequestedPermissions = Manifest["permissions"];

/** Parses a manifest's text. Throws `manifest.bad_json` or `manifest.invalid`; the message names file and field. */
export function parseManifest(text: string, file: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CandlewireError("manifest.bad_json", `Read ${file}: ${(cause as Error).message}`, {
      hint: "Correct the JSON",
      retry: "operator",
      cause,
    });
  }
  const parsed = manifestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const path = issue.path.join(".");
    const found = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown>)?.[key], value);
    const shown = path === "" || found === undefined ? "" : ` (${JSON.stringify(found)?.slice(0, 80)})`;
    return `${path === "" ? "" : `${path}${shown}: `}${issue.message}`;
  });
  throw new CandlewireError("manifest.invalid", `Read ${file}: ${problems.slice(0, 10).join("; ")}`, {
    hint: "Correct the named fields; docs list every field of a manifest",
    retry: "operator",
    details: { file, problems },
  });
}

/** The manifest that a single transform file has without one of its own: no permission at all. */
export function transformManifest(
  file: string,
  options: { name: string; memoryMb: number; timeoutMs: number },
): Manifest {
  return parseManifest(
    JSON.stringify({ version: "0.0.0", kind: "transform", description: "A transform file", ...options }),
    file,
  );
}
