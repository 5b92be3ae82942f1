import { CandlewireError } from "../error.ts";
import { type EpochMs, steadyClock, wallClock } from "../market/epoch.ts";
import type { Origin } from "../market/origin.ts";
import type { HostConfig } from "./config.ts";
import { decodeBody, encodeBody } from "./frame.ts";
import { hostMetricsText } from "./host_metrics.ts";
import { thrownError } from "./message.ts";
import type { CallOptions, LogLine } from "./module_context.ts";
import type { ModuleEvent, ModuleHost, ModuleStatus } from "./module_host.ts";
import { readProcesses } from "./process_stat.ts";
import type { Reaper } from "./reaper.ts";
import { type HostHandler, Relay } from "./relay.ts";
import { type ModuleDefinition, type ModuleSurroundings, SupervisedModule } from "./supervised_module.ts";

/** A look at the modules that is later than this says that the host was held up; a busy machine is late by less all the time, ms. */
const HELD_UP_MS = 250;

/** Options of {@linkcode Supervisor}. */
export type SupervisorOptions = {
  config: HostConfig;
  origin: Origin;
  reaper: Reaper;
  nextEpoch(name: string): number;
  spawn(definition: ModuleDefinition): Deno.ChildProcess;
  clock?: () => EpochMs;
};

