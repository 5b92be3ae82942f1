import { adviceText, CandlewireError, errorText } from "../error.ts";
import type { LogLevel, Metrics, ModuleHealth } from "../host/module_context.ts";
import { retry } from "./retry.ts";

/** Where the consumer says how it is. */
export type ConsumerReport = {
  log: (level: LogLevel, message: string, fields?: Record<string, unknown>) => void;
  health: (health: ModuleHealth, detail?: string) => void;
  metrics: Metrics;
};

/** Options of {@linkcode ConsumerHealth}. */
export type ConsumerHealthOptions = {
  report: ConsumerReport;
  signal: AbortSignal;
  /** First and longest wait between attempts, ms. */
  retryMinMs: number;
  retryMaxMs: number;
  /** What is stopped for want of room, for people; empty when nothing is. */
  blocked: () => string[];
  /** What keeps a part of the work from being done while rows go on; undefined when nothing does. */
  lasting?: () => CandlewireError | undefined;
};

/** Says how the consumer is while parts of it wait, several at once perhaps; and that it runs once none does (I7). */
export class ConsumerHealth {
  readonly #options: ConsumerHealthOptions;
  #trouble: string | undefined;
  #waiting = 0;

  constructor(options: ConsumerHealthOptions) {
    this.#options = options;
  }

  /** Does the work again, without end, while it fails for what time mends; says so meanwhile. */
  async retry<T>(work: () => Promise<T>): Promise<T> {
    const { signal, retryMinMs, retryMaxMs } = this.#options;
    let waits = false;
    try {
      return await retry(work, {
        signal,
        minMs: retryMinMs,
        maxMs: retryMaxMs,
        onWait: (error) => {
          if (!waits) this.#waiting++;
          waits = true;
          this.troubled(error, "degraded");
        },
      });
    } finally {
      if (waits) this.#waiting--;
    }
  }

  /** Says what keeps the consumer from its work. */
  troubled(error: CandlewireError, health: ModuleHealth): void {
    const { report } = this.#options;
    report.metrics.count("candlewire_consumer_retries_total", 1, { code: error.code });
    // That a partition is stopped needs a person, and is not to be hidden by what time mends.
    if (health === "degraded" && this.#options.blocked().length > 0) this.tell();
    else report.health(health, adviceText(error));
    if (this.#trouble !== error.code) {
      report.log("warn", errorText(error), { hint: error.hint, ...error.details });
    }
    this.#trouble = error.code;
  }

  /** A turn of the loop went well. */
  recovered(): void {
    if (this.#trouble === undefined || this.#waiting > 0) return;
    this.#trouble = undefined;
    this.tell();
  }

  /** Says how the consumer is: for others who had said that they wait, and wait no longer (I7). */
  tell(): void {
    const { report, lasting } = this.#options;
    const blocked = this.#options.blocked();
    const problem = lasting?.();
    if (blocked.length > 0) {
      report.health("blocked", `The dead-letter store is full; stopped: ${blocked.slice(0, 8).join(", ")}`);
    } else if (problem !== undefined) report.health("degraded", adviceText(problem));
    else report.health("running", "reading");
  }
}
