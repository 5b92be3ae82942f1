import { CandlewireError, errorText } from "../error.ts";
import type { ModuleContext, ModuleHealth } from "../host/module_context.ts";
import type { TableName } from "../market/table.ts";
import type { FrameProblem, StreamKind } from "./source/binance_frames.ts";
import type { SourceObserver } from "./source/binance_stream.ts";
import { type AnyRow, WRITE_ORDER } from "./table/row_shape.ts";
import type { WriteCounts } from "./write_queue.ts";

/** A kind of line is logged at most this often; what was left out is counted in the next one. */
const LOG_INTERVAL_MS = 5_000;

/** A failure is shown in the module's state for this long. */
const FAILURE_SHOWN_MS = 15_000;

type Counter = { name: string; labels: Record<string, string>; by: number };

/** Counts, logs and the module's state. Counters are gathered here and handed on once a second, for they are many. */
export class Report implements SourceObserver {
  readonly #context: ModuleContext;
  readonly #counters = new Map<string, Counter>();
  readonly #frames = new Map<StreamKind, number>();
  readonly #logged = new Map<string, { at: number; skipped: number }>();
  #failure: { error: unknown; at: number } | undefined;
  #shown = "";

  constructor(context: ModuleContext) {
    this.#context = context;
  }

  frame(stream: StreamKind): void {
    this.#frames.set(stream, (this.#frames.get(stream) ?? 0) + 1);
  }

  problem(problem: FrameProblem): void {
    this.count("candlewire_bad_frames_total", { code: problem.code });
    this.log(
      "warn",
      problem.code,
      `Set aside what ${problem.stream ?? "the source"} sent: ${problem.reason}`,
    );
  }

  reconnect(cause: string): void {
    this.count("candlewire_reconnects_total", { cause });
    this.log("warn", `reconnect ${cause}`, `Connecting again: ${cause}`);
  }

  failure(error: unknown): void {
    this.#failure = { error, at: performance.now() };
    const hint = error instanceof CandlewireError && error.hint !== undefined ? `. ${error.hint}` : "";
    this.log(
      "warn",
      error instanceof CandlewireError ? error.code : "failure",
      `Trying again: ${errorText(error)}${hint}`,
    );
  }

  written(counts: WriteCounts): void {
    for (const table of WRITE_ORDER) {
      const { written, unchanged } = counts[table];
      if (written > 0) this.count("candlewire_rows_written_total", { table }, written);
      if (unchanged > 0) this.count("candlewire_rows_unchanged_total", { table }, unchanged);
    }
  }

  /** I5: a row that PostgreSQL can never hold is named in full, for it exists nowhere else. */
  badRow(table: TableName, row: AnyRow, reason: string): void {
    this.count("candlewire_bad_rows_total", { table });
    this.#context.log("error", `Set aside a row of ${table}: ${reason}`, {
      table,
      row: JSON.stringify(row).slice(0, 2_000),
    });
  }

  filtered(rule: string, table: TableName, rows: number): void {
    this.count("candlewire_filtered_total", { rule, table }, rows);
    this.log("info", `filtered ${rule} ${table}`, `Left out ${rows} rows of ${table}: ${rule}`);
  }

  count(name: string, labels: Record<string, string>, by = 1): void {
    const key = `${name} ${Object.values(labels).join(" ")}`;
    const counter = this.#counters.get(key);
    if (counter === undefined) this.#counters.set(key, { name, labels, by });
    else counter.by += by;
  }

  /** Logs, at most once in a while for the same `kind`. */
  log(level: "info" | "warn" | "error", kind: string, message: string): void {
    const now = performance.now();
    const last = this.#logged.get(kind);
    if (last !== undefined && now - last.at < LOG_INTERVAL_MS) {
      last.skipped++;
      return;
    }
    // I10: kinds come from outside in part.
    if (this.#logged.size > 200) this.#logged.clear();
    this.#logged.set(kind, { at: now, skipped: 0 });
    this.#context.log(
      level,
      message,
      last !== undefined && last.skipped > 0 ? { skipped: last.skipped } : {},
    );
  }

  /** Hands counters on. */
  flush(): void {
    const { metrics } = this.#context;
    for (const [stream, by] of this.#frames) metrics.count("candlewire_frames_total", by, { stream });
    this.#frames.clear();
    for (const { name, by, labels } of this.#counters.values()) metrics.count(name, by, labels);
    this.#counters.clear();
  }

  /** A failure of the last seconds, for the state's line. */
  recentFailure(): unknown {
    if (this.#failure !== undefined && performance.now() - this.#failure.at > FAILURE_SHOWN_MS) {
      this.#failure = undefined;
    }
    return this.#failure?.error;
  }

  health(health: ModuleHealth, detail: string): void {
    const shown = `${health} ${detail}`;
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#context.health(health, detail);
  }
}
