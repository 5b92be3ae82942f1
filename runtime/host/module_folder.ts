import { join, resolve } from "node:path";
import { CandlewireError } from "../error.ts";
import type { Approvals } from "./approvals.ts";
import { type Candidate, findCandidates, fingerprintOf, listFolder } from "./candidate.ts";
import type { HostConfig } from "./config.ts";
import { type Manifest, parseManifest, transformManifest } from "./manifest.ts";
import { grantPermissions, NOTHING, type References } from "./permission.ts";
import { findStaged, type StagedModule, stageModule } from "./staging.ts";
import type { ModuleDefinition, SupervisedModule } from "./supervised_module.ts";
import type { Supervisor } from "./supervisor.ts";

/** What a user module is given beside its manifest, by name. */
export type UserModuleSettings = { parameters?: Record<string, unknown>; secrets?: Record<string, string> };

/** Something in a watched folder that is no module. */
export type FolderProblem = { path: string; code: string; message: string };

/** Options of {@linkcode ModuleFolder}. */
export type ModuleFolderOptions = {
  config: HostConfig;
  approvals: Approvals;
  /** `<data>/staged`. */
  stageFolder: string;
  references?: References;
  settings?: Record<string, UserModuleSettings>;
};

/** Time for an editor or a copy to finish before a change is looked at, and between looks without a notice, ms. */
const SETTLE_MS = 150;
const RESCAN_MS = 5_000;

/**
 * Keeps the user modules as the configured folders say, while the host runs: what appears is checked, staged,
 * approved by the policy and started; what changes is replaced (drain, stop, start) or waits for approval while the
 * approved copy goes on; what disappears is stopped. One module's fault is reported and touches no other (I7).
 */
export class ModuleFolder implements AsyncDisposable {
  readonly #supervisor: Supervisor;
  readonly #options: ModuleFolderOptions;
  /** By path: what was seen, so that unchanged files cost nothing, and the module that came of it. */
  readonly #seen = new Map<string, { fingerprint: string; name: string | null }>();
  readonly #waiting = new Map<string, ModuleDefinition>();
  readonly #problems = new Map<string, FolderProblem>();
  #watcher: Deno.FsWatcher | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #work: Promise<void> = Promise.resolve();
  #running = false;
  #closed = false;

  constructor(supervisor: Supervisor, options: ModuleFolderOptions) {
    this.#supervisor = supervisor;
    this.#options = options;
  }

  /** What lies in the folders and is no module, with the reason. */
  problems(): FolderProblem[] {
    return [...this.#problems.values()];
  }

  /** From now on new and approved modules are started as they are found. */
  run(): void {
    this.#running = true;
  }

  /** Loads what is there and watches for changes. */
  async open(): Promise<void> {
    const folders = this.#folders();
    if (folders.length === 0) return;
    for (const folder of folders) await Deno.mkdir(folder, { recursive: true });
    await Deno.mkdir(this.#options.stageFolder, { recursive: true, mode: 0o700 });
    try {
      this.#watcher = Deno.watchFs(folders, { recursive: true });
      void this.#watch(this.#watcher);
    } catch {
      // No watches left: the rescan finds changes a little later.
    }
    await this.scan();
    this.#schedule(RESCAN_MS);
  }

  /** Looks at the folders now. Scans run one after the other. */
  scan(): Promise<void> {
    return this.#work = this.#work.then(() => this.#scan());
  }

  /** Lets code run that waits for approval, in place of what runs. Throws `host.wrong_digest`. */
  approve(name: string, digest: string): Promise<void> {
    const approved = this.#work.then(async () => {
      const module = this.#supervisor.supervised(name);
      const waiting = this.#waiting.get(name);
      if (module === undefined || waiting?.digest !== digest) {
        throw new CandlewireError(
          "host.wrong_digest",
          `Approve ${name}: code ${digest.slice(0, 12)} is not waiting`,
          {
            hint: waiting === undefined ? "Nothing of it waits" : `Waiting is ${waiting.digest}`,
          },
        );
      }
      this.#options.approvals.add(name, digest);
      await this.#take(module, waiting);
    });
    this.#work = approved.catch(() => {});
    return approved;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    try {
      this.#watcher?.close();
    } catch {
      // Closed already.
    }
    await this.#work;
  }

