import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { isSimulated, type Origin } from "../market/origin.ts";
import type { EventHub } from "./event_hub.ts";

/** The control API's own metrics, in a registry of their own; the modules' come from the host. */
export class HttpMetrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<"method" | "route" | "status">;
  readonly #seconds: Histogram<"route">;

  constructor(origin: Origin, hub: EventHub) {
    const registers = [this.#registry];
    this.#requests = new Counter({
      name: "candlewire_http_requests_total",
      help: "Answered requests of the control API",
      labelNames: ["method", "route", "status"],
      registers,
    });
    this.#seconds = new Histogram({
      name: "candlewire_http_request_duration_seconds",
      help: "Time until the answer's head",
      labelNames: ["route"],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers,
    });
    new Gauge({
      name: "candlewire_event_readers",
      help: "Open event streams",
      registers,
      collect() {
        this.set(hub.readers);
      },
    });
    new Gauge({
      name: "candlewire_events",
      help: "Events of the streams since the start, by what became of them",
      labelNames: ["outcome"],
      registers,
      collect() {
        for (const [outcome, value] of Object.entries(hub.figures)) this.set({ outcome }, value);
      },
    });
    const info = new Gauge({
      name: "candlewire_origin_info",
      help: "Where the numbers come from (I8)",
      labelNames: ["kind", "id", "simulated"],
      registers,
    });
    info.set({ kind: origin.kind, id: origin.id, simulated: String(isSimulated(origin)) }, 1);
    new Gauge({
      name: "candlewire_host_resident_memory_bytes",
      help: "Resident memory of the host process",
      registers,
      collect() {
        this.set(Deno.memoryUsage().rss);
      },
    });
  }

  /** Notes an answered request. `route` is a pattern, so that labels stay few (I10). */
  answered(method: string, route: string, status: number, seconds: number): void {
    this.#requests.inc({ method: METHODS.has(method) ? method : "other", route, status: String(status) });
    this.#seconds.observe({ route }, seconds);
  }

  /** Prometheus text. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }
}

const METHODS = new Set(["GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"]);
