import { CandlewireError } from "../error.ts";
import { type EpochMs, epochMs } from "../market/epoch.ts";
import type { Origin } from "../market/origin.ts";
import type { HostConfig } from "./config.ts";
import { decodeBody, isRecord } from "./frame.ts";
import {
  type Lifecycle,
  type LifecycleEvent,
  NEW_LIFECYCLE,
  type RestartPolicy,
  restartsLeft,
  transition,
} from "./lifecycle.ts";
import type { Manifest } from "./manifest.ts";
import { type Answer, type ChildMessage, PROTOCOL } from "./message.ts";
import { failed, type OutgoingCall } from "./module_calls.ts";
import type { LogLine, ModuleHealth } from "./module_context.ts";
import type { ModuleStatus } from "./module_host.ts";
import { ModuleProcess, type ProcessExit } from "./module_process.ts";
import { ModuleRecord } from "./module_record.ts";
import { describeGrant, type Grant } from "./permission.ts";
import type { ProcessStat } from "./process_stat.ts";

/** Everything about a module that does not change while it runs. */
export type ModuleDefinition = {
  name: string;
  manifest: Manifest;
  /** The file with its default export, absolute; of a user module the staged copy. */
  entry: string;
  builtIn: boolean;
  digest: string;
  parameters: Record<string, unknown>;
  secrets: Record<string, string>;
  grant: Grant;
  /** Greatest size of V8's young generation, MB; the host's default when left out. */
  youngGenerationMb?: number;
};

/** What a supervised module needs of its supervisor. */
export type ModuleSurroundings = {
  config: HostConfig;
  origin: Origin;
  clock(): EpochMs;
  /** Never goes back: when to start again must not wait for an hour that came twice. */
  steadyClock(): EpochMs;
  nextEpoch(name: string): number;
  spawn(definition: ModuleDefinition): Deno.ChildProcess;
  onSpawned(pid: number): void;
  onGone(pid: number): void;
  onLog(line: LogLine): void;
  onChange(module: SupervisedModule): void;
  onEvent(channel: string, event: Record<string, unknown>, from: string): void;
  route(from: SupervisedModule, to: string, call: OutgoingCall): Promise<Answer>;
};

const MAX_IN_FLIGHT = 64;
const PUBLISH_CREDIT = 256;

