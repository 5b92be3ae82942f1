import { createHmac } from "node:crypto";
import { errorText } from "../error.ts";
import type { ModuleHost } from "../host/module_host.ts";
import type { Origin } from "../market/origin.ts";
import { isSimulated } from "../market/origin.ts";
import type { MarketQuery, StoredAlert } from "../query/market_query.ts";
import type { ControlLog } from "./control_parts.ts";
import { within } from "./probe.ts";

/** Options of {@linkcode Webhook}. */
export type WebhookOptions = {
  url: string;
  /** Key of the signature. */
  secret: string;
  intervalMs: number;
  timeoutMs: number;
  maxBackoffMs: number;
  host: Pick<ModuleHost, "call">;
  query: Pick<MarketQuery, "alerts">;
  origin: Origin;
  log: ControlLog;
  nowMs: () => number;
  /** Wait after the first failure; doubles up to `maxBackoffMs`. */
  firstBackoffMs?: number;
};

/** Alerts read at once. */
const BATCH = 50;

/**
 * Posts undelivered alerts, oldest first, one at a time, at least once each: the mark `delivered` follows the
 * receiver's 2xx, so a crash in between posts again with the same `Candlewire-Delivery` id.
 *
 * Body: `{"origin", "simulated", "alert"}`. `Candlewire-Signature: t=<epoch s>,v1=<hex>` is HMAC-SHA-256 of
 * `<t>.<body>` with the configured secret; a receiver refuses old times.
 */
export class Webhook implements AsyncDisposable {
  readonly #options: WebhookOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #wake: (() => void) | undefined;
  #asked = false;
  #failures = 0;
  /** Delivered, but the consumer could not be told yet: not posted again by this process. Bounded by BATCH. */
  readonly #unmarked = new Set<string>();
  readonly figures = { delivered: 0, failed: 0 };

  constructor(options: WebhookOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** Looks for undelivered alerts now. */
  wake(): void {
    this.#asked = true;
    // While the receiver fails, its backoff stands.
    if (this.#failures === 0) this.#wake?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#wake?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#asked = false;
      try {
        await this.#deliverAll();
        if (this.#failures > 0) {
          this.#options.log("info", "Webhook delivers again", { failures: this.#failures });
        }
        this.#failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        this.#failures++;
        this.figures.failed++;
        // The first failure and then each doubling: a receiver that is down for a day must not fill the log.
        if ((this.#failures & (this.#failures - 1)) === 0) {
          this.#options.log("warn", "Webhook failed", { failures: this.#failures, cause: errorText(error) });
        }
      }
      if (!this.#asked || this.#failures > 0) await this.#pause(this.#waitMs());
    }
  }

  async #deliverAll(): Promise<void> {
    const { query, timeoutMs } = this.#options;
    while (!this.#stop.signal.aborted) {
      const page = await within(
        query.alerts({ limit: BATCH, undeliveredOnly: true }),
        timeoutMs,
        "Read the alerts",
      );
      const alerts = [...page.rows].sort((a, b) => a.raised_at - b.raised_at);
      if (alerts.length === 0) return;
      for (const alert of alerts) {
        if (this.#stop.signal.aborted) return;
        if (!this.#unmarked.has(alert.id)) await this.#post(alert);
        this.#unmarked.add(alert.id);
        await this.#options.host.call("consumer", "alerts.delivered", { id: alert.id }, { timeoutMs });
        this.#unmarked.delete(alert.id);
        this.figures.delivered++;
      }
      // A mark that the query does not show yet would have the same page read again at once.
      if (alerts.length < BATCH) return;
    }
  }

  async #post(alert: StoredAlert): Promise<void> {
    const { url, secret, timeoutMs, origin, nowMs } = this.#options;
    const body = JSON.stringify({ origin, simulated: isSimulated(origin), alert });
    const time = Math.floor(nowMs() / 1000);
    const signature = createHmac("sha256", secret).update(`${time}.${body}`).digest("hex");
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "candlewire-delivery": alert.id,
        "candlewire-origin": `${origin.kind}/${encodeURIComponent(origin.id)}`,
        "candlewire-simulated": String(isSimulated(origin)),
        "candlewire-signature": `t=${time},v1=${signature}`,
      },
      body,
      // A redirect could send the alert to who was not configured.
      redirect: "manual",
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), this.#stop.signal]),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`The receiver answered ${response.status}`);
  }

  #waitMs(): number {
    const { intervalMs, maxBackoffMs, firstBackoffMs = 1_000 } = this.#options;
    if (this.#failures === 0) return intervalMs;
    const backoff = Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.min(this.#failures - 1, 30));
    return backoff * (0.75 + Math.random() / 4);
  }

  #pause(ms: number): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#wake = done;
    });
  }
}
