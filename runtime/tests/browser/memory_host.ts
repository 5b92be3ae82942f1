import { CandlewireError } from "../../error.ts";
import type { LogLevel, LogLine } from "../../host/module_context.ts";
import type { ModuleEvent, ModuleHost, ModuleState, ModuleStatus } from "../../host/module_host.ts";
import type { EpochMs } from "../../market/epoch.ts";

type Handler = (parameters: unknown) => unknown;

const MEGABYTE = 1_000_000;

/** A {@linkcode ModuleHost} without processes: modules that only say what they are. */
export class MemoryHost implements ModuleHost {
  readonly #modules = new Map<string, ModuleStatus>();
  readonly #logs = new Map<string, LogLine[]>();
  readonly #logListeners = new Set<(line: LogLine) => void>();
  readonly #changeListeners = new Set<(event: ModuleEvent) => void>();
  readonly #eventListeners = new Set<
    (channel: string, event: Record<string, unknown>, from: string) => void
  >();
  readonly #handlers = new Map<string, Handler>();
  /** What was asked of the host, such as `stop producer`. */
  readonly asked: string[] = [];

  add(name: string, kind: ModuleStatus["kind"], more: Partial<ModuleStatus> = {}): void {
    this.#modules.set(name, {
      name,
      kind,
      version: "0.1.0",
      description: `The ${kind} of the tests`,
      state: "running",
      health: "running",
      detail: "",
      digest: "9f2c".repeat(16),
      pendingDigest: null,
      builtIn: kind !== "transform",
      pid: 4000 + this.#modules.size,
      epoch: 1,
      startedAt: Date.now() as EpochMs,
      restarts: 0,
      restartBudget: 5,
      rssBytes: 61 * MEGABYTE + this.#modules.size * 7 * MEGABYTE,
      memoryLimitBytes: 256 * MEGABYTE,
      cpuSeconds: 1,
      lastHeartbeatAt: Date.now() as EpochMs,
      lastExit: null,
      permissions: { granted: [], refused: [] },
      violations: {},
      metrics: {},
      ...more,
    });
    this.#logs.set(name, []);
  }

  /** The module itself, to change what it says. */
  of(name: string): ModuleStatus {
    const module = this.#modules.get(name);
    if (module !== undefined) return module;
    throw new CandlewireError("host.unknown_module", `Find the module "${name}": there is none`);
  }

  log(name: string, level: LogLevel, message: string, fields?: Record<string, unknown>): void {
    const lines = this.#logs.get(name)!;
    const line: LogLine = {
      sequence: (lines.at(-1)?.sequence ?? 0) + 1,
      time: Date.now() as EpochMs,
      level,
      module: name,
      message,
      fields,
    };
    lines.push(line);
    if (lines.length > 1000) lines.shift();
    for (const listener of this.#logListeners) listener(line);
  }

  publish(channel: string, event: Record<string, unknown>, from = "consumer"): void {
    for (const listener of this.#eventListeners) listener(channel, event, from);
  }

  answer(name: string, method: string, handler: Handler): void {
    this.#handlers.set(`${name}.${method}`, handler);
  }

  change(name: string, state: ModuleState, detail = ""): void {
    const module = this.of(name);
    module.state = state;
    module.detail = detail;
    if (state === "stopped") Object.assign(module, { pid: null, rssBytes: null });
    if (state === "running") {
      Object.assign(module, { pid: 5000, rssBytes: 40 * MEGABYTE, epoch: module.epoch + 1 });
    }
    for (const listener of this.#changeListeners) {
      listener({ module: name, state, detail, at: Date.now() as EpochMs });
    }
  }

  modules(): ModuleStatus[] {
    return [...this.#modules.values()];
  }

  module(name: string): ModuleStatus | undefined {
    return this.#modules.get(name);
  }

  async start(name: string): Promise<void> {
    this.asked.push(`start ${name}`);
    this.change(name, "running", "Started by an operator");
  }

  async stop(name: string): Promise<void> {
    this.asked.push(`stop ${name}`);
    this.change(name, "stopped", "Stopped by an operator");
  }

  async restart(name: string): Promise<void> {
    this.asked.push(`restart ${name}`);
    this.of(name).restarts++;
    this.change(name, "running", "Restarted by an operator");
  }

  async approve(name: string, digest: string): Promise<void> {
    this.asked.push(`approve ${name} ${digest}`);
    this.change(name, "running", "Approved");
  }

  logs(name: string, options: { after?: number; limit?: number } = {}): LogLine[] {
    const lines = (this.#logs.get(name) ?? []).filter((line) => line.sequence > (options.after ?? 0));
    return lines.slice(-(options.limit ?? 200));
  }

  onLog(listener: (line: LogLine) => void): () => void {
    this.#logListeners.add(listener);
    return () => this.#logListeners.delete(listener);
  }

  onChange(listener: (event: ModuleEvent) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  onEvent(
    listener: (channel: string, event: Record<string, unknown>, from: string) => void,
  ): () => void {
    this.#eventListeners.add(listener);
    return () => this.#eventListeners.delete(listener);
  }

  async call(name: string, method: string, parameters: unknown): Promise<unknown> {
    const handler = this.#handlers.get(`${name}.${method}`);
    if (handler === undefined) {
      throw new CandlewireError("host.unreachable", `Call ${name}.${method}: nothing answers`, {
        retry: "retry",
      });
    }
    return await handler(parameters);
  }

  metricsText(): string {
    return "";
  }
}