/** One module under supervision: its life, its process, and what is known of both. */
export class SupervisedModule {
  definition: ModuleDefinition;
  readonly record: ModuleRecord;
  /** Set while changed code waits for approval beside the running one. */
  pending: { digest: string } | null = null;
  /** Tables that a transform said it wants. */
  tables: string[] = [];
  readonly #around: ModuleSurroundings;
  #life: Lifecycle = NEW_LIFECYCLE;
  #process: ModuleProcess | undefined;
  #gone: Promise<void> = Promise.resolve();
  #health: ModuleHealth = "starting";
  #detail = "Not started";
  #epoch = 0;
  #startedAt: EpochMs | null = null;
  #spawnedAt = 0;
  /** How long the host was held up since then. */
  #heldUpMs = 0;
  #loaded = false;
  #lastHeartbeatAt: EpochMs | null = null;
  #lastExit: ModuleStatus["lastExit"] = null;
  #stat: ProcessStat | undefined;
  #owedCredit = 0;
  #drainTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(definition: ModuleDefinition, around: ModuleSurroundings) {
    this.definition = definition;
    this.#around = around;
    const { config, clock, onLog } = around;
    this.record = new ModuleRecord(definition.name, { logLines: config.logLines, clock, onLog });
  }

  get name(): string {
    return this.definition.name;
  }

  get state(): Lifecycle["state"] {
    return this.#life.state;
  }

  get detail(): string {
    return this.#detail;
  }

  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  /** Wants it to run. */
  start(): void {
    this.#happen("start", "Starting");
  }

  /** Nothing approved is there to run. */
  withhold(detail: string): void {
    this.#happen("withhold", detail);
  }

  /** Its code may run now. */
  approve(): void {
    if (this.#life.state === "awaiting_approval") {
      this.record.log("info", `Approved: code ${this.definition.digest.slice(0, 12)}`);
    }
    this.#happen("approve", "Approved");
  }

  /** Wants it to drain and end; resolves when its process is gone. */
  async stop(): Promise<void> {
    const process = this.#process;
    const { state } = this.#life;
    this.#happen("stop", "Stopped");
    if (process === undefined) {
      // It waited for a restart that will not come now.
      if (this.#life.state !== state) this.record.log("info", "Stopped");
      return;
    }
    if (state !== "draining") this.record.log("info", `Stopping: process ${process.pid} drains`);
    const { drainMs } = this.#around.config;
    if (this.#drainTimer === undefined) {
      process.stop();
      this.#drainTimer = setTimeout(() => {
        process.kill("drain_deadline", `Kill ${this.name}: not drained within ${drainMs} ms`);
      }, drainMs);
    }
    await this.#gone;
  }

  /** Sends a call to the child. Never rejects. */
  request(call: OutgoingCall): Promise<Answer> {
    const { state } = this.#life;
    if (
      this.#process === undefined || !this.#loaded ||
      (state === "starting" && this.definition.manifest.kind === "transform")
    ) {
      return Promise.resolve(failed(
        new CandlewireError("host.unreachable", `Call ${this.name}.${call.method}: the module is ${state}`, {
          retry: "retry",
        }),
      ));
    }
    return this.#process.calls.request(call);
  }

  /** Looks after the process: memory, heartbeat, time to load, time to start again. `lateMs`: how late this look is. */
  watch(options: { stat: ProcessStat | undefined; lateMs: number }): void {
    const { config } = this.#around;
    const now = performance.now();
    // While the host itself was held up, frames waited unread, and the module may have been held up with it.
    this.#heldUpMs += options.lateMs;
    if (this.#process !== undefined) {
      this.#process.lastHeardAt = Math.min(now, this.#process.lastHeardAt + options.lateMs);
    }
    if (this.#life.state === "backing_off" && this.#around.steadyClock() >= this.#life.retryAt!) {
      this.#happen("retry", "Starting again");
    }
    const process = this.#process;
    if (process === undefined) return;
    this.#stat = options.stat ?? this.#stat;
    const limit = this.memoryLimitBytes;
    if (options.stat !== undefined && options.stat.rssBytes > limit) {
      const megabytes = Math.round(options.stat.rssBytes / 1048576);
      return process.kill(
        "memory",
        `Kill ${this.name}: ${megabytes} MiB resident, above its ceiling of ${limit / 1048576} MiB`,
      );
    }
    if (this.#life.state === "draining") return;
    if (!this.#loaded && now - this.#spawnedAt - this.#heldUpMs > config.startTimeoutMs) {
      return process.kill(
        "start_timeout",
        `Kill ${this.name}: not loaded within ${config.startTimeoutMs} ms`,
      );
    }
    if (this.#loaded && now - process.lastHeardAt > config.hangMs) {
      process.kill("hang", `Kill ${this.name}: silent for ${config.hangMs} ms`);
    }
  }

  get memoryLimitBytes(): number {
    return this.definition.manifest.memoryMb * 1024 * 1024;
  }

  status(): ModuleStatus {
    const { definition, record } = this;
    const { manifest } = definition;
    const at = this.#around.steadyClock();
    return {
      name: this.name,
      kind: manifest.kind,
      version: manifest.version,
      description: manifest.description,
      state: this.#life.state,
      health: this.#health,
      detail: this.pending === null
        ? this.#detail
        : `${this.#detail === "" ? "" : `${this.#detail}; `}changed code ${
          this.pending.digest.slice(0, 12)
        } waits for approval`,
      digest: definition.digest,
      pendingDigest: this.pending?.digest ?? null,
      builtIn: definition.builtIn,
      pid: this.pid,
      epoch: this.#epoch,
      startedAt: this.#startedAt,
      restarts: this.#life.restarts,
      restartBudget: restartsLeft(this.#life, { at, policy: this.#policy }),
      rssBytes: this.#process === undefined ? null : this.#stat?.rssBytes ?? null,
      memoryLimitBytes: this.memoryLimitBytes,
      cpuSeconds: this.#process === undefined ? null : this.#stat?.cpuSeconds ?? null,
      lastHeartbeatAt: this.#lastHeartbeatAt,
      lastExit: this.#lastExit,
      permissions: describeGrant(definition.grant),
      violations: {
        ...record.violations,
        ...(record.logs.dropped > 0 ? { log_lines_dropped: record.logs.dropped } : {}),
      },
      metrics: Object.fromEntries(record.metrics.values),
    };
  }

  get #policy(): RestartPolicy {
    const { backoffMs, maxBackoffMs } = this.#around.config;
    return { ...this.definition.manifest.restart, backoffMs, maxBackoffMs };
  }

  #happen(event: LifecycleEvent, detail: string): void {
    const before = this.#life;
    this.#life = transition(before, event, { at: this.#around.steadyClock(), policy: this.#policy });
    if (this.#life.state === before.state) return;
    this.#detail = detail;
    if (this.#life.state === "awaiting_approval") this.record.log("warn", `Waiting for approval: ${detail}`);
    if (this.#life.state === "starting") this.#spawn();
    this.#around.onChange(this);
  }

  #spawn(): void {
    const { definition } = this;
    const { config, origin, clock, nextEpoch } = this.#around;
    this.#health = "starting";
    this.#loaded = false;
    this.#owedCredit = 0;
    this.#stat = undefined;
    this.record.metrics.values.clear();
    let process: ModuleProcess;
    try {
      this.#epoch = nextEpoch(this.name);
      process = new ModuleProcess(this.#around.spawn(definition), {
        start: {
          name: this.name,
          kind: definition.manifest.kind,
          epoch: this.#epoch,
          origin,
          parameters: definition.parameters,
          secrets: definition.secrets,
          heartbeatMs: config.heartbeatMs,
          maxInFlight: MAX_IN_FLIGHT,
          publishCredit: PUBLISH_CREDIT,
        },
        builtIn: definition.builtIn,
        limitMs: definition.manifest.kind === "transform" ? definition.manifest.timeoutMs : undefined,
        events: {
          onMessage: (message) => this.#receive(message),
          onCall: (to, call) => this.#around.route(this, to, call),
          onStderr: (line) => this.record.stderr(line, definition.grant),
          onViolation: (kind, detail) => this.record.violate(kind, detail),
        },
      });
    } catch (error) {
      return this.#end({
        code: null,
        signal: null,
        cause: "error",
        detail: `Start ${this.name}: ${(error as Error).message}`,
      });
    }
    this.#process = process;
    this.#startedAt = clock();
    this.#spawnedAt = performance.now();
    this.#heldUpMs = 0;
    this.#around.onSpawned(process.pid);
    this.record.log(
      "info",
      `Started: process ${process.pid}, epoch ${this.#epoch}, memory ceiling ${definition.manifest.memoryMb} MiB`,
    );
    this.#gone = process.exited.then((exit) => {
      this.#around.onGone(process.pid);
      this.#end(exit);
    });
  }

  #end(exit: ProcessExit): void {
    clearTimeout(this.#drainTimer);
    this.#drainTimer = undefined;
    this.#process = undefined;
    const { code, signal, cause, detail } = exit;
    this.#lastExit = { at: this.#around.clock(), code, signal, cause };
    this.#lastHeartbeatAt = null;
    if (cause === "stopped") {
      this.record.log("info", `Stopped: ${detail}`);
    } else {
      this.record.countExit(cause);
      this.record.log("error", `Process gone, ${cause}: ${detail}`, { cause, code, signal });
    }
    this.#happen("exit", detail);
    const { state, retryAt, crashes } = this.#life;
    if (state === "backing_off") {
      const left = restartsLeft(this.#life, { at: this.#around.clock(), policy: this.#policy });
      const waitMs = Math.max(0, retryAt! - this.#around.clock());
      this.record.log("info", `Restarting in ${waitMs} ms; restarts left after that: ${left}`);
    } else if (state === "failed") {
      this.record.log("error", `Not restarted: it ended ${crashes.length} times within the restart window`);
    }
  }

  #receive(message: Exclude<ChildMessage, { kind: "response" | "goodbye" | "request" }>): void {
    switch (message.kind) {
      case "hello":
        if (message.protocol !== PROTOCOL) {
          return this.#process?.kill("protocol", `Protocol ${message.protocol}`);
        }
        this.#loaded = true;
        this.tables = message.tables;
        return;
      case "heartbeat":
        this.#lastHeartbeatAt = epochMs(this.#around.clock());
        if ((message.denials.run ?? 0) > 0) this.record.denied("run", "", message.denials.run);
        return this.record.mergeMetrics(message.body);
      case "log":
        if (message.dropped > 0) this.record.logs.drop(message.dropped);
        return this.record.log(message.level, message.message, message.fields);
      case "health": {
        const changed = this.#health !== message.health || this.#detail !== message.detail;
        this.#health = message.health;
        if (message.health === "running" && this.#life.state === "starting") {
          const tookMs = Math.round(performance.now() - this.#spawnedAt);
          const told = message.detail === "" ? "" : `: ${message.detail}`;
          this.record.log("info", `Running after ${tookMs} ms${told}`);
          return this.#happen("ready", message.detail);
        }
        if (this.#life.state === "running" || this.#life.state === "starting") this.#detail = message.detail;
        if (changed && this.record.mayTell()) this.#around.onChange(this);
        return;
      }
      case "publish":
        return this.#publish(message);
    }
  }

  #publish(message: ChildMessage & { kind: "publish" }): void {
    // Half of the credit at a time, to spare frames.
    if (++this.#owedCredit >= PUBLISH_CREDIT / 2) {
      this.#process?.grantEvents(this.#owedCredit);
      this.#owedCredit = 0;
    }
    const { definition, record } = this;
    if (!definition.builtIn) {
      if (!message.channel.startsWith(`${this.name}.`)) {
        // A user module must not speak for the pipeline (I8).
        return record.violate(
          "channel_denied",
          `channel ${message.channel}; its own begin with ${this.name}.`,
        );
      }
      if (!record.mayPublish()) return;
    }
    const decoded = decodeBody(message.body);
    if ("error" in decoded || !isRecord(decoded.value)) {
      return record.violate("bad_event", `channel ${message.channel}`);
    }
    this.#around.onEvent(message.channel, decoded.value, this.name);
  }
}
