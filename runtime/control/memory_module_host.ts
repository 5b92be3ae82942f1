import { CandlewireError } from "../error.ts";
import type { LogLine } from "../host/module_context.ts";
import type { ModuleEvent, ModuleHost, ModuleState, ModuleStatus } from "../host/module_host.ts";
import { type EpochMs, epochMs } from "../market/epoch.ts";

/** A handler of a module in memory. */
export type MemoryHandler = (parameters: unknown) => unknown | Promise<unknown>;

/** The memory adapter of {@linkcode ModuleHost}: modules without processes, driven by tests. */
export class MemoryModuleHost implements ModuleHost {
  readonly #modules = new Map<string, ModuleStatus>();
  readonly #handlers = new Map<string, MemoryHandler>();
  readonly #logs = new Map<string, LogLine[]>();
  readonly #onLog = new Set<(line: LogLine) => void>();
  readonly #onChange = new Set<(event: ModuleEvent) => void>();
  readonly #onEvent = new Set<(channel: string, event: Record<string, unknown>, from: string) => void>();
  /** Lines kept a module. */
  readonly maxLines: number;
  /** Awaited by start, stop and restart: a test can hold them. */
  gate: Promise<void> = Promise.resolve();
  /** Calls received, newest last. */
  readonly calls: { name: string; method: string; parameters: unknown }[] = [];

  constructor(options: { maxLines?: number } = {}) {
    this.maxLines = options.maxLines ?? 1000;
  }

  /** Adds a module, running and healthy unless told otherwise. */
  add(name: string, status: Partial<ModuleStatus> = {}): ModuleStatus {
    const now = epochMs(Date.now());
    const module: ModuleStatus = {
      name,
      kind: "consumer",
      version: "1.0.0",
      description: "",
      state: "running",
      health: "running",
      detail: "",
      digest: "a".repeat(64),
      builtIn: true,
      pid: 4711,
      epoch: 1,
      startedAt: now,
      restarts: 0,
      restartBudget: 5,
      rssBytes: 50_000_000,
      memoryLimitBytes: 256_000_000,
      cpuSeconds: 1,
      lastHeartbeatAt: now,
      lastExit: null,
      permissions: { granted: [], refused: [] },
      violations: {},
      metrics: {},
      ...status,
    };
    this.#modules.set(name, module);
    return module;
  }

  /** Answers calls of `module.method`. */
  answer(module: string, method: string, handler: MemoryHandler): void {
    this.#handlers.set(`${module}.${method}`, handler);
  }

  /** Writes a log line of a module. */
  log(module: string, message: string, level: LogLine["level"] = "info"): LogLine {
    const lines = this.#logs.get(module) ?? [];
    this.#logs.set(module, lines);
    const line: LogLine = {
      sequence: (lines.at(-1)?.sequence ?? 0) + 1,
      time: epochMs(Date.now()),
      level,
      module,
      message,
    };
    lines.push(line);
    if (lines.length > this.maxLines) lines.shift();
    for (const listener of this.#onLog) listener(line);
    return line;
  }

  /** Publishes an event as a module would. */
  publish(channel: string, event: Record<string, unknown>, from = "consumer"): void {
    for (const listener of this.#onEvent) listener(channel, event, from);
  }

  modules(): ModuleStatus[] {
    return [...this.#modules.values()];
  }

  module(name: string): ModuleStatus | undefined {
    return this.#modules.get(name);
  }

  start(name: string): Promise<void> {
    return this.#become(name, "running");
  }

  stop(name: string): Promise<void> {
    return this.#become(name, "stopped");
  }

  async restart(name: string): Promise<void> {
    await this.#become(name, "stopped");
    await this.#become(name, "running");
    this.#modules.get(name)!.epoch++;
  }

  async approve(name: string, digest: string): Promise<void> {
    const module = this.#known(name);
    if (module.digest !== digest) {
      throw new CandlewireError("host.digest_mismatch", `Approve ${name}: its digest is another`, {
        retry: "operator",
        hint: "Read the module again and approve the digest that it has now",
      });
    }
    if (module.state === "awaiting_approval") await this.#become(name, "stopped");
  }

  logs(name: string, options: { after?: number; limit?: number } = {}): LogLine[] {
    const lines = (this.#logs.get(name) ?? []).filter((line) => line.sequence > (options.after ?? 0));
    return lines.slice(-(options.limit ?? this.maxLines));
  }

  onLog(listener: (line: LogLine) => void): () => void {
    this.#onLog.add(listener);
    return () => this.#onLog.delete(listener);
  }

  onChange(listener: (event: ModuleEvent) => void): () => void {
    this.#onChange.add(listener);
    return () => this.#onChange.delete(listener);
  }

  onEvent(listener: (channel: string, event: Record<string, unknown>, from: string) => void): () => void {
    this.#onEvent.add(listener);
    return () => this.#onEvent.delete(listener);
  }

  async call(name: string, method: string, parameters: unknown): Promise<unknown> {
    this.calls.push({ name, method, parameters });
    if (this.#modules.get(name)?.state !== "running") {
      throw new CandlewireError("host.unreachable", `Call ${name}.${method}: the module is not running`, {
        retry: "retry",
        hint: `Start ${name} and try again`,
      });
    }
    const handler = this.#handlers.get(`${name}.${method}`);
    if (handler === undefined) {
      throw new CandlewireError("host.unknown_method", `Call ${name}.${method}: no such method`);
    }
    return await handler(parameters);
  }

  metricsText(): string {
    return this.modules().flatMap((module) =>
      Object.entries(module.metrics).map(([key, value]) => {
        const [name, labels] = key.split("{");
        return `${name}{module="${module.name}"${labels === undefined ? "}" : `,${labels}`} ${value}\n`;
      })
    ).join("");
  }

  async #become(name: string, state: ModuleState): Promise<void> {
    const module = this.#known(name);
    await this.gate;
    module.state = state;
    const event = { module: name, state, detail: "", at: Date.now() as EpochMs };
    for (const listener of this.#onChange) listener(event);
  }

  #known(name: string): ModuleStatus {
    const module = this.#modules.get(name);
    if (module === undefined) {
      throw new CandlewireError("host.unknown_module", `Find the module "${name}": there is none`);
    }
    return module;
  }
}
