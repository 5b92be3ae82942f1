import type { EpochMs } from "../market/epoch.ts";
import { parseAuditLine } from "./audit_line.ts";
import { isMetricKey, isMetricType } from "./exposition.ts";
import { decodeBody, isRecord } from "./frame.ts";
import { LogRing } from "./log_ring.ts";
import type { LogLevel, LogLine } from "./module_context.ts";
import { type Grant, isGranted } from "./permission.ts";
import { Throttle } from "./throttle.ts";

/** Options of {@linkcode ModuleRecord}. */
export type ModuleRecordOptions = {
  logLines: number;
  clock(): EpochMs;
  onLog(line: LogLine): void;
};

/** Series kept of a module; histograms count each bucket. */
const MAX_SERIES = 4_000;
/** Events a second that a user module may publish, and changes of health that any module may tell. */
const EVENTS_PER_SECOND = 200;
const CHANGES_PER_SECOND = 20;
/** Deno's kinds of permission; a count is kept for these alone (I10). */
const PERMISSIONS: readonly string[] = ["read", "write", "net", "env", "sys", "run", "ffi", "import"];

/** What is known of a module over all its processes: log, metrics, and what it did that it must not do. All bounded. */
export class ModuleRecord {
  readonly name: string;
  readonly logs: LogRing;
  readonly metrics = { values: new Map<string, number>(), types: new Map<string, string>() };
  readonly violations: Record<string, number> = {};
  readonly #options: ModuleRecordOptions;
  readonly #events = new Throttle(EVENTS_PER_SECOND);
  readonly #changes = new Throttle(CHANGES_PER_SECOND);

  constructor(name: string, options: ModuleRecordOptions) {
    this.name = name;
    this.#options = options;
    this.logs = new LogRing(name, { maxLines: options.logLines });
  }

  /** A log line of the module, or of the host about it. */
  log(level: LogLevel, message: string, fields?: Record<string, unknown>): void {
    const { clock, onLog } = this.#options;
    for (const line of this.logs.add(clock(), level, message, fields)) onLog(line);
  }

  /** Counts something the module must not do (I6). */
  violate(kind: string, detail: string, count = 1): void {
    const before = this.violations[kind] ?? 0;
    const now = before + count;
    this.violations[kind] = now;
    // Each sort is logged at 1, 10, 100, …: a flood of denials must not become a flood of lines.
    if (before === 0 || Math.floor(Math.log10(now)) > Math.floor(Math.log10(before))) {
      this.log("warn", `Refuse ${this.name} (${kind}): ${detail}`, { violation: kind, count: now });
    }
  }

  /** The end of a process that was not asked for. */
  countExit(cause: string): void {
    this.violations[`exit_${cause}`] = (this.violations[`exit_${cause}`] ?? 0) + 1;
  }

  /** A line of the module's stderr: a log line, or Deno's audit of a permission. */
  stderr(line: string, grant: Grant): void {
    const audited = parseAuditLine(line);
    if (audited === undefined) return this.log("warn", line, { stream: "stderr" });
    if (audited === "passed_over" || isGranted(grant, audited.permission, audited.value)) return;
    this.denied(audited.permission, audited.value);
  }

  /** A permission that was refused. */
  denied(permission: string, value: string, count = 1): void {
    const kind = PERMISSIONS.includes(permission) ? permission : "other";
    this.violate(`denied_${kind}`, `permission ${kind} ${value}`.trim(), count);
  }

  /** True when one more event of a user module may go to readers. */
  mayPublish(): boolean {
    if (this.#events.tryTake(1)) return true;
    this.violations.events_dropped = (this.violations.events_dropped ?? 0) + 1;
    return false;
  }

  /** True when one more change of health may be told; the latest is always in the status. */
  mayTell(): boolean {
    return this.#changes.tryTake(1);
  }

  /** A heartbeat's metrics; what is malformed is left out. */
  mergeMetrics(body: Uint8Array): void {
    const decoded = decodeBody(body);
    if ("error" in decoded || !isRecord(decoded.value)) return;
    const { values, types } = decoded.value;
    const known = this.metrics;
    for (const [key, value] of isRecord(values) ? Object.entries(values) : []) {
      if (typeof value !== "number" || !isMetricKey(key)) continue;
      if (known.values.size < MAX_SERIES || known.values.has(key)) known.values.set(key, value);
    }
    for (const [name, type] of isRecord(types) ? Object.entries(types) : []) {
      if (isMetricType(type) && isMetricKey(name) && known.types.size < MAX_SERIES) {
        known.types.set(name, type);
      }
    }
  }
}
