import type { EpochMs } from "../market/epoch.ts";
import type { LogLevel, LogLine } from "./module_context.ts";
import { Throttle } from "./throttle.ts";

/** Options of {@linkcode LogRing}. */
export type LogRingOptions = {
  /** Lines kept (2,000). */
  maxLines?: number;
  /** Lines a second that are kept; what comes faster is dropped and counted (500, in bursts of twice as many). */
  maxPerSecond?: number;
};

/** The last log lines of a module, bounded in number and rate (I10). */
export class LogRing {
  readonly #module: string;
  readonly #maxLines: number;
  readonly #throttle: Throttle;
  readonly #lines: LogLine[] = [];
  #sequence = 0;
  #unreported = 0;
  /** Lines not kept, since the host started. */
  dropped = 0;

  constructor(module: string, options: LogRingOptions = {}) {
    this.#module = module;
    this.#maxLines = options.maxLines ?? 2_000;
    const rate = options.maxPerSecond ?? 500;
    this.#throttle = new Throttle(rate, { burst: 2 * rate });
  }

  /** Adds a line. Returns the lines that are new to readers: none when dropped, two when it says what was dropped before. */
  add(at: EpochMs, level: LogLevel, message: string, fields?: Record<string, unknown>): LogLine[] {
    if (!this.#throttle.tryTake(1)) {
      this.drop(1);
      return [];
    }
    const added: LogLine[] = [];
    if (this.#unreported > 0) {
      const dropped = this.#unreported;
      this.#unreported = 0;
      added.push(this.#push(at, "warn", `Drop ${dropped} log lines: they came too fast`, { dropped }));
    }
    added.push(this.#push(at, level, message, fields));
    return added;
  }

  /** Counts lines that were dropped elsewhere. */
  drop(count: number): void {
    this.dropped += count;
    this.#unreported += count;
  }

  /** The kept lines after a sequence number, oldest first; the newest `limit` of them. */
  lines(options: { after?: number; limit?: number } = {}): LogLine[] {
    const after = options.after ?? 0;
    const found = this.#lines.filter((line) => line.sequence > after);
    return options.limit === undefined ? found : found.slice(Math.max(0, found.length - options.limit));
  }

  #push(time: EpochMs, level: LogLevel, message: string, fields?: Record<string, unknown>): LogLine {
    const line: LogLine = {
      sequence: ++this.#sequence,
      time,
      level,
      module: this.#module,
      message,
      ...(fields === undefined ? {} : { fields }),
    };
    this.#lines.push(line);
    if (this.#lines.length > this.#maxLines) this.#lines.splice(0, this.#lines.length - this.#maxLines);
    return line;
  }
}
