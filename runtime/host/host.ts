import { dirname, join, resolve } from "node:path";
import { CandlewireError } from "../error.ts";
import type { Origin } from "../market/origin.ts";
import { Approvals } from "./approvals.ts";
import { type HostConfig, hostConfigSchema } from "./config.ts";
import { EpochFile } from "./epoch_file.ts";
import { parseManifest } from "./manifest.ts";
import { digestOfGraph, readModuleGraph } from "./module_graph.ts";
import type { ModuleHost } from "./module_host.ts";
import { EVERYTHING, grantPermissions, type References } from "./permission.ts";
import { type FolderProblem, ModuleFolder, type UserModuleSettings } from "./module_folder.ts";
import { Reaper } from "./reaper.ts";
import type { HostHandler } from "./relay.ts";
import { spawnModule } from "./spawn.ts";
import { Supervisor } from "./supervisor.ts";

/** A module that comes with the program. */
export type BuiltInModule = {
  /** Its manifest, absolute; the entry lies beside it. */
  manifestFile: string;
  /** The instance's name; the manifest's when left out. */
  name?: string;
  parameters: Record<string, unknown>;
  secrets?: Record<string, string>;
  /** What `${…}` in its permissions stands for: `{ postgres: "127.0.0.1:5432", "folder.journal": "/…" }`. */
  references?: References;
  /** Greatest size of V8's young generation, MB: more memory for less CPU in bulk. */
  youngGenerationMb?: number;
};

/** Options of {@linkcode createModuleHost}. */
export type ModuleHostOptions = {
  /** The data folder, absolute. The host keeps `run/`, `staged/` and its own small files in it. */
  dataFolder: string;
  origin: Origin;
  /** The project's root, with deno.json. */
  root: string;
  modules: BuiltInModule[];
  /** Settings; defaults for what is left out. */
  config?: Partial<HostConfig>;
  /** Answers to calls of modules to `"host"`. */
  hostHandlers?: Record<string, HostHandler>;
  /** Parameters and secrets of user modules, by name. */
  userModules?: Record<string, UserModuleSettings>;
  /** What `${…}` in user modules' permissions stands for. */
  userReferences?: References;
  /** Deno's cache; asked of `deno info` when left out. */
  denoDir?: string;
};

/** A module host that owns its processes. */
export type OwnedModuleHost = ModuleHost & AsyncDisposable & {
  /**
   * Starts all modules at once but those named; resolves when each runs or failed once; rejects when a built-in one
   * failed (it is retried).
   */
  startAll(options?: { except?: readonly string[] }): Promise<void>;
  /** Puts a module's next epoch above one that another host has used for the same work. */
  raiseEpoch(name: string, epoch: number): void;
  /** Answers calls of modules to `"host"`. */
  handle(method: string, handler: HostHandler): void;
  /** Running transforms and the tables they want. */
  transforms(): { name: string; tables: string[] }[];
  /** What lies in the modules' and transforms' folders and cannot run, with the reason. */
  problems(): FolderProblem[];
  /** Looks at those folders now, without waiting for a notice of change. */
  rescan(): Promise<void>;
};

/**
 * Makes the host of all modules; nothing runs before `startAll` or `start`. Disposing it stops every module, with
 * time to drain. Throws what is wrong with a built-in module's manifest or the settings.
 */