/** Runs the modules: starts, watches, stops and restarts them, and carries their calls to each other. */
export class Supervisor implements ModuleHost, AsyncDisposable {
  readonly #options: SupervisorOptions;
  readonly #modules = new Map<string, SupervisedModule>();
  readonly #logListeners = new Set<(line: LogLine) => void>();
  readonly #changeListeners = new Set<(event: ModuleEvent) => void>();
  readonly #eventListeners = new Set<
    (channel: string, event: Record<string, unknown>, from: string) => void
  >();
  readonly #relay = new Relay((name) => this.#modules.get(name));
  readonly #around: ModuleSurroundings;
  readonly #clock: () => EpochMs;
  #approver: ((name: string, digest: string) => Promise<void>) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lastWatch = performance.now();
  #closing = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? wallClock;
    this.#around = {
      config: options.config,
      origin: options.origin,
      clock: this.#clock,
      steadyClock: options.clock ?? steadyClock,
      nextEpoch: options.nextEpoch,
      spawn: options.spawn,
      onSpawned: (pid) => options.reaper.add(pid),
      onGone: (pid) => options.reaper.remove(pid),
      onLog: (line) => tell(this.#logListeners, line),
      onChange: (module) =>
        tell(this.#changeListeners, {
          module: module.name,
          state: module.state,
          detail: module.detail,
          at: this.#clock(),
        }),
      onEvent: (channel, event, from) => {
        for (const listener of this.#eventListeners) guard(() => listener(channel, event, from));
      },
      route: (from, to, call) => this.#relay.route(from, to, call),
    };
    this.#schedule();
  }

  modules(): ModuleStatus[] {
    return [...this.#modules.values()].map((module) => module.status());
  }

  module(name: string): ModuleStatus | undefined {
    return this.#modules.get(name)?.status();
  }

  /** Adds a module, stopped. Throws `host.duplicate_module`. */
  register(definition: ModuleDefinition): SupervisedModule {
    if (this.#modules.has(definition.name) || definition.name === "host") {
      throw new CandlewireError("host.duplicate_module", `Add module ${definition.name}: the name is taken`, {
        hint: "Give it another name in its manifest",
        retry: "operator",
      });
    }
    const module = new SupervisedModule(definition, this.#around);
    this.#modules.set(definition.name, module);
    this.#around.onChange(module);
    return module;
  }

  /** Stops a module and forgets it. */
  async unregister(name: string): Promise<void> {
    const module = this.#find(name);
    await module.stop();
    this.#modules.delete(name);
    tell(this.#changeListeners, { module: name, state: "stopped", detail: "Removed", at: this.#clock() });
  }

  /** Tells readers of a change that is not a module's own. */
  announce(event: Omit<ModuleEvent, "at">): void {
    tell(this.#changeListeners, { ...event, at: this.#clock() });
  }

  /** The module's object; for the module folder. */
  supervised(name: string): SupervisedModule | undefined {
    return this.#modules.get(name);
  }

  async start(name: string): Promise<void> {
    const module = this.#find(name);
    if (module.state === "awaiting_approval") {
      throw new CandlewireError("host.awaiting_approval", `Start ${name}: its code waits for approval`, {
        hint: `Approve digest ${module.pending?.digest ?? module.definition.digest}`,
        retry: "operator",
      });
    }
    const reached = this.#waitFor(module);
    module.start();
    await reached;
  }

  async stop(name: string): Promise<void> {
    await this.#find(name).stop();
  }

  async restart(name: string): Promise<void> {
    const module = this.#find(name);
    await module.stop();
    await this.start(name);
  }

  async approve(name: string, digest: string): Promise<void> {
    this.#find(name);
    if (this.#approver === undefined) {
      throw new CandlewireError("host.nothing_to_approve", `Approve ${name}: it comes with the program`);
    }
    await this.#approver(name, digest);
  }

  /** Who carries out approvals. */
  set approver(approver: (name: string, digest: string) => Promise<void>) {
    this.#approver = approver;
  }

  logs(name: string, options?: { after?: number; limit?: number }): LogLine[] {
    return this.#find(name).record.logs.lines(options);
  }

  onLog(listener: (line: LogLine) => void): () => void {
    return listen(this.#logListeners, listener);
  }

  onChange(listener: (event: ModuleEvent) => void): () => void {
    return listen(this.#changeListeners, listener);
  }

  onEvent(listener: (channel: string, event: Record<string, unknown>, from: string) => void): () => void {
    return listen(this.#eventListeners, listener);
  }

  async call(name: string, method: string, parameters: unknown, options: CallOptions = {}): Promise<unknown> {
    options.signal?.throwIfAborted();
    const module = this.#find(name);
    const answered = module.request({
      method,
      from: "host",
      body: encodeBody(parameters),
      timeoutMs: options.timeoutMs,
    });
    const answer = options.signal === undefined ? await answered : await abortable(answered, options.signal);
    if (!answer.ok) throw thrownError(answer.error);
    const decoded = decodeBody(answer.body);
    if ("error" in decoded) throw decoded.error;
    return decoded.value;
  }

  /** Answers calls of modules to `"host"`. */
  handle(method: string, handler: HostHandler): void {
    this.#relay.handle(method, handler);
  }

  metricsText(): string {
    return hostMetricsText([...this.#modules.values()], this.#relay.calls);
  }

  /** Stops every module, together. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#timer);
    await Promise.all([...this.#modules.values()].map((module) => module.stop()));
  }

  #find(name: string): SupervisedModule {
    const module = this.#modules.get(name);
    if (module !== undefined) return module;
    throw new CandlewireError("host.unknown_module", `Find module ${JSON.stringify(name)}: no such module`, {
      hint: `Modules: ${[...this.#modules.keys()].join(", ") || "none"}`,
    });
  }

  /** Resolves when the module runs; rejects when its start fails. */
  #waitFor(module: SupervisedModule): Promise<void> {
    if (module.state === "running") return Promise.resolve();
    return new Promise((resolve, reject) => {
      const done = this.onChange((event) => {
        if (event.module !== module.name || event.state === "starting") return;
        done();
        if (event.state === "running") return resolve();
        reject(
          new CandlewireError("host.start_failed", `Start ${module.name}: ${event.detail}`, {
            retry: "operator",
            hint: `See the module's log`,
            details: { state: event.state },
          }),
        );
      });
    });
  }

  #schedule(): void {
    const { watchMs } = this.#options.config;
    this.#timer = setTimeout(async () => {
      const late = performance.now() - this.#lastWatch - watchMs;
      const lateMs = late > HELD_UP_MS ? late : 0;
      const pids = [...this.#modules.values()].flatMap((module) => module.pid ?? []);
      const stats = await readProcesses(pids);
      this.#lastWatch = performance.now();
      for (const module of this.#modules.values()) {
        module.watch({ stat: module.pid === null ? undefined : stats.get(module.pid), lateMs });
      }
      if (!this.#closing) this.#schedule();
    }, watchMs);
  }
}

function listen<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function tell<T>(listeners: Set<(value: T) => void>, value: T): void {
  for (const listener of [...listeners]) guard(() => listener(value));
}

/** A listener's failure is its own: it must not stop the supervisor (I7). */
function guard(run: () => void): void {
  try {
    run();
  } catch (error) {
    console.error(error);
  }
}

async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