  #folders(): string[] {
    const { modulesFolder, transformsFolder } = this.#options.config;
    return [modulesFolder, transformsFolder].filter((folder) => folder !== null).map((folder) =>
      resolve(folder)
    );
  }

  async #watch(watcher: Deno.FsWatcher): Promise<void> {
    for await (const event of watcher) {
      if (event.kind !== "access") this.#schedule(SETTLE_MS);
    }
  }

  #schedule(ms: number): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      await this.scan();
      this.#schedule(RESCAN_MS);
    }, ms);
  }

  async #scan(): Promise<void> {
    if (this.#closed) return;
    const found = await findCandidates(this.#options.config);
    const paths = new Set(found.map((candidate) => candidate.path));
    for (const path of this.#problems.keys()) {
      if (!paths.has(path)) this.#problems.delete(path);
    }
    for (const [path, { name }] of this.#seen) {
      if (paths.has(path)) continue;
      this.#seen.delete(path);
      if (name !== null) await this.#remove(name);
    }
    for (const candidate of found) {
      if (this.#closed) return;
      await this.#look(candidate);
    }
    await this.#prune();
  }

  /** Removes staged copies that nothing runs or waits for (I10). */
  async #prune(): Promise<void> {
    const { approvals, stageFolder } = this.#options;
    const kept = new Set([...this.#waiting.values()].map(({ digest }) => digest));
    for (const { name, digest } of this.#supervisor.modules()) {
      kept.add(digest);
      kept.add(approvals.latest(name) ?? "");
    }
    for (const item of await listFolder(stageFolder)) {
      // Only what staging made, whatever else someone put there.
      if (kept.has(item.name) || !/^([0-9a-f]{64}|\.new-[0-9a-f-]{36})$/.test(item.name)) continue;
      await Deno.remove(join(stageFolder, item.name), { recursive: true }).catch(() => {});
    }
  }

  async #look(candidate: Candidate): Promise<void> {
    const fingerprint = await fingerprintOf(candidate);
    const seen = this.#seen.get(candidate.path);
    if (seen?.fingerprint === fingerprint) return;
    try {
      const definition = await this.#load(candidate);
      if (seen !== undefined && seen.name !== null && seen.name !== definition.name) {
        await this.#remove(seen.name);
      }
      await this.#place(candidate, definition);
      this.#seen.set(candidate.path, { fingerprint, name: definition.name });
      this.#problems.delete(candidate.path);
    } catch (error) {
      this.#report(candidate, error);
      // The same bytes fail the same way: look again when they change. What ran before goes on.
      this.#seen.set(candidate.path, { fingerprint, name: seen?.name ?? null });
    }
  }

  async #remove(name: string): Promise<void> {
    this.#waiting.delete(name);
    if (this.#supervisor.supervised(name) !== undefined) await this.#supervisor.unregister(name);
  }

  async #load(candidate: Candidate): Promise<ModuleDefinition> {
    const { config, stageFolder } = this.#options;
    if (candidate.single) {
      const manifest = transformManifest(candidate.path, {
        name: candidate.name,
        memoryMb: config.transformMemoryMb,
        timeoutMs: config.transformTimeoutMs,
      });
      const entry = `${candidate.name}.ts`;
      const staged = await stageModule({ folder: candidate.folder, entry, stageFolder });
      return this.#define(manifest, staged);
    }
    const file = join(candidate.path, "manifest.json");
    const manifest = parseManifest(await Deno.readTextFile(file), file);
    const { entry } = manifest;
    const staged = await stageModule({
      folder: candidate.folder,
      entry,
      manifest: "manifest.json",
      stageFolder,
    });
    return this.#define(manifest, staged);
  }

  #define(manifest: Manifest, staged: StagedModule): ModuleDefinition {
    const { config, references, settings } = this.#options;
    const { parameters, secrets } = settings?.[manifest.name] ?? {};
    return {
      name: manifest.name,
      manifest: { ...manifest, memoryMb: Math.min(manifest.memoryMb, config.maxMemoryMb) },
      entry: staged.entry,
      builtIn: false,
      digest: staged.digest,
      parameters: { ...manifest.parameters, ...parameters },
      secrets: secrets ?? {},
      // A transform sees data and answers; it needs nothing else, whatever the ceiling says.
      grant: grantPermissions(
        manifest.permissions,
        manifest.kind === "transform" ? NOTHING : config.ceiling,
        references,
      ),
    };
  }

  /** Registers, replaces, or lets wait. */
  async #place(candidate: Candidate, definition: ModuleDefinition): Promise<void> {
    const { name, digest } = definition;
    const { approvals } = this.#options;
    const module = this.#supervisor.supervised(name);
    if (module !== undefined && this.#owner(name) !== candidate.path) {
      throw new CandlewireError("host.duplicate_module", `Add module ${name}: the name is taken`, {
        hint: "Give it another name",
        retry: "operator",
      });
    }
    const approved = this.#approves(name, digest);
    if (approved && !approvals.has(name, digest)) approvals.add(name, digest);
    if (module === undefined) return await this.#introduce(definition, approved);
    if (module.state !== "awaiting_approval" && module.definition.digest === digest) {
      this.#waiting.delete(name);
      module.pending = null;
      return;
    }
    if (approved) return await this.#take(module, definition);
    this.#waiting.set(name, definition);
    if (module.state === "awaiting_approval") module.definition = definition;
    else module.pending = { digest };
    module.record.log("warn", `Hold changed code of ${name}: it waits for approval`, { digest });
  }

  /** Lets approved code take the place of what is there. */
  async #take(module: SupervisedModule, definition: ModuleDefinition): Promise<void> {
    this.#waiting.delete(module.name);
    module.pending = null;
    if (module.state !== "awaiting_approval") return await replace(module, definition);
    module.definition = definition;
    module.approve();
    if (this.#running) module.start();
  }

  async #introduce(definition: ModuleDefinition, approved: boolean): Promise<void> {
    const { name, digest, manifest } = definition;
    const { approvals, stageFolder } = this.#options;
    if (approved) {
      const module = this.#supervisor.register(definition);
      if (this.#running) module.start();
      return;
    }
    this.#waiting.set(name, definition);
    // Changed while the host was down: the copy that was approved goes on.
    const latest = approvals.latest(name);
    const old = latest === undefined ? undefined : await findStaged(stageFolder, latest, manifest.entry);
    const previous = old === undefined ? undefined : await this.#defineStaged(definition, old);
    const module = this.#supervisor.register(previous ?? definition);
    if (previous === undefined) return module.withhold(`Code ${digest.slice(0, 12)} waits for approval`);
    module.pending = { digest };
    if (this.#running) module.start();
  }

  /** The definition of an approved copy, by its own manifest. */
  async #defineStaged(
    definition: ModuleDefinition,
    old: StagedModule,
  ): Promise<ModuleDefinition | undefined> {
    if (definition.manifest.kind === "transform") {
      const entry = join(old.folder, `${definition.name}.ts`);
      try {
        await Deno.stat(entry);
        return this.#define(definition.manifest, { ...old, entry });
      } catch {
        // It had a manifest.
      }
    }
    try {
      const file = join(old.folder, "manifest.json");
      const manifest = parseManifest(await Deno.readTextFile(file), file);
      return this.#define(manifest, { ...old, entry: join(old.folder, manifest.entry) });
    } catch {
      return undefined;
    }
  }

  #approves(name: string, digest: string): boolean {
    const { approvals, config } = this.#options;
    if (approvals.has(name, digest)) return true;
    return config.approve === "all" || (config.approve === "new" && !approvals.knows(name));
  }

  #owner(name: string): string | undefined {
    for (const [path, seen] of this.#seen) {
      if (seen.name === name) return path;
    }
  }

  #report(candidate: Candidate, error: unknown): void {
    const code = error instanceof CandlewireError ? error.code : "module.unreadable";
    const hint = error instanceof CandlewireError && error.hint !== undefined ? `. ${error.hint}` : "";
    const message = `${(error as Error).message}${hint}`;
    this.#problems.set(candidate.path, { path: candidate.path, code, message });
    const name = this.#seen.get(candidate.path)?.name ?? candidate.name;
    const module = this.#supervisor.supervised(name);
    module?.record.log("error", message, { code });
    if (module !== undefined) module.record.violate(code.replace(/\W/g, "_"), message);
    this.#supervisor.announce({ module: name, state: module?.state ?? "failed", detail: message });
  }
}

/** Drain, stop, swap, start: the old code has acknowledged what it took before the new code takes anything. */
async function replace(module: SupervisedModule, definition: ModuleDefinition): Promise<void> {
  const wanted = module.state !== "stopped" && module.state !== "draining";
  await module.stop();
  module.definition = definition;
  module.record.log("info", `Replace the code of ${module.name}`, { digest: definition.digest });
  if (wanted) module.start();
}