export async function createModuleHost(options: ModuleHostOptions): Promise<OwnedModuleHost> {
  const parsed = hostConfigSchema.safeParse(options.config ?? {});
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new CandlewireError("host.bad_config", `Configure the host: ${problems.join("; ")}`, {
      retry: "operator",
    });
  }
  const config = parsed.data;
  const dataFolder = resolve(options.dataFolder);
  const runFolder = join(dataFolder, "run");
  Deno.mkdirSync(runFolder, { recursive: true, mode: 0o700 });
  const denoDir = options.denoDir ?? await findDenoDir();
  const epochs = EpochFile.open(join(dataFolder, "epochs.json"));
  const reaper = new Reaper();
  const supervisor = new Supervisor({
    config,
    origin: options.origin,
    reaper,
    nextEpoch: (name) => epochs.next(name),
    spawn: (definition) =>
      spawnModule({
        name: definition.name,
        entry: definition.entry,
        runFolder: join(runFolder, definition.name),
        grant: definition.grant,
        memoryMb: definition.manifest.memoryMb,
        youngGenerationMb: definition.youngGenerationMb,
        builtIn: definition.builtIn,
        root: options.root,
        denoDir,
      }),
  });
  const folder = new ModuleFolder(supervisor, {
    config,
    approvals: Approvals.open(join(dataFolder, "approvals.json")),
    stageFolder: join(dataFolder, "staged"),
    references: options.userReferences,
    settings: options.userModules,
  });
  supervisor.approver = (name, digest) => folder.approve(name, digest);
  const host = Object.assign(supervisor, {
    startAll: async (options: { except?: readonly string[] } = {}) => {
      folder.run();
      await startAll(supervisor, options.except ?? []);
    },
    raiseEpoch: (name: string, epoch: number) => epochs.raise(name, epoch),
    transforms: () => runningTransforms(supervisor),
    problems: () => folder.problems(),
    rescan: () => folder.scan(),
  });
  const close = supervisor[Symbol.asyncDispose].bind(supervisor);
  host[Symbol.asyncDispose] = async () => {
    await folder[Symbol.asyncDispose]();
    await close();
    await reaper[Symbol.asyncDispose]();
  };
  try {
    for (const [method, handler] of Object.entries(options.hostHandlers ?? {})) {
      supervisor.handle(method, handler);
    }
    supervisor.handle("transforms", () => host.transforms());
    for (const module of options.modules) await registerBuiltIn(supervisor, module, options.root);
    await folder.open();
    return host;
  } catch (error) {
    await host[Symbol.asyncDispose]();
    throw error;
  }
}

async function startAll(supervisor: Supervisor, except: readonly string[]): Promise<void> {
  const failures: unknown[] = [];
  await Promise.all(
    supervisor.modules().map(async ({ name, state, builtIn }) => {
      if (state === "awaiting_approval" || except.includes(name)) return;
      await supervisor.start(name).catch((error) => {
        // A user module's failure is its own (I7); it shows in its state and log.
        if (builtIn) failures.push(error);
      });
    }),
  );
  if (failures.length > 0) throw failures[0];
}

function runningTransforms(supervisor: Supervisor): { name: string; tables: string[] }[] {
  return supervisor.modules()
    .filter(({ kind, state }) => kind === "transform" && state === "running")
    .map(({ name }) => ({ name, tables: supervisor.supervised(name)!.tables }));
}

async function registerBuiltIn(supervisor: Supervisor, module: BuiltInModule, root: string): Promise<void> {
  const file = resolve(module.manifestFile);
  const manifest = parseManifest(await Deno.readTextFile(file), file);
  const entry = join(dirname(file), manifest.entry);
  const config = join(root, "deno.json");
  const graph = await readModuleGraph(entry, { config });
  if (graph.others.some((other) => other.startsWith("npm:"))) await cachePackages(entry, config);
  supervisor.register({
    name: module.name ?? manifest.name,
    manifest,
    entry,
    builtIn: true,
    digest: await digestOfGraph(graph, root),
    parameters: { ...manifest.parameters, ...module.parameters },
    secrets: module.secrets ?? {},
    youngGenerationMb: module.youngGenerationMb,
    grant: grantPermissions(manifest.permissions, EVERYTHING, module.references),
  });
}

/** Modules start without the right to fetch: their packages must lie in the cache before. Quick when they do. */
async function cachePackages(entry: string, config: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["cache", "--quiet", "--frozen", "--config", config, entry],
    stdin: "null",
  }).output();
  if (success) return;
  throw new CandlewireError(
    "host.packages_missing",
    `Fetch the packages of ${entry}: ${new TextDecoder().decode(stderr).trim().split("\n")[0]}`,
    { retry: "operator", hint: "Run it once with the package registry in reach" },
  );
}

/** The cache folder of the running Deno: modules start without the environment that tells it. */
async function findDenoDir(): Promise<string> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const found = success
    ? (JSON.parse(new TextDecoder().decode(stdout)) as { denoDir?: string }).denoDir
    : undefined;
  if (found === undefined) {
    throw new CandlewireError("host.no_deno_dir", "Find Deno's cache: deno info did not tell");
  }
  return found;
}
